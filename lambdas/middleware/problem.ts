import type { MiddlewareObj } from '@middy/core';
import { Failure, type Problem, problemOf } from '../../src/domain/failure.ts';
import type { HttpEvent, HttpResult } from './event.ts';

export type Log = (
  level: 'info' | 'warn' | 'error',
  fields: Readonly<Record<string, unknown>>,
  sentence: string,
) => void;

/** Anything thrown becomes an RFC 9457 problem. What was not thrown on purpose is logged and tells nothing of itself. */
export function problems(log: Log): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    onError: (request) => {
      const { requestId, route } = request.event.asked;
      const failure = failureOf(request.error);
      if (failure.code === 'internal') log('error', { requestId, route, error: request.error }, 'a request failed');
      request.response = problemResponse(failure, requestId);
    },
  };
}

/** What middy's own middlewares throw for a client's mistake carries a status. */
function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : 500;
  if (status === 415) return unsupportedBody(error);
  if (status === 422) return brokenBody(error);
  return new Failure('internal', 'A fault of ours; the log has it under this request.', { cause: error });
}

export function unsupportedBody(cause?: unknown): Failure {
  return new Failure('media_type_unsupported', 'The body is not what this takes.', {
    remedy: 'Send JSON in UTF-8 with "Content-Type: application/json".',
    cause,
  });
}

export function brokenBody(cause?: unknown): Failure {
  return new Failure('usage', 'The body is not JSON that can be taken.', {
    remedy: 'Send one JSON value in UTF-8, no deeper than 32 levels, without NUL and lone surrogates.',
    cause,
  });
}

/** A problem as an answer. */
export function problemResponse(failure: Failure, requestId: string): HttpResult {
  const problem: Problem & { instance: string } = { ...problemOf(failure), instance: `urn:request:${requestId}` };
  const { allow, retryAfterSeconds } = failure.details ?? {};
  return {
    statusCode: problem.status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(failure.code === 'unauthenticated' ? { 'WWW-Authenticate': 'Bearer' } : {}),
      ...(Array.isArray(allow) ? { Allow: allow.join(', ') } : {}),
      ...(typeof retryAfterSeconds === 'number' ? { 'Retry-After': String(retryAfterSeconds) } : {}),
    },
    body: JSON.stringify(problem),
  };
}
