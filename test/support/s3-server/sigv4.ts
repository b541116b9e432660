import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ChunkSigning } from './aws-chunked.ts';
import { S3Error } from './s3-error.ts';

export interface SignedRequest {
  readonly method: string;
  /** Path and query exactly as they stood in the request line. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** The hash of the body, where the protocol sends no header for it. */
  readonly payloadHash?: string;
}

/** What a request claims about its signer, before anything is checked. */
export interface Claim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** `YYYYMMDDThhmmssZ` */
  readonly timestamp: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly payloadHash: string;
  readonly sessionToken: string | undefined;
  /** Seconds a presigned URL lives; undefined when the signature is in the header. */
  readonly expires: number | undefined;
}

const FIFTEEN_MINUTES = 15 * 60_000;
const EMPTY_HASH = createHash('sha256').digest('hex');

/** Reads the claim of a header-signed or presigned request; undefined for an anonymous one. */
export function readClaim(request: SignedRequest): Claim | undefined {
  const query = queryOf(request.target);
  if (query.has('X-Amz-Signature')) return presignedClaim(query);
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(header);
  if (match === null)
    throw new S3Error(
      'InvalidRequest',
      'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
    );
  const [, credential = '', signed = '', signature = ''] = match;
  return {
    ...readCredential(credential),
    signature,
    signedHeaders: signed.split(';'),
    timestamp: one(request.headers['x-amz-date']) ?? '',
    payloadHash: request.payloadHash ?? one(request.headers['x-amz-content-sha256']) ?? '',
    sessionToken: one(request.headers['x-amz-security-token']),
    expires: undefined,
  };
}

function presignedClaim(query: Map<string, string>): Claim {
  return {
    ...readCredential(query.get('X-Amz-Credential') ?? ''),
    signature: query.get('X-Amz-Signature') ?? '',
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    timestamp: query.get('X-Amz-Date') ?? '',
    payloadHash: query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    sessionToken: query.get('X-Amz-Security-Token'),
    expires: Number(query.get('X-Amz-Expires')),
  };
}

function readCredential(credential: string): { accessKeyId: string; date: string; region: string; service: string } {
  const [accessKeyId, date, region, service, end] = credential.split('/');
  if (!accessKeyId || !date || !region || !service || end !== 'aws4_request') {
    throw new S3Error('InvalidRequest', 'The credential of the request is malformed');
  }
  return { accessKeyId, date, region, service };
}

/** Refuses a claim whose time is off, whose headers are not all signed, or whose signature is not that of `secret`. */
export function checkClaim(
  request: SignedRequest,
  claim: Claim,
  { secret, now }: { secret: string; now: number },
): void {
  checkTime(claim, now);
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith('x-amz-') && !claim.signedHeaders.includes(name)) {
      throw new S3Error('AccessDenied', `There were headers present in the request which were not signed: ${name}`);
    }
  }
  if (!claim.signedHeaders.includes('host')) throw new S3Error('AccessDenied', 'The host header must be signed');
  if (signatureOf(request, claim, secret) === claim.signature) return;
  throw new S3Error(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  );
}

function checkTime(claim: Claim, now: number): void {
  const signedAt = parseTimestamp(claim.timestamp);
  if (claim.expires === undefined) {
    if (Math.abs(now - signedAt) <= FIFTEEN_MINUTES) return;
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      {
        details: {
          RequestTime: claim.timestamp,
          ServerTime: new Date(now).toISOString(),
          MaxAllowedSkewMilliseconds: String(FIFTEEN_MINUTES),
        },
      },
    );
  }
  if (!(claim.expires > 0 && claim.expires <= 604_800))
    throw new S3Error('InvalidArgument', 'X-Amz-Expires must be between 1 and 604800 seconds');
  if (signedAt - now > FIFTEEN_MINUTES) throw new S3Error('AccessDenied', 'Request is not valid yet');
  if (now > signedAt + claim.expires * 1000) throw new S3Error('AccessDenied', 'Request has expired');
}

function parseTimestamp(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null)
    throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  const [, year, month, day, hour, minute, second] = match;
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
}

/** The signature that the holder of `secret` would give this request. */
export function signatureOf(request: SignedRequest, claim: Claim, secret: string): string {
  const canonical = canonicalRequest(request, claim);
  const text = `AWS4-HMAC-SHA256\n${claim.timestamp}\n${scopeOf(claim)}\n${createHash('sha256').update(canonical).digest('hex')}`;
  return createHmac('sha256', signingKey(claim, secret)).update(text).digest('hex');
}

function canonicalRequest(request: SignedRequest, claim: Claim): string {
  const path = request.target.split('?', 1)[0] ?? '/';
  const headers = claim.signedHeaders.map(
    (name) => `${name}:${(one(request.headers[name]) ?? '').trim().replace(/ +/g, ' ')}\n`,
  );
  return [
    request.method,
    path
      .split('/')
      .map((part) => encodeStrict(decodeURIComponent(part)))
      .join('/'),
    canonicalQuery(request.target),
    headers.join(''),
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n');
}

function canonicalQuery(target: string): string {
  const pairs = [...queryOf(target)].filter(([name]) => name !== 'X-Amz-Signature');
  const encoded = pairs.map(([name, value]) => [encodeStrict(name), encodeStrict(value)] as const);
  encoded.sort(([a], [b]) => (a < b ? -1 : 1));
  return encoded.map(([name, value]) => `${name}=${value}`).join('&');
}

/** The query as decoded pairs; a name given twice keeps its last value. */
export function queryOf(target: string): Map<string, string> {
  const at = target.indexOf('?');
  const query = new Map<string, string>();
  if (at === -1) return query;
  for (const pair of target.slice(at + 1).split('&')) {
    if (pair === '') continue;
    const [name = '', ...rest] = pair.replaceAll('+', '%20').split('=');
    query.set(decodeURIComponent(name), decodeURIComponent(rest.join('=')));
  }
  return query;
}

/** Percent-encodes all but the unreserved characters of RFC 3986. */
export function encodeStrict(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The chain of chunk signatures of a `STREAMING-AWS4-HMAC-SHA256-PAYLOAD` body. */
export function chunkSigning(claim: Claim, secret: string): ChunkSigning {
  const key = signingKey(claim, secret);
  const sign: ChunkSigning['sign'] = (kind, previous, contentHash) => {
    const hashes = kind === 'PAYLOAD' ? `${EMPTY_HASH}\n${contentHash}` : contentHash;
    const text = `AWS4-HMAC-SHA256-${kind}\n${claim.timestamp}\n${scopeOf(claim)}\n${previous}\n${hashes}`;
    return createHmac('sha256', key).update(text).digest('hex');
  };
  return { seed: claim.signature, sign };
}

function scopeOf(claim: Claim): string {
  return `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
}

const keys = new Map<string, Buffer>();

function signingKey(claim: Claim, secret: string): Buffer {
  const id = `${secret}/${scopeOf(claim)}`;
  const known = keys.get(id);
  if (known !== undefined) return known;
  if (keys.size > 1000) keys.clear();
  let key = Buffer.from(`AWS4${secret}`);
  for (const part of [claim.date, claim.region, claim.service, 'aws4_request'])
    key = createHmac('sha256', key).update(part).digest();
  keys.set(id, key);
  return key;
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
