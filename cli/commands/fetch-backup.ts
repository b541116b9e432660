import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Answer } from '../../src/contract/client.ts';
import { Failure, messageOf } from '../../src/domain/failure.ts';
import type { ProgressEvent } from '../../src/domain/progress-meter.ts';
import { fileFailure } from './file-failure.ts';
import { readRange, StaleLink } from './read-range.ts';

export type Grant = Answer<'backups.download'>;

export interface Fetching {
  readonly file: string;
  readonly grant: Grant;
  readonly signal: AbortSignal;
  /** New links to the same bytes. */
  renew(): Promise<Grant>;
  progress(event: ProgressEvent): void;
}

/** Attempts without a single new byte before it is given up. */
const FRUITLESS = 5;
const PAUSE_MS = 500;

/**
 * Brings the volumes, one after the other, into one file. What is there of an earlier attempt is hashed and kept; a link
 * that has run out is renewed; a connection that breaks is made again from the next byte. The file is renamed into place
 * only when its SHA-256 is the backup's.
 */
export async function fetchBackup(fetching: Fetching): Promise<void> {
  const { file, grant, progress } = fetching;
  // Named after what it is to become: bytes of another backup are never continued.
  const draft = `${file}.${grant.sha256.slice(0, 12)}.part`;
  const handle = await open(draft, 'a', 0o600).catch((error: unknown) => {
    throw fileFailure(error, file);
  });
  try {
    const state = await stateOf(draft, handle, grant);
    await fill(fetching, state);
    const sha256 = state.hash.digest('hex');
    if (state.bytes !== grant.bytes || sha256 !== grant.sha256) throw await damaged(draft, grant);
    await handle.sync();
    progress({ phase: 'fetch', storedBytes: state.bytes, totalBytes: grant.bytes });
  } catch (error) {
    throw fileFailure(error, file);
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}

interface State {
  readonly handle: FileHandle;
  readonly hash: Hash;
  bytes: number;
}

async function stateOf(draft: string, handle: FileHandle, { bytes: whole }: Grant): Promise<State> {
  const hash = createHash('sha256');
  const { size } = await handle.stat();
  if (size > whole) {
    await handle.truncate(0);
    return { handle, hash, bytes: 0 };
  }
  for await (const chunk of createReadStream(draft)) hash.update(chunk as Buffer);
  return { handle, hash, bytes: size };
}

async function fill(fetching: Fetching, state: State): Promise<void> {
  let { grant } = fetching;
  let fruitless = 0;
  while (state.bytes < grant.bytes) {
    const before = state.bytes;
    const error = await readMore(fetching, grant, state).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error === undefined) continue;
    fruitless = state.bytes > before ? 0 : fruitless + 1;
    grant = await afterBreak(fetching, { grant, error, fruitless });
  }
}

interface Break {
  readonly grant: Grant;
  readonly error: unknown;
  readonly fruitless: number;
}

/** The links to go on with, or what ended it. */
async function afterBreak(fetching: Fetching, { grant, error, fruitless }: Break): Promise<Grant> {
  const { signal } = fetching;
  signal.throwIfAborted();
  if (fruitless >= FRUITLESS || !mayPass(error)) throw explained(error);
  await setTimeout(PAUSE_MS * fruitless, undefined, { signal });
  return error instanceof StaleLink ? sameBytes(fetching) : grant;
}

/** From where it stands to the end of that volume. */
async function readMore({ signal, progress }: Fetching, grant: Grant, state: State): Promise<void> {
  let start = 0;
  for (const volume of grant.volumes) {
    const end = start + volume.bytes;
    if (state.bytes < end) {
      for await (const chunk of readRange({
        url: volume.url,
        from: state.bytes - start,
        bytes: volume.bytes,
        signal,
      })) {
        await state.handle.appendFile(chunk);
        state.hash.update(chunk);
        state.bytes += chunk.length;
        progress({ phase: 'fetch', storedBytes: state.bytes, totalBytes: grant.bytes });
      }
      return;
    }
    start = end;
  }
  throw new Failure('backup_damaged', `The links lead to ${start} bytes of a backup of ${grant.bytes}.`, {
    remedy: 'Verify the backup: dbdump verify BACKUP --level 1',
  });
}

/** Links to something else than was begun are not followed. */
async function sameBytes({ renew, grant }: Fetching): Promise<Grant> {
  const renewed = await renew();
  if (renewed.sha256 === grant.sha256 && renewed.bytes === grant.bytes) return renewed;
  throw new Failure('backup_damaged', 'The backup is another one than when the download began.', {
    remedy: 'Look at it with dbdump backup show, and start again.',
  });
}

/** A refusal of the store or of the service is final; everything else is a connection that may come back. */
function mayPass(error: unknown): boolean {
  if (error instanceof Failure) return error.code === 'storage_unreachable';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return !(typeof code === 'string' && /^E(NOSPC|DQUOT|IO|FBIG|ROFS)$/.test(code));
}

function explained(error: unknown): unknown {
  if (error instanceof Failure || (error instanceof Error && 'syscall' in error)) return error;
  return new Failure('storage_unreachable', `The download broke off: ${messageOf(error)}.`, {
    remedy: 'Start the same command again: it goes on where it stopped.',
    cause: error,
  });
}

async function damaged(draft: string, { sha256 }: Grant): Promise<Failure> {
  await rm(draft, { force: true });
  return new Failure('backup_damaged', `What came is not the backup: its SHA-256 is not ${sha256.slice(0, 12)}….`, {
    remedy: 'Start again; if it happens twice, verify the backup: dbdump verify BACKUP --level 1',
  });
}
