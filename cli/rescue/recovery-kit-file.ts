import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../src/domain/failure.ts';
import { databaseFolder } from '../../src/pipeline/layout.ts';
import type { BackupRequest, Needs } from '../../src/pipeline/pipeline.ts';
import { recoveryKit } from '../../src/pipeline/recovery-kit.ts';
import type { Session } from './session.ts';

export interface KitJob {
  readonly needs: Needs;
  readonly source: BackupRequest['source'];
  readonly recipients: readonly string[];
}

/** Writes the page that a restore elsewhere needs beside the signing key; says so when it is new or has changed. */
export async function keepRecoveryKit(session: Session, { needs, source, recipients }: KitJob): Promise<void> {
  const { dataFolder } = session.rescue;
  const { signer } = await session.rescue.signer();
  const text = recoveryKit({
    publicKeys: [signer.publicKey],
    storeUrl: needs.storage.url,
    scheme: needs.engine.schemes[0]?.replace(':', '') ?? needs.engine.id,
    database: source.database,
    recipients,
    at: needs.now(),
  });
  const file = join(dataFolder, `recovery-kit-${databaseFolder(source)}.txt`);
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before !== undefined && undated(before) === undated(text)) return;
  try {
    await mkdir(dataFolder, { recursive: true });
    await writeFile(`${file}.new`, text, { mode: 0o644 });
    await rename(`${file}.new`, file);
  } catch (error) {
    // The backup is good whether or not its page could be written.
    session.screen.warn(`The recovery kit ${file} could not be written: ${messageOf(error)}`);
    return;
  }
  session.screen.note(
    `Recovery kit: ${file}. Keep a copy outside this machine: a restore elsewhere needs the key in it.`,
  );
}

function undated(text: string): string {
  return text.replace(/^Made \d{4}-\d\d-\d\d/m, '');
}
