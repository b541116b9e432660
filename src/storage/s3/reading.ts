import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandInput,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import { checked, damaged, demandSame, type Span, spanOf } from '../byte-range.ts';
import { throwIfCancelled } from '../retrying.ts';
import type { ReadOptions, Stat } from '../storage.ts';
import { factsOf, MalformedReply } from './aws-error.ts';
import type { Calls, Step } from './calls.ts';

const MOST_BARREN = 8;
const ARCHIVES = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const GONE_STATUS = new Set([404, 405]);

/** What the store says of one object version; undefined where there is none, or where a delete marker is the newest. */
export async function headObject(calls: Calls, key: string, versionId?: string): Promise<Stat | undefined> {
  const input = { ...calls.object(key), ...versionOf(versionId), ChecksumMode: 'ENABLED' as const };
  const step = readStep(key, versionId);
  const output = await orGone(() =>
    calls.reader().call(step, async (client, options) => {
      const reply = await client.send(new HeadObjectCommand(input), options);
      if (reply.ETag === undefined || reply.ContentLength === undefined)
        throw new MalformedReply('HeadObject without ETag or length');
      return reply;
    }),
  ).catch((error: unknown) => explainHead(calls, error, { step, input }));
  return output === undefined ? undefined : statOf(key, output);
}

// The refusal of a HEAD has no words: that of a GET tells a denied key from a denied action.
async function explainHead(
  calls: Calls,
  error: unknown,
  { step, input }: { step: Step; input: HeadObjectCommandInput },
): Promise<never> {
  if (!(error instanceof Failure) || error.code !== 'storage_denied') throw error;
  const reply = await orGone(() =>
    calls
      .reader()
      .call(step, (client, options) => client.send(new GetObjectCommand({ ...input, Range: 'bytes=0-0' }), options)),
  );
  discard(reply);
  throw error;
}

function discard(reply: GetObjectCommandOutput | undefined): void {
  if (reply?.Body !== undefined && 'destroy' in reply.Body) reply.Body.destroy();
}

/** An object that can be read: `backup_archived` where it must be thawed, `backup_damaged` where it is another one, undefined where there is none. */
export async function findObject(
  calls: Calls,
  key: string,
  { versionId, ifMatch }: ReadOptions,
): Promise<Stat | undefined> {
  const stat = await headObject(calls, key, versionId);
  if (stat === undefined) return undefined;
  demandSame(stat, ifMatch);
  if (stat.archivedAs === undefined) return stat;
  throw new Failure('backup_archived', `The object ${key} is archived as ${stat.archivedAs}.`, {
    remedy: 'Restore it from the archive first.',
  });
}

async function demandObject(calls: Calls, key: string, options: ReadOptions): Promise<Stat> {
  const stat = await findObject(calls, key, options);
  if (stat !== undefined) return stat;
  throw new Failure('backup_lost', `The object ${key} is not in the bucket ${calls.config.bucket}.`, {
    remedy: 'Look whether someone or a lifecycle rule removed it.',
  });
}

/** The bytes of one object version. A reply that breaks off is taken up where it ended; every byte is counted (F40). */
export async function* readObject(calls: Calls, key: string, options: ReadOptions): AsyncIterable<Uint8Array> {
  yield* readKnown(calls, await demandObject(calls, key, options), options.range);
}

/** The bytes of the very version that was looked at, whatever happens to its key meanwhile. */
export async function* readKnown(calls: Calls, stat: Stat, range: ReadOptions['range']): AsyncIterable<Uint8Array> {
  const span = spanOf(stat, range);
  if (span.bytes > 0) yield* checked(stat.key, span, resuming(calls, stat, span));
}

async function* resuming(calls: Calls, stat: Stat, { start, end }: Span): AsyncIterable<Uint8Array> {
  const place: Place = { at: start, end };
  for (let barren = 0; place.at <= end; ) {
    if (barren > 0) await calls.retrying.pauseAfter(barren, calls.signal);
    const before = place.at;
    const broken: unknown = yield* oneReply(calls, stat, place);
    barren = place.at > before ? 0 : barren + 1;
    if (broken === undefined && barren > 1)
      throw damaged(stat.key, `gives ${place.at - start} of ${end - start + 1} bytes`);
    if (barren > MOST_BARREN) throw cut(calls, broken);
  }
}

interface Place {
  at: number;
  readonly end: number;
}

/** Passes on one reply as far as it goes; returns the error that broke it off. */
async function* oneReply(calls: Calls, stat: Stat, place: Place): AsyncGenerator<Uint8Array, unknown> {
  const body = await openBody(calls, stat, place);
  try {
    for await (const chunk of body) {
      throwIfCancelled(calls.signal);
      place.at += chunk.byteLength;
      yield chunk;
    }
    return undefined;
  } catch (error) {
    throwIfCancelled(calls.signal);
    if (error instanceof Failure) throw error;
    return error;
  }
}

function cut(calls: Calls, error: unknown): Failure {
  return new Failure('storage_unreachable', `${calls.host()} breaks off its answers (${factsOf(error).code}).`, {
    remedy: 'Check the network, then try again.',
  });
}

async function openBody(calls: Calls, stat: Stat, { at, end }: Place): Promise<AsyncIterable<Uint8Array>> {
  const input = {
    ...calls.object(stat.key),
    ...versionOf(stat.versionId),
    Range: `bytes=${at}-${end}`,
    ...(calls.mode.conditions ? { IfMatch: stat.etag } : {}),
  };
  const step = readStep(stat.key, stat.versionId);
  const reply = await calls
    .reader()
    .call(step, async (client, options) => {
      const output = await client.send(new GetObjectCommand(input), options);
      demandRange(output, at);
      if (output.ETag !== stat.etag) throw damaged(stat.key, 'was replaced');
      return output;
    })
    .catch((error: unknown) => {
      if (error instanceof Failure && error.code === 'storage_conflict') throw damaged(stat.key, 'was replaced');
      throw error;
    });
  return bodyOf(reply);
}

// A store that ignores the range would have us take the wrong bytes for the right ones.
function demandRange(reply: GetObjectCommandOutput, start: number): void {
  const { ContentRange, ETag, Body } = reply;
  if (ETag !== undefined && Body !== undefined && (ContentRange?.startsWith(`bytes ${start}-`) ?? start === 0)) return;
  discard(reply);
  throw new MalformedReply('GetObject without the range that was asked for');
}

function bodyOf({ Body }: GetObjectCommandOutput): AsyncIterable<Uint8Array> {
  if (Body !== undefined && Symbol.asyncIterator in Body) return Body as AsyncIterable<Uint8Array>;
  throw new Failure('internal', 'The body of an object cannot be read as a stream.');
}

function statOf(key: string, output: HeadObjectCommandOutput): Stat {
  const {
    ContentLength = 0,
    ETag = '',
    VersionId,
    LastModified = new Date(0),
    Metadata = {},
    ChecksumCRC32,
    ChecksumType,
  } = output;
  const whole = ChecksumCRC32 !== undefined && ChecksumType !== 'COMPOSITE' && !ChecksumCRC32.includes('-');
  const archivedAs = archiveOf(output);
  return {
    key,
    bytes: ContentLength,
    etag: ETag,
    modifiedAt: LastModified,
    metadata: Metadata,
    ...versionId(VersionId),
    ...(whole ? { crc32: ChecksumCRC32 } : {}),
    ...(archivedAs === undefined ? {} : { archivedAs }),
  };
}

function archiveOf({ StorageClass, ArchiveStatus, Restore }: HeadObjectCommandOutput): string | undefined {
  const thawed = Restore?.includes('ongoing-request="false"') === true;
  if (thawed) return undefined;
  return ArchiveStatus ?? (ARCHIVES.has(StorageClass ?? '') ? StorageClass : undefined);
}

export function versionId(value: string | undefined): { versionId?: string } {
  return value === undefined || value === '' ? {} : { versionId: value };
}

function versionOf(value: string | undefined): { VersionId?: string } {
  return value === undefined ? {} : { VersionId: value };
}

function readStep(key: string, version: string | undefined): Step {
  return { action: version === undefined ? 's3:GetObject' : 's3:GetObjectVersion', key };
}

async function orGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure && error.code === 'backup_lost') return undefined;
    if (
      error instanceof Failure &&
      GONE_STATUS.has(Number(error.details?.status)) &&
      error.code === 'storage_unsupported'
    )
      return undefined;
    throw error;
  }
}
