interface FailureFacts {
  /** HTTP status; 5xx only for faults of ours. */
  readonly http: number;
  /** Process exit code of the CLI; documented in docs/exit-codes.md. */
  readonly exit: number;
  /** Whether the same attempt may succeed later without anyone changing anything. */
  readonly retry: boolean;
}

/** Every way this product fails on purpose. A code decides HTTP status, exit code and whether to try again. */
export const FAILURES = {
  internal: { http: 500, exit: 1, retry: false },
  not_ready: { http: 503, exit: 90, retry: true },
  usage: { http: 400, exit: 2, retry: false },
  unauthenticated: { http: 401, exit: 3, retry: false },
  forbidden: { http: 403, exit: 4, retry: false },
  rate_limited: { http: 429, exit: 5, retry: true },
  method_not_allowed: { http: 405, exit: 6, retry: false },
  body_too_large: { http: 413, exit: 7, retry: false },
  media_type_unsupported: { http: 415, exit: 8, retry: false },
  host_unknown: { http: 421, exit: 9, retry: false },

  not_found: { http: 404, exit: 10, retry: false },
  already_running: { http: 409, exit: 11, retry: true },
  confirmation_missing: { http: 409, exit: 12, retry: false },
  target_in_use: { http: 409, exit: 13, retry: true },
  target_not_empty: { http: 409, exit: 14, retry: false },
  cancelled: { http: 409, exit: 15, retry: false },
  lease_lost: { http: 409, exit: 16, retry: true },
  version_conflict: { http: 412, exit: 17, retry: false },
  conflict: { http: 409, exit: 18, retry: false },
  key_reused: { http: 422, exit: 19, retry: false },

  database_unreachable: { http: 422, exit: 20, retry: true },
  authentication_failed: { http: 422, exit: 21, retry: false },
  tls_refused: { http: 422, exit: 22, retry: false },
  privilege_missing: { http: 422, exit: 23, retry: false },
  server_unsupported: { http: 422, exit: 24, retry: false },
  tool_missing: { http: 422, exit: 25, retry: false },
  tool_too_old: { http: 422, exit: 26, retry: false },
  not_verified: { http: 409, exit: 27, retry: false },
  limit_reached: { http: 409, exit: 28, retry: false },
  version_missing: { http: 428, exit: 29, retry: false },

  dump_failed: { http: 409, exit: 30, retry: false },
  dump_incomplete: { http: 409, exit: 31, retry: false },
  dump_blocked: { http: 409, exit: 32, retry: true },
  schema_changed: { http: 409, exit: 33, retry: true },
  standby_conflict: { http: 409, exit: 34, retry: true },
  compressor_failed: { http: 409, exit: 35, retry: false },
  stalled: { http: 409, exit: 36, retry: true },
  size_cap_exceeded: { http: 409, exit: 37, retry: false },

  storage_unreachable: { http: 422, exit: 40, retry: true },
  storage_denied: { http: 422, exit: 41, retry: false },
  storage_conflict: { http: 409, exit: 42, retry: true },
  storage_wrong_owner: { http: 422, exit: 43, retry: false },
  storage_wrong_region: { http: 422, exit: 44, retry: false },
  storage_key_denied: { http: 422, exit: 45, retry: false },
  storage_unsupported: { http: 422, exit: 46, retry: false },
  storage_locked: { http: 409, exit: 47, retry: false },
  session_expired: { http: 422, exit: 48, retry: true },
  clock_skew: { http: 422, exit: 49, retry: false },
  disk_full: { http: 409, exit: 50, retry: false },

  backup_lost: { http: 409, exit: 60, retry: false },
  backup_damaged: { http: 409, exit: 61, retry: false },
  backup_archived: { http: 409, exit: 62, retry: false },
  manifest_invalid: { http: 409, exit: 63, retry: false },
  manifest_version_unknown: { http: 409, exit: 64, retry: false },
  signer_unknown: { http: 409, exit: 65, retry: false },
  signature_wrong: { http: 409, exit: 66, retry: false },
  decryption_failed: { http: 409, exit: 67, retry: false },
  differences_found: { http: 409, exit: 68, retry: false },
  level_not_reached: { http: 409, exit: 69, retry: false },

  restore_refused: { http: 409, exit: 80, retry: false },
  restore_failed: { http: 409, exit: 81, retry: false },
  target_dirty: { http: 409, exit: 82, retry: false },
} as const satisfies Record<string, FailureFacts>;

export type FailureCode = keyof typeof FAILURES;

export interface FailureOptions extends ErrorOptions {
  /** One sentence: what the reader can do about it. */
  readonly remedy?: string;
  /** Machine-readable facts (names, counts); never contents, never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The only error thrown on purpose. Its name is its code, so that a state machine can match it. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = code;
    this.code = code;
    this.remedy = options.remedy;
    this.details = options.details;
  }
}

/** An RFC 9457 problem document. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: FailureCode;
  readonly remedy?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The problem document of any error; an unexpected one becomes `internal` and shows nothing of itself but its message. */
export function problemOf(error: unknown): Problem {
  const failure = error instanceof Failure ? error : new Failure('internal', messageOf(error));
  return {
    type: `urn:database-dump:problem:${failure.code}`,
    title: failure.code.replaceAll('_', ' '),
    status: FAILURES[failure.code].http,
    detail: failure.message,
    code: failure.code,
    ...(failure.remedy === undefined ? {} : { remedy: failure.remedy }),
    ...(failure.details === undefined ? {} : { details: failure.details }),
  };
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
