import { crc32 } from 'node:zlib';
import { DeleteObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import { crc32Base64, toBase64 } from '../crc32.ts';
import { checkMetadata, holdsMetadata } from '../metadata.ts';
import type { PutOptions, Stat } from '../storage.ts';
import { MalformedReply } from './aws-error.ts';
import type { Calls } from './calls.ts';
import { headObject, readObject, versionId } from './reading.ts';

const MUCH_SKEW_MS = 5 * 60_000;
const NO_CONTENT = 204;

/** What an object must be for us to call it ours. */
export interface Wanted {
  readonly key: string;
  readonly bytes: number;
  readonly crc32: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Writes a small object whole. A reply that was lost is made up for by looking (F28). */
export async function putObject(
  calls: Calls,
  { key, body, options }: { key: string; body: Uint8Array; options: PutOptions },
): Promise<Stat> {
  const wanted: Wanted = {
    key,
    bytes: body.byteLength,
    crc32: crc32Base64(body),
    metadata: checkMetadata(options.metadata ?? {}),
  };
  const conditional = options.ifAbsent === true || options.ifMatch !== undefined;
  if (conditional && !calls.mode.conditions) await demandCondition(calls, key, options);
  const stat = await sendPut(calls, { wanted, body, options });
  if (!calls.mode.checksums || (conditional && !calls.mode.conditions)) await demandWanted(calls, wanted, stat);
  return stat;
}

async function sendPut(
  calls: Calls,
  { wanted, body, options }: { wanted: Wanted; body: Uint8Array; options: PutOptions },
): Promise<Stat> {
  const { key, bytes, metadata } = wanted;
  const input = {
    ...calls.object(key),
    ...encryption(calls),
    ...(calls.mode.checksums ? { ChecksumCRC32: wanted.crc32 } : {}),
    ...(calls.mode.conditions ? conditions(options) : {}),
    Body: body,
    ContentLength: bytes,
    Metadata: { ...metadata },
  };
  let tries = 0;
  try {
    const output = await calls.call({ action: 's3:PutObject', key }, async (client, sendOptions) => {
      tries += 1;
      const reply = await client.send(new PutObjectCommand(input), sendOptions);
      if (reply.ETag === undefined) throw new MalformedReply('PutObject without ETag');
      return reply;
    });
    const modifiedAt = new Date(calls.clock.now());
    return {
      key,
      bytes,
      etag: output.ETag ?? '',
      modifiedAt,
      metadata,
      crc32: wanted.crc32,
      ...versionId(output.VersionId),
    };
  } catch (error) {
    const adopted = tries > 1 && isDoubtful(error) ? await adopt(calls, wanted) : undefined;
    if (adopted === undefined) throw error;
    return adopted;
  }
}

/** Whether an earlier try may have succeeded although the last one failed so. */
export function isDoubtful(error: unknown): boolean {
  return error instanceof Failure && (error.code === 'storage_conflict' || error.code === 'storage_unreachable');
}

/** An object under our key that is what we were writing: our own, whose reply was lost (F28). Anything else is undefined. */
export async function adopt(calls: Calls, wanted: Wanted): Promise<Stat | undefined> {
  try {
    const found = await headObject(calls, wanted.key);
    if (found === undefined || found.bytes !== wanted.bytes || !holdsMetadata(found.metadata, wanted.metadata))
      return undefined;
    const crc = found.crc32 ?? (await crcOf(calls, found));
    return crc === wanted.crc32 ? found : undefined;
  } catch {
    // The first error says more than that of this second look.
    return undefined;
  }
}

/** What the store answered when it had written. */
export interface Made {
  readonly etag: string;
  readonly versionId?: string;
}

/** Refuses what the store holds when it is not what was sent: `backup_damaged`. Without a kept checksum the bytes are read again (F44). */
export async function demandWanted(calls: Calls, wanted: Wanted, made: Made): Promise<Stat> {
  const { versionId: version } = made;
  // It has checked length and checksum of the whole before it said yes.
  if (calls.reading === undefined && calls.mode.checksums)
    return { ...made, ...wanted, modifiedAt: new Date(calls.clock.now()) };
  const found = await headObject(calls, wanted.key, version);
  if (found === undefined) {
    throw new Failure('backup_lost', `The object ${wanted.key} was accepted, and is not there.`, {
      remedy: 'Find out who deletes objects there.',
    });
  }
  const crc = found.crc32 ?? (await crcOf(calls, found));
  if (found.bytes === wanted.bytes && crc === wanted.crc32 && holdsMetadata(found.metadata, wanted.metadata)) {
    return { ...found, crc32: crc };
  }
  throw new Failure('backup_damaged', `The store holds other content under ${wanted.key} than was sent.`, {
    remedy: 'Run the backup again; if it repeats, do not use this store.',
    details: { bytes: found.bytes, expectedBytes: wanted.bytes, crc32: crc, expectedCrc32: wanted.crc32 },
  });
}

async function crcOf(calls: Calls, { key, versionId: version, etag }: Stat): Promise<string> {
  let crc = 0;
  for await (const chunk of readObject(calls, key, {
    ...(version === undefined ? {} : { versionId: version }),
    ifMatch: etag,
  })) {
    crc = crc32(chunk, crc);
  }
  return toBase64(crc);
}

// For stores without conditional writes: two writers at the same moment are not told apart, all others are.
async function demandCondition(calls: Calls, key: string, { ifAbsent, ifMatch }: PutOptions): Promise<void> {
  const found = await headObject(calls, key);
  const free = ifAbsent === true ? found === undefined : found?.etag === ifMatch;
  if (free) return;
  throw conflict(key);
}

/** The same before an upload is completed. */
export async function demandAbsent(calls: Calls, key: string): Promise<void> {
  await demandCondition(calls, key, { ifAbsent: true });
}

function conditions({ ifAbsent, ifMatch }: PutOptions): { IfNoneMatch?: string; IfMatch?: string } {
  if (ifAbsent === true) return { IfNoneMatch: '*' };
  return ifMatch === undefined ? {} : { IfMatch: ifMatch };
}

/** The KMS headers of everything that is written (F38). */
export function encryption({ config }: Calls): { ServerSideEncryption?: 'aws:kms'; SSEKMSKeyId?: string } {
  return config.kmsKeyId === undefined ? {} : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: config.kmsKeyId };
}

export interface Removal {
  readonly versionId?: string;
  readonly ifMatch?: string;
}

/**
 * Deletes exactly one version (F43): the one named, or the newest. Refused as `clock_skew` while the clocks are more than
 * five minutes apart, since what is too old cannot be known then (F34).
 */
export async function removeObject(calls: Calls, key: string, removal: Removal): Promise<void> {
  const look = removal.versionId === undefined || removal.ifMatch !== undefined || !(await knowsClock(calls, key));
  const found = look ? await headObject(calls, key, removal.versionId) : undefined;
  if (look && found === undefined) return;
  demandClock(calls);
  if (removal.ifMatch !== undefined && found?.etag !== removal.ifMatch) throw conflict(key);
  const version = removal.versionId ?? found?.versionId;
  await sendDelete(calls, key, version === undefined ? ifUnchanged(calls, removal) : { VersionId: version });
}

/** Whoever may look learns the clock by looking; a session that only deletes may list versions. */
async function knowsClock(calls: Calls, key: string): Promise<boolean> {
  if (calls.clock.known || calls.reading !== undefined) return calls.clock.known;
  const input = { ...calls.bucket(), Prefix: calls.fullKey(key), MaxKeys: 1 };
  await calls.call({ action: 's3:ListBucketVersions', key }, (client, options) =>
    client.send(new ListObjectVersionsCommand(input), options),
  );
  return true;
}

// A named version never changes; only without versions the object may be another one by now.
function ifUnchanged({ mode }: Calls, { ifMatch }: Removal): { IfMatch?: string } {
  return ifMatch === undefined || !mode.conditions ? {} : { IfMatch: ifMatch };
}

async function sendDelete(calls: Calls, key: string, which: { VersionId?: string; IfMatch?: string }): Promise<void> {
  const action = which.VersionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion';
  let tries = 0;
  const remove = (): Promise<number | undefined> =>
    calls.call({ action, key }, async (client, options) => {
      tries += 1;
      const reply = await client.send(new DeleteObjectCommand({ ...calls.object(key), ...which }), options);
      return reply.$metadata.httpStatusCode;
    });
  try {
    // S3 answers 204; after anything else a second delete makes sure.
    if ((await remove()) !== NO_CONTENT) await remove();
  } catch (error) {
    if (error instanceof Failure && error.code === 'backup_lost') return;
    // The condition cannot hold any more where an earlier try whose reply was lost has done the work.
    if (tries > 1 && isDoubtful(error) && (await headObject(calls, key, which.VersionId)) === undefined) return;
    throw await lockedOr(calls, error, { key, version: which.VersionId });
  }
}

// Some stores call a locked object simply denied.
async function lockedOr(
  calls: Calls,
  error: unknown,
  { key, version }: { key: string; version: string | undefined },
): Promise<unknown> {
  if (!(error instanceof Failure) || error.code !== 'storage_denied' || version === undefined) return error;
  const until = await calls.lockOf(key, version).catch(() => undefined);
  if (until === undefined) return error;
  return new Failure('storage_locked', `The object ${key} is protected by an object lock (${until}).`, {
    remedy: 'Wait until its retention ends; it will be removed by a later run.',
    details: { key, until },
  });
}

function demandClock({ clock }: Calls): void {
  if (Math.abs(clock.offsetMs) <= MUCH_SKEW_MS) return;
  const seconds = Math.round(clock.offsetMs / 1000);
  throw new Failure('clock_skew', `Nothing is deleted while the store's clock is ${seconds} seconds from ours.`, {
    remedy: 'Set the clock of this machine with NTP.',
    details: { offsetMs: clock.offsetMs },
  });
}

function conflict(key: string): Failure {
  return new Failure('storage_conflict', `The object ${key} exists already or is not the one that was expected.`, {
    remedy: 'Write under a new key; an existing backup is never overwritten.',
  });
}
