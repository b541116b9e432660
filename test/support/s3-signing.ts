import { createHash } from 'node:crypto';
import type { AccessKey } from './s3-server/identity.ts';
import { type Claim, chunkSigning, encodeStrict, signatureOf } from './s3-server/sigv4.ts';

/** Hand-made S3 requests, for what the SDK would never send: tampered, stale, half-signed. */
export interface HandMade {
  readonly endpoint: string;
  readonly region: string;
  readonly key: AccessKey;
  readonly method: string;
  /** Already percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent, but not signed. */
  readonly unsignedHeaders?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What the signature claims the body's hash is; default the truth. */
  readonly payloadHash?: string;
  /** Signs as of this time. */
  readonly now?: number;
}

/** A URL that carries its signature and lives for `expires` seconds. */
export function presign(wanted: HandMade, expires: number): string {
  const claim = claimOf(wanted, { payloadHash: 'UNSIGNED-PAYLOAD', signedHeaders: ['host'], expires });
  const parameters = {
    ...wanted.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${claim.accessKeyId}/${claim.date}/${claim.region}/s3/aws4_request`,
    'X-Amz-Date': claim.timestamp,
    'X-Amz-Expires': String(expires),
    'X-Amz-SignedHeaders': 'host',
  };
  const target = `${wanted.path}?${queryText(parameters)}`;
  const signature = signatureOf(
    { method: wanted.method, target, headers: hostHeader(wanted) },
    claim,
    wanted.key.secretAccessKey,
  );
  return `${wanted.endpoint}${target}&X-Amz-Signature=${signature}`;
}

/** Sends a header-signed request. */
export function sendSigned(wanted: HandMade): Promise<Response> {
  const { headers, target } = signedHeaders(wanted);
  const body = wanted.body === undefined ? {} : { body: wanted.body };
  return fetch(`${wanted.endpoint}${target}`, {
    method: wanted.method,
    headers: { ...headers, ...wanted.unsignedHeaders },
    ...body,
  });
}

/** Sends a body as one signed chunk, the way clients without a hash of the whole do; `spoil` changes the framed text. */
export function sendSignedChunks(
  wanted: HandMade & { readonly body: string },
  spoil: (framed: string) => string = (framed) => framed,
): Promise<Response> {
  const length = String(Buffer.byteLength(wanted.body));
  const streaming = {
    ...wanted,
    payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    headers: { ...wanted.headers, 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': length },
  };
  const { headers, target, claim, signature } = signedHeaders(streaming);
  const { seed, sign } = chunkSigning({ ...claim, signature }, wanted.key.secretAccessKey);
  const first = sign('PAYLOAD', seed, sha256(wanted.body));
  const last = sign('PAYLOAD', first, sha256(''));
  const size = Buffer.byteLength(wanted.body).toString(16);
  const framed = `${size};chunk-signature=${first}\r\n${wanted.body}\r\n0;chunk-signature=${last}\r\n\r\n`;
  return fetch(`${wanted.endpoint}${target}`, { method: wanted.method, headers, body: spoil(framed) });
}

interface Signed {
  readonly headers: Record<string, string>;
  readonly target: string;
  readonly claim: Claim;
  readonly signature: string;
}

function signedHeaders(wanted: HandMade): Signed {
  const payloadHash = wanted.payloadHash ?? sha256(wanted.body ?? '');
  const timestamp = timestampOf(wanted.now ?? Date.now());
  const headers: Record<string, string> = {
    ...wanted.headers,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': payloadHash,
  };
  const all = { ...headers, ...hostHeader(wanted) };
  const claim = claimOf(wanted, { payloadHash, signedHeaders: Object.keys(all).sort(), expires: undefined });
  const query = queryText(wanted.query ?? {});
  const target = query === '' ? wanted.path : `${wanted.path}?${query}`;
  const signature = signatureOf({ method: wanted.method, target, headers: all }, claim, wanted.key.secretAccessKey);
  const scope = `${claim.accessKeyId}/${claim.date}/${claim.region}/s3/aws4_request`;
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${claim.signedHeaders.join(';')}, Signature=${signature}`;
  return { headers, target, claim, signature };
}

function claimOf(wanted: HandMade, part: Pick<Claim, 'payloadHash' | 'signedHeaders' | 'expires'>): Claim {
  const timestamp = timestampOf(wanted.now ?? Date.now());
  const scope = { date: timestamp.slice(0, 8), region: wanted.region, service: 's3' };
  return { ...part, ...scope, accessKeyId: wanted.key.accessKeyId, timestamp, signature: '', sessionToken: undefined };
}

function timestampOf(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

function hostHeader({ endpoint }: HandMade): { host: string } {
  return { host: new URL(endpoint).host };
}

function queryText(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${encodeStrict(name)}=${encodeStrict(value)}`)
    .join('&');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
