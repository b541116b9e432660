import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import type { FieldBook } from '../survey.ts';
import type { Calls } from './calls.ts';
import { listObjects, listUploads } from './listing.ts';
import { readObject } from './reading.ts';
import { abortMultipart, beginUpload } from './s3-upload.ts';

const LIMITS = { partBytes: 5 * 1024 * 1024, partsPerObject: 1 };
const MOST_SKEW_MS = 5 * 60_000;

/**
 * Begins an upload that must be refused. Where it is not, that alone is what counts: it is aborted by whoever can, and what
 * nobody can abort goes by the bucket's own rule.
 */
export async function beginForbidden(calls: Calls, key: string, tidying: Calls): Promise<void> {
  const uploadId = await calls.call({ action: 's3:PutObject', key }, async (client, options) => {
    const begun = await client.send(new CreateMultipartUploadCommand(calls.object(key)), options);
    return begun.UploadId ?? '';
  });
  for (const who of [calls, tidying]) {
    const gone = await abortMultipart(who, key, uploadId).then(
      () => true,
      () => false,
    );
    if (gone) return;
  }
}

/** Begins an upload and aborts it: takes the right to write, and leaves nothing. */
export async function beginAndAbort(calls: Calls, key: string): Promise<void> {
  const upload = await beginUpload(calls, { key, metadata: { purpose: 'probe' }, limits: LIMITS });
  await upload.abort();
}

export async function listOwnUploads(calls: Calls, folder: string): Promise<void> {
  for await (const _ of listUploads(calls, folder, { tidying: false })) return;
}

export async function listVersions(calls: Calls, key: string): Promise<void> {
  const input = { ...calls.bucket(), Prefix: calls.fullKey(key), MaxKeys: 1 };
  await calls.call({ action: 's3:ListBucketVersions', key }, (client, options) =>
    client.send(new ListObjectVersionsCommand(input), options),
  );
}

/** Straight, without the looks before and after that a removal takes. */
export async function deleteVersion(calls: Calls, key: string, version: string | undefined): Promise<void> {
  const named = version === undefined || version === 'null' ? {} : { VersionId: version };
  const action = 'VersionId' in named ? 's3:DeleteObjectVersion' : 's3:DeleteObject';
  await calls.call({ action, key }, (client, options) =>
    client.send(new DeleteObjectCommand({ ...calls.object(key), ...named }), options),
  );
}

export async function readFirstByte(calls: Calls, key: string): Promise<void> {
  const { Body } = await calls.call({ action: 's3:GetObject', key }, (client, options) =>
    client.send(new GetObjectCommand({ ...calls.object(key), Range: 'bytes=0-0' }), options),
  );
  if (Body !== undefined && 'destroy' in Body) Body.destroy();
}

interface Written {
  readonly key: string;
  readonly body: Uint8Array;
  readonly version: string | undefined;
}

/** The very bytes that were written, by the version they were given. */
export async function demandBytes(calls: Calls, { key, body, version }: Written): Promise<void> {
  const pieces: Uint8Array[] = [];
  const which = version === undefined ? {} : { versionId: version };
  for await (const piece of readObject(calls, key, which)) pieces.push(piece);
  if (Buffer.compare(Buffer.concat(pieces), body) !== 0) throw unfit('The store does not give back what was written.');
}

export async function demandListed(calls: Calls, key: string): Promise<void> {
  for await (const listed of listObjects(calls, key)) if (listed.key === key) return;
  throw unfit('The store does not list what was written.');
}

export async function demandKey(
  calls: Calls,
  { key, kmsKeyId }: { readonly key: string; readonly kmsKeyId: string },
): Promise<void> {
  const { SSEKMSKeyId } = await calls.call({ action: 's3:GetObject', key }, (client, options) =>
    client.send(new HeadObjectCommand(calls.object(key)), options),
  );
  if (SSEKMSKeyId === kmsKeyId) return;
  throw unfit(`The object is encrypted by ${SSEKMSKeyId ?? 'no KMS key'}, not by ${kmsKeyId}.`);
}

/** What is too old cannot be told while the clocks disagree (F34). */
export function demandClock(book: FieldBook, { clock }: Calls): void {
  const seconds = Math.round(clock.offsetMs / 1000);
  const ok = Math.abs(clock.offsetMs) <= MOST_SKEW_MS;
  const remedy = ok ? '' : ' Set the clock of this machine with NTP.';
  book.saw('clock', ok, `The clock of the store is ${seconds} seconds from ours.${remedy}`);
}

function unfit(message: string): Failure {
  return new Failure('storage_unsupported', message, { remedy: 'Choose another store.' });
}
