/** One request, as a fault script sees it before anything of it is answered. */
export interface Call {
  /** Counts every request since the start or the last `clearLog()`, from 0. */
  readonly index: number;
  /** The name the SDK gives the operation, such as `UploadPart`; `Unknown` for what this server does not know. */
  readonly action: string;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly uploadId: string | undefined;
  readonly partNumber: number | undefined;
  /** How often this action on this key and part came, this time included. */
  readonly attempt: number;
}

/** What can go wrong with one request. */
export type Fault =
  /** 500 InternalError; nothing is applied. */
  | { readonly kind: 'internal-error' }
  /** 503 SlowDown; nothing is applied. */
  | { readonly kind: 'slow-down' }
  /** 400 RequestTimeout; nothing is applied and the connection closes. */
  | { readonly kind: 'request-timeout' }
  /** A TCP reset before a byte of the body is read. */
  | { readonly kind: 'reset-before-body' }
  /** A TCP reset once `afterBytes` (default 1) of the body came; a request without body is reset at once. */
  | { readonly kind: 'reset-mid-body'; readonly afterBytes?: number }
  /** The request is applied, then the connection is reset instead of answered. */
  | { readonly kind: 'drop-reply' }
  /** 200 with an `<Error>` inside (F27); applied first only when `applied` says so. */
  | { readonly kind: 'error-in-200'; readonly applied?: boolean }
  /** 409 ConditionalRequestConflict (F29); the upload is gone, as in S3. */
  | { readonly kind: 'conditional-conflict' }
  /** The connection stays open and no answer ever comes (F45). */
  | { readonly kind: 'stall' }
  /** The reply stops after `bytes` (default half) and the connection stays open (F45). */
  | { readonly kind: 'stalled-body'; readonly bytes?: number }
  /** Body and reply move at this speed. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** The reply announces its full length and is reset after `bytes` (default half). */
  | { readonly kind: 'truncated-body'; readonly bytes?: number }
  /** The reply is well-formed, but `missing` bytes (default 1) at its end are not there. */
  | { readonly kind: 'short-body'; readonly missing?: number }
  /** One bit (default bit 0) of the reply's body is flipped on its way. */
  | { readonly kind: 'corrupt-body'; readonly bit?: number }
  /** Applied, but the ETag told is not the one kept. */
  | { readonly kind: 'wrong-etag' }
  | { readonly kind: 'expired-token' }
  | { readonly kind: 'access-denied' }
  | { readonly kind: 'no-such-upload' }
  /** The `Date` header of the reply is off by so many seconds (default one hour). */
  | { readonly kind: 'clock-skew'; readonly seconds?: number }
  /** Any checksum in the request is answered 501 NotImplemented (F44). */
  | { readonly kind: 'no-checksums' }
  /** `If-Match` and `If-None-Match` are ignored without a word (F44). */
  | { readonly kind: 'ignore-conditions' }
  /** 501 for any conditional header. */
  | { readonly kind: 'no-conditions' };

export type FaultKind = Fault['kind'];

/** Every kind that needs no further figures: what an exhaustive single-fault run iterates over (T2). */
export const FAULT_KINDS = [
  'internal-error',
  'slow-down',
  'request-timeout',
  'reset-before-body',
  'reset-mid-body',
  'drop-reply',
  'error-in-200',
  'conditional-conflict',
  'stall',
  'stalled-body',
  'truncated-body',
  'short-body',
  'corrupt-body',
  'wrong-etag',
  'expired-token',
  'access-denied',
  'no-such-upload',
  'clock-skew',
  'no-checksums',
  'ignore-conditions',
  'no-conditions',
] as const satisfies readonly Exclude<FaultKind, 'slow'>[];

/** A rule of a script: the first one that fits a call and is not used up decides. */
export interface FaultRule {
  readonly fault: Fault | (typeof FAULT_KINDS)[number];
  /** The request's index, or several. */
  readonly at?: number | readonly number[];
  readonly action?: string;
  readonly key?: string | RegExp;
  readonly partNumber?: number;
  /** How often the rule strikes: once unless told. `Infinity` for always. */
  readonly times?: number;
}

export type FaultScript = readonly FaultRule[] | ((call: Call) => FaultRule['fault'] | undefined);

/** Turns a script into the function asked at every request; counts are kept inside. */
export function compileScript(script: FaultScript): (call: Call) => Fault | undefined {
  if (typeof script === 'function') return (call) => named(script(call));
  const left = script.map((rule) => rule.times ?? (Array.isArray(rule.at) ? rule.at.length : 1));
  return (call) => {
    const index = script.findIndex((rule, i) => (left[i] ?? 0) > 0 && fits(rule, call));
    const rule = script[index];
    if (rule === undefined) return undefined;
    left[index] = (left[index] ?? 0) - 1;
    return named(rule.fault);
  };
}

function named(fault: FaultRule['fault'] | undefined): Fault | undefined {
  return typeof fault === 'string' ? { kind: fault } : fault;
}

function fits({ at, action, key, partNumber }: FaultRule, call: Call): boolean {
  if (at !== undefined && ![at].flat().includes(call.index)) return false;
  if (action !== undefined && action !== call.action) return false;
  if (partNumber !== undefined && partNumber !== call.partNumber) return false;
  if (key === undefined) return true;
  return typeof key === 'string' ? key === call.key : call.key !== undefined && key.test(call.key);
}
