import { createHash } from 'node:crypto';
import type { Route } from '../../src/contract/route.ts';
import { Failure } from '../../src/domain/failure.ts';
import { type HttpEvent, type HttpResult, headerOf } from './event.ts';

/** The version that an update was based on: undefined where the route asks for none. */
export function versionWanted(route: Route, event: HttpEvent): number | undefined {
  if (route.ifMatch !== true) return undefined;
  const tag = headerOf(event, 'if-match');
  if (tag === undefined) {
    throw new Failure('version_missing', 'The update says not what it is based on.', {
      remedy: 'Send If-Match with the ETag of what was read.',
    });
  }
  const version = TAG.exec(tag)?.[1];
  if (version === undefined) {
    throw new Failure('version_conflict', 'If-Match is not a tag that this service gave.', {
      remedy: 'Read it again and send its ETag.',
    });
  }
  return Number(version);
}

/** `"7"` or `"7-5c0ffee…"`: the version, and what the tag of one reading adds. Not weak, not several, not `*`. */
const TAG = /^"(\d{1,9})(?:-[0-9a-f]{16})?"$/;

/** Adds the tag of what has a version; answers 304 to whoever has it already. The tag changes with every byte shown. */
export function tagged(event: HttpEvent, value: unknown, result: HttpResult): HttpResult {
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  if (typeof version !== 'number' || result.body === undefined) return result;
  const digest = createHash('sha256').update(result.body).digest('hex').slice(0, 16);
  const tag = `"${version}-${digest}"`;
  const headers = { ...result.headers, ETag: tag };
  const known = headerOf(event, 'if-none-match')?.split(',') ?? [];
  const same = known.some((text) => text.trim().replace(/^W\//, '') === tag);
  if (event.requestContext.http.method === 'GET' && same) return { statusCode: 304, headers };
  return { ...result, headers };
}
