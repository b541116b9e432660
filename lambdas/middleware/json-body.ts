import type { MiddlewareObj } from '@middy/core';
import jsonBodyParser from '@middy/http-json-body-parser';
import { Failure } from '../../src/domain/failure.ts';
import { type HttpEvent, type HttpResult, headerOf } from './event.ts';
import { brokenBody, unsupportedBody } from './problem.ts';

const MOST_BYTES = 1024 * 1024;
const DEEPEST = 32;
const UTF8_JSON = /^application\/json(\s*;\s*charset="?utf-8"?)?\s*$/i;

/** The three steps to a JSON value: bytes to text, text to value, value to one that every part of ours can hold (F98). */
export function jsonBody(): MiddlewareObj<HttpEvent, HttpResult>[] {
  return [{ before: ({ event }) => textBody(event) }, jsonBodyParser() as MiddlewareObj<HttpEvent, HttpResult>, PLAIN];
}

/** For routes without a body. */
export function noBody(): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    before: ({ event }) => {
      if (event.body === undefined || event.body === '') return;
      throw new Failure('usage', 'This takes no body.', { remedy: 'Send the request without one.' });
    },
  };
}

function textBody(event: HttpEvent): void {
  if (!UTF8_JSON.test(headerOf(event, 'content-type') ?? '')) throw unsupportedBody();
  const encoding = headerOf(event, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity') throw unsupportedBody();
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.length > MOST_BYTES) throw bodyTooLarge();
  event.body = utf8(bytes);
  event.isBase64Encoded = false;
}

export function bodyTooLarge(): Failure {
  return new Failure('body_too_large', 'The body is larger than 1 MiB.', { remedy: 'Send less in one request.' });
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw brokenBody(error);
  }
}

const PLAIN: MiddlewareObj<HttpEvent, HttpResult> = {
  before: ({ event }) => {
    if (!isPlain(event.body, 0)) throw brokenBody();
  },
};

/** No text that the catalog or a log could not hold, and no nesting that a recursion could not walk. */
export function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return isPlainText(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === DEEPEST) return false;
  return Object.entries(value).every(([key, inner]) => isPlainText(key) && isPlain(inner, depth + 1));
}

export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
