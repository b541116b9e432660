import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { Failure } from '../../src/domain/failure.ts';
import { formatBytes } from '../../src/domain/figures.ts';
import { download } from '../../src/pipeline/download.ts';
import type { TrustedManifest } from '../../src/pipeline/pipeline.ts';
import type { Outcome } from '../screen.ts';
import { CommonOptions } from './global-options.ts';
import { openBackup } from './reference.ts';
import { runCommand } from './session.ts';

const DownloadOptions = CommonOptions.extend({
  from: z.string(),
  output: z.string().optional(),
  decompress: z.boolean().default(false),
});

const STDOUT = '-';

/** `dbdump rescue download`. */
export async function downloadCommand(reference: string, given: unknown): Promise<void> {
  const options = DownloadOptions.parse(given);
  await runCommand(options, async (session) => {
    if (options.json && options.output === STDOUT) {
      throw new Failure('usage', '--json and --output - both want standard output.', {
        remedy: 'Leave one of them out.',
      });
    }
    const { needs, manifest, close } = await openBackup(session, { ...options, reference });
    try {
      const { decompress } = options;
      const bytes = download(needs, manifest, { decompress });
      if (options.output === STDOUT) return outcomeOf(manifest, { ...(await toStdout(bytes)), file: STDOUT });
      const file = resolve(options.output ?? usualName(manifest, decompress));
      return outcomeOf(manifest, { ...(await toFile(bytes, file)), file });
    } finally {
      await close();
    }
  });
}

interface Written {
  readonly bytes: number;
  readonly sha256: string;
}

/** The file has its name only when every byte was checked and is on disk; before that, nothing of that name is there. */
async function toFile(bytes: AsyncIterable<Uint8Array>, file: string): Promise<Written> {
  const draft = `${file}.${process.pid}.part`;
  try {
    const counter = countingHash();
    await pipeline(
      Readable.from(bytes, { objectMode: false }),
      counter.stream,
      createWriteStream(draft, { flags: 'wx', mode: 0o600 }),
    );
    const handle = await open(draft, 'r');
    await handle.sync().finally(() => handle.close());
    await rename(draft, file);
    return counter.written();
  } catch (error) {
    await rm(draft, { force: true });
    throw explained(error, file);
  }
}

function explained(error: unknown, file: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (error instanceof Failure || typeof code !== 'string') return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Failure('disk_full', `There is no room left for ${file}.`, {
      remedy: 'Free some space, or give --output on another disk.',
      cause: error,
    });
  }
  return new Failure('usage', `${file} cannot be written (${code}).`, {
    remedy: 'Give another place with --output.',
    cause: error,
  });
}

async function toStdout(bytes: AsyncIterable<Uint8Array>): Promise<Written> {
  const counter = countingHash();
  const through = Readable.from(bytes, { objectMode: false }).pipe(counter.stream);
  through.pipe(process.stdout, { end: false });
  await finished(through, { writable: false });
  return counter.written();
}

function countingHash() {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, written: (): Written => ({ bytes, sha256: hash.digest('hex') }) };
}

function usualName({ body }: TrustedManifest, decompress: boolean): string {
  const stored = body.volumes[0]?.name.replace(/^dump\./, '').replace(/\.\d{4}$/, '') ?? body.extension;
  return `${body.database.name.replace(/[^\w.-]+/g, '_') || 'server'}-${body.backup}.${decompress ? body.extension : stored}`;
}

function outcomeOf({ body }: TrustedManifest, { bytes, sha256, file }: Written & { file: string }): Outcome {
  const line = `${sha256}  ${file === STDOUT ? STDOUT : basename(file)}`;
  return {
    document: { backup: body.backup, database: body.database.name, file, bytes, sha256 },
    lines: [line],
    summary: [
      `✔ download   ${file === STDOUT ? 'standard output' : file}, ${formatBytes(bytes)}; check it with: sha256sum -c`,
    ],
    ...(file === STDOUT ? { stdoutTaken: true } : {}),
  };
}
