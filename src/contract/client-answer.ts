import { z } from 'zod';
import { FAILURES, Failure, type FailureCode } from '../domain/failure.ts';

/** What came back for a request, whole. */
export interface Received {
  readonly origin: string;
  readonly status: number;
  readonly headers: Pick<Headers, 'get'>;
  readonly text: string;
}

/** Read loosely: a newer service may send more. */
const Told = z.object({
  detail: z.string(),
  code: z.string(),
  remedy: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** The Failure that a problem tells of. An answer that is no problem of ours came from something in between. */
export function failureOf({ origin, status, text }: Received): Failure {
  const told = Told.safeParse(jsonOrNothing(text));
  if (!told.success) return unreachable(origin, `what answers there is not this service (status ${status})`);
  const { code, detail, remedy, details } = told.data;
  return new Failure(isCode(code) ? code : codeFor(status), detail, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(details === undefined ? {} : { details }),
  });
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

/** For a code that a newer service has and we do not. */
function codeFor(status: number): FailureCode {
  const same = Object.entries(FAILURES).find(([, facts]) => facts.http === status);
  return same !== undefined && isCode(same[0]) ? same[0] : 'internal';
}

/** No answer that can be used came. */
export function unreachable(origin: string, why: string, cause?: unknown): Failure {
  return new Failure('not_ready', `The service at ${origin} cannot be reached: ${why}.`, {
    remedy: 'Check the address, and that the service runs there: npm start',
    cause,
  });
}

/** `Retry-After` in seconds or as a date; undefined where it is neither. */
export function retryAfterMs(header: string | null, now: Date = new Date()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}
