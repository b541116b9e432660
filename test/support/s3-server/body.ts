import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsChunkedDecoder, type ChunkSigning } from './aws-chunked.ts';
import type { BlobWriter } from './blobs.ts';
import { algorithmNamed, type ChecksumAlgorithm, checkShape, startDigest } from './checksums.ts';
import type { Fault } from './faults.ts';
import type { Received } from './model.ts';
import { S3Error } from './s3-error.ts';

/** Thrown to leave the connection in a state that is no answer at all. */
export class Unanswered extends Error {
  readonly how: 'reset' | 'stall';

  constructor(how: 'reset' | 'stall') {
    super(how);
    this.how = how;
  }
}

export interface BodyRules {
  readonly maxBytes: number;
  /** The checksum the upload was created with: a part must bring the same. */
  readonly algorithm?: ChecksumAlgorithm | undefined;
  readonly etags: 'md5' | 'opaque';
  /** What to compute when the client sent no checksum. */
  readonly fallback: ChecksumAlgorithm | undefined;
  /** False: checksums are neither checked nor kept. */
  readonly checksums: boolean;
  readonly checkPayload: boolean;
  readonly signing: ChunkSigning | undefined;
  readonly payloadHash: string;
  readonly fault: Fault | undefined;
  readonly onBytes: (count: number) => void;
}

interface Declared {
  readonly algorithm: ChecksumAlgorithm;
  /** Undefined when the value comes in a trailer. */
  readonly value: string | undefined;
}

/** Streams a body into `writer` and checks length, payload hash, MD5 and checksum. Abandons the writer on any doubt. */
export async function receiveBody(request: IncomingMessage, writer: BlobWriter, rules: BodyRules): Promise<Received> {
  try {
    return await receive(request, writer, rules);
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

async function receive(request: IncomingMessage, writer: BlobWriter, rules: BodyRules): Promise<Received> {
  const { headers } = request;
  const expected = expectedLength(request, rules.maxBytes);
  const declared = rules.checksums ? declaredChecksum(request) : undefined;
  checkAlgorithm(declared, rules);
  const algorithm = declared?.algorithm ?? (rules.checksums ? rules.fallback : undefined);
  const checksum = algorithm === undefined ? undefined : startDigest(algorithm);
  const md5 = rules.etags === 'md5' || headers['content-md5'] !== undefined ? startDigest('MD5') : undefined;
  const payload = rules.checkPayload && /^[0-9a-f]{64}$/.test(rules.payloadHash) ? createHash('sha256') : undefined;

  let size = 0;
  let waiting: Promise<void> | undefined;
  const takeContent = (data: Buffer) => {
    size += data.length;
    checksum?.update(data);
    md5?.update(data);
    // A writer settles its writes in order, so the last one is the one to wait for.
    waiting = writer.write(data);
  };
  const chunked = rules.payloadHash.startsWith('STREAMING-')
    ? new AwsChunkedDecoder(takeContent, rules.signing)
    : undefined;
  const pace = pacer(rules.fault);
  await consume(request, (data) => {
    rules.onBytes(data.length);
    payload?.update(data);
    waiting = undefined;
    if (chunked === undefined) takeContent(data);
    else chunked.write(data);
    if (size > expected) throw new S3Error('IncompleteBody', 'The body is longer than its length said');
    const slow = pace(data.length);
    return slow === undefined ? waiting : Promise.all([slow, waiting]).then(() => undefined);
  });

  chunked?.end();
  if (size !== expected)
    throw new S3Error(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
    );
  if (payload !== undefined && payload.digest('hex') !== rules.payloadHash) {
    throw new S3Error(
      'XAmzContentSHA256Mismatch',
      'The provided x-amz-content-sha256 header does not match what was computed.',
    );
  }
  const md5Value = md5?.base64();
  checkMd5(headers['content-md5'] as string | undefined, md5Value);
  const value = checksum?.base64();
  checkDeclared(declared, value, chunked?.trailers);
  const blob = await writer.finish();
  return {
    blob,
    size,
    etag:
      rules.etags === 'md5' && md5Value !== undefined
        ? Buffer.from(md5Value, 'base64').toString('hex')
        : randomUUID().replaceAll('-', ''),
    checksum: algorithm === undefined || value === undefined ? undefined : { algorithm, type: 'FULL_OBJECT', value },
  };
}

/** Calls `take` for every piece of the body; a promise it returns holds the sender back. After a throw the rest is let go. */
export function consume(request: IncomingMessage, take: (data: Buffer) => Promise<void> | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (request.destroyed) reject(new Unanswered('reset'));
    let pending: Promise<void> = Promise.resolve();
    const fail = (error: unknown) => {
      request.removeAllListeners('data').resume();
      reject(error);
    };
    request.on('data', (data: Buffer) => {
      try {
        const wait = take(data);
        if (wait === undefined) return;
        request.pause();
        pending = wait.then(() => void request.resume());
        pending.catch(fail);
      } catch (error) {
        fail(error);
      }
    });
    request.on('end', () => void pending.then(resolve, reject));
    request.on('error', () => reject(new Unanswered('reset')));
    request.on('close', () => {
      if (!request.readableEnded) reject(new Unanswered('reset'));
    });
  });
}

function pacer(fault: Fault | undefined): (bytes: number) => Promise<void> | undefined {
  if (fault?.kind === 'slow') return (bytes) => sleep((bytes / fault.bytesPerSecond) * 1000);
  if (fault?.kind !== 'reset-mid-body') return () => undefined;
  let left = fault.afterBytes ?? 1;
  return (bytes) => {
    left -= bytes;
    if (left <= 0) throw new Unanswered('reset');
    return undefined;
  };
}

function expectedLength({ headers }: IncomingMessage, maxBytes: number): number {
  const text =
    headers['x-amz-decoded-content-length'] ??
    headers['content-length'] ??
    (headers['transfer-encoding'] === undefined ? '0' : '');
  if (!/^\d+$/.test(String(text)))
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  const length = Number(text);
  if (length <= maxBytes) return length;
  throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed object size.');
}

const NOT_VALUES = ['x-amz-checksum-type', 'x-amz-checksum-algorithm', 'x-amz-checksum-mode'];

function declaredChecksum({ headers }: IncomingMessage): Declared | undefined {
  const found: Declared[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('x-amz-checksum-') || NOT_VALUES.includes(name)) continue;
    found.push({ algorithm: algorithmNamed(name.slice('x-amz-checksum-'.length)), value: String(value) });
  }
  for (const name of String(headers['x-amz-trailer'] ?? '').split(',')) {
    const prefix = 'x-amz-checksum-';
    if (name.trim().startsWith(prefix))
      found.push({ algorithm: algorithmNamed(name.trim().slice(prefix.length)), value: undefined });
  }
  if (found.length > 1)
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  if (found.length === 0 && headers['x-amz-sdk-checksum-algorithm'] !== undefined) {
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  return found[0];
}

function checkAlgorithm(declared: Declared | undefined, rules: BodyRules): void {
  const { algorithm } = rules;
  if (!rules.checksums || algorithm === undefined || declared?.algorithm === algorithm) return;
  const actual = declared?.algorithm.toLowerCase() ?? 'null';
  throw new S3Error(
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: ${actual}`,
  );
}

function checkMd5(declared: string | undefined, actual: string | undefined): void {
  if (declared === undefined) return;
  if (Buffer.from(declared, 'base64').length !== 16)
    throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid.');
  if (declared !== actual)
    throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.');
}

function checkDeclared(
  declared: Declared | undefined,
  actual: string | undefined,
  trailers: ReadonlyMap<string, string> | undefined,
): void {
  if (declared === undefined) return;
  const name = declared.algorithm;
  const value = declared.value ?? trailers?.get(`x-amz-checksum-${name.toLowerCase()}`);
  if (value === undefined) throw new S3Error('InvalidRequest', 'The trailer that the request announced did not come.');
  checkShape(name, value);
  if (value !== actual)
    throw new S3Error('BadDigest', `The ${name} you specified did not match the calculated checksum.`);
}
