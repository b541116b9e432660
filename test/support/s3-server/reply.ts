import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Blob } from './blobs.ts';
import { Unanswered } from './body.ts';
import type { Fault } from './faults.ts';
import type { Reply } from './model.ts';
import type { S3Error } from './s3-error.ts';
import { xmlDocument } from './xml.ts';

export interface Sending {
  readonly fault: Fault | undefined;
  readonly isHead: boolean;
  readonly now: number;
  readonly onBytes: (count: number) => void;
}

export function errorReply(error: S3Error, resource: string): Reply {
  const tree = {
    Code: error.code,
    Message: error.message,
    ...error.details,
    Resource: resource,
    RequestId: randomBytes(8).toString('hex'),
  };
  return { status: error.status, headers: error.headers, body: xmlDocument('Error', tree, '') };
}

/** Sends a reply, spoilt on its way as the fault says. */
export async function sendReply(response: ServerResponse, reply: Reply, sending: Sending): Promise<void> {
  const { fault } = sending;
  const told = fault?.kind === 'wrong-etag' ? withWrongEtag(reply) : reply;
  const length = lengthOf(told);
  const announced = fault?.kind === 'short-body' ? Math.max(0, length - (fault.missing ?? 1)) : length;
  writeHead(response, told, { announced, now: dateFor(sending) });
  if (sending.isHead || length === 0) {
    response.end();
    return;
  }
  const cut = fault?.kind === 'truncated-body' || fault?.kind === 'stalled-body';
  const limit = cut ? Math.min(announced, fault.bytes ?? Math.floor(length / 2)) : announced;
  await writeBody(response, told, { ...sending, limit });
  if (fault?.kind === 'truncated-body') response.socket?.destroySoon();
  else if (fault?.kind === 'stalled-body') throw new Unanswered('stall');
  else response.end();
}

function dateFor({ fault, now }: Sending): number {
  return fault?.kind === 'clock-skew' ? now + (fault.seconds ?? 3600) * 1000 : now;
}

function writeHead(
  response: ServerResponse,
  reply: Reply,
  { announced, now }: { announced: number; now: number },
): void {
  response.statusCode = reply.status;
  response.setHeader('date', new Date(now).toUTCString());
  response.setHeader('server', 'AmazonS3');
  response.setHeader('x-amz-request-id', randomBytes(8).toString('hex'));
  if (reply.status !== 204 && reply.status !== 304) response.setHeader('content-length', announced);
  if (typeof reply.body === 'string') response.setHeader('content-type', 'application/xml');
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    if (value !== undefined && !(name === 'content-length' && reply.content !== undefined))
      response.setHeader(name, value);
  }
}

function lengthOf({ body, content }: Reply): number {
  if (content !== undefined) return content.to - content.from;
  return body === undefined ? 0 : Buffer.byteLength(body);
}

async function writeBody(
  response: ServerResponse,
  reply: Reply,
  { fault, limit, onBytes }: Sending & { limit: number },
): Promise<void> {
  let at = 0;
  for await (const piece of piecesOf(reply)) {
    let data = piece.subarray(0, limit - at);
    if (fault?.kind === 'corrupt-body') data = corrupted(data, (fault.bit ?? 0) - at * 8);
    at += data.length;
    onBytes(data.length);
    if (fault?.kind === 'slow') await sleep((data.length / fault.bytesPerSecond) * 1000);
    if (response.destroyed) throw new Unanswered('reset');
    if (data.length > 0 && !response.write(data)) await drainedOrClosed(response);
    if (at >= limit) return;
  }
}

async function* piecesOf({ body, content }: Reply): AsyncIterable<Buffer> {
  if (content === undefined) yield Buffer.from(body ?? '');
  else yield* readAcross(content.blobs, content.from, content.to);
}

/** Bytes `from` to `to` of blobs laid end to end. */
export async function* readAcross(blobs: readonly Blob[], from: number, to: number): AsyncIterable<Buffer> {
  let start = 0;
  for (const blob of blobs) {
    const first = Math.max(0, from - start);
    const last = Math.min(blob.size, to - start);
    if (first < last) yield* blob.read(first, last);
    start += blob.size;
    if (start >= to) return;
  }
}

function corrupted(data: Buffer, bit: number): Buffer {
  const byte = bit >> 3;
  if (bit < 0 || byte >= data.length) return data;
  const copy = Buffer.from(data);
  copy.writeUInt8(copy.readUInt8(byte) ^ (1 << (bit & 7)), byte);
  return copy;
}

function withWrongEtag(reply: Reply): Reply {
  const other = (etag: string) => etag.replace(/[0-9a-f]/, (digit) => (digit === '0' ? '1' : '0'));
  const { etag } = reply.headers ?? {};
  const body =
    typeof reply.body === 'string'
      ? {
          body: reply.body.replace(
            /(<ETag>(?:&quot;)?)([0-9a-f]+)/,
            (_, before: string, hex: string) => before + other(hex),
          ),
        }
      : {};
  return { ...reply, ...(etag === undefined ? {} : { headers: { ...reply.headers, etag: other(etag) } }), ...body };
}

/** Leaves no listener behind: a long body waits here many times. */
async function drainedOrClosed(response: ServerResponse): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } finally {
    done.abort();
  }
}
