import { Failure } from '../../domain/failure.ts';
import type { Verdict } from '../retrying.ts';

/** What is read off an error of the SDK. Its text is not among it: that may repeat keys, tokens and signed addresses. */
export interface AwsFacts {
  /** Code of the answer, such as `AccessDenied`; a network code such as `ECONNRESET`; or the name of the error. */
  readonly code: string;
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** The region the store says the bucket is in. */
  readonly bucketRegion: string | undefined;
  readonly requestId: string | undefined;
  readonly aboutKms: boolean;
  readonly aboutLock: boolean;
  /** The signing clock was set by this very answer. */
  readonly clockCorrected: boolean;
}

/** A reply that says success and is not one: without an ETag, an upload id or the range that was asked for. Tried again. */
export class MalformedReply extends Error {
  override readonly name = 'MalformedReply';
}

const THROTTLED = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'TooManyRequests',
]);
const PASSING = new Set([
  'InternalError',
  'RequestTimeout',
  'IncompleteBody',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'TimeoutError',
  'AbortError',
  'MalformedReply',
  'SyntaxError',
]);
const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired']);
const OURS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'CredentialsProviderError']);
const BARE = new Set(['Unknown', 'UnknownError', 'BadRequest', 'Forbidden', 'AccessDenied', '400', '403']);
const SKEWED = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'RequestInTheFuture']);

/** Whether the same call may succeed when it is sent again. */
export function judge(error: unknown): Verdict {
  if (error instanceof Failure) return 'final';
  const { code, status } = factsOf(error);
  if (THROTTLED.has(code)) return 'throttled';
  if (PASSING.has(code)) return 'retry';
  return status === undefined ? judgeSilence(code) : judgeStatus(status);
}

function judgeStatus(status: number): Verdict {
  if (status === 429 || status === 503) return 'throttled';
  // Success that could not be read is a reply cut or changed on its way.
  const passing = status < 300 || (status >= 500 && status !== 501);
  return passing ? 'retry' : 'final';
}

// Without an answer everything is the network's, but for what never got there.
function judgeSilence(code: string): Verdict {
  return OURS.has(code) ? 'final' : 'retry';
}

export function isExpired({ code }: AwsFacts): boolean {
  return EXPIRED.has(code);
}

export function isSkewed({ code }: AwsFacts): boolean {
  return SKEWED.has(code);
}

/** A HEAD has no body: its refusals are bare numbers, and behind 400 or 403 may be an expired token or a clock. */
export function isBare({ code, status }: AwsFacts): boolean {
  return (status === 400 || status === 403) && BARE.has(code);
}

// Told by its shape: an error may come from another realm, where it is no `Error` of ours.
export function factsOf(error: unknown): AwsFacts {
  const object = asObject(error);
  const metadata = asObject(object.$metadata);
  const response = asObject(object.$response);
  const headers = asObject(response.headers);
  const status = numberOf(metadata.httpStatusCode) ?? numberOf(response.statusCode);
  const message = textOf(object.message) ?? '';
  const name = textOf(object.name) ?? 'Error';
  return {
    code: status === undefined ? (textOf(object.code) ?? name) : name,
    status,
    bucketRegion: textOf(headers['x-amz-bucket-region']) ?? textOf(object.Region),
    requestId: textOf(metadata.requestId),
    aboutKms: /\bkms\b/i.test(message) || name.startsWith('KMS'),
    aboutLock: /object lock|legal hold|retention|\bWORM\b/i.test(message),
    clockCorrected: metadata.clockSkewCorrected === true,
  };
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
