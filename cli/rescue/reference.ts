import { Failure } from '../../src/domain/failure.ts';
import { findBackup } from '../../src/pipeline/list.ts';
import type { BackupSummary, Needs, TrustedManifest } from '../../src/pipeline/pipeline.ts';
import type { CommonOptions } from './global-options.ts';
import type { Session } from './session.ts';

export interface ReferenceOptions extends Pick<CommonOptions, 'acceptUnsigned' | 'confirm'> {
  readonly from: string;
  readonly reference: string;
  /** `latest` is then the newest backup of roles and globals. */
  readonly globals?: boolean;
}

export interface OpenedBackup {
  readonly needs: Needs;
  readonly summary: BackupSummary;
  readonly manifest: TrustedManifest;
  close(): Promise<void>;
}

/** The backup that a command speaks of, in the store it names, with what an operation on it needs. */
export async function openBackup(session: Session, options: ReferenceOptions): Promise<OpenedBackup> {
  const storage = session.rescue.openStore(options.from);
  try {
    const trusted = await session.rescue.trusted();
    const { acceptUnsigned, globals = false } = options;
    const summary = await findBackup({ storage, trusted, acceptUnsigned }, options.reference, { globals });
    const { manifest } = summary;
    requireSigned(manifest, options.confirm);
    const needs = await session.rescue.needs(session.rescue.engine(manifest.body.database.engine), storage);
    return { needs, summary, manifest, close: () => storage.close() };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** A backup that nobody vouches for may have been made to take over its restore target: only by its typed name. */
function requireSigned({ body, signed }: TrustedManifest, confirmed: readonly string[]): void {
  if (signed || confirmed.includes(body.database.name)) return;
  throw new Failure('confirmation_missing', `No trusted key signed backup ${body.backup} of ${body.database.name}.`, {
    remedy: `If you know where it comes from, confirm with its database's name: --confirm ${body.database.name}`,
  });
}
