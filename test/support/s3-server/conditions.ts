import type { Exchange, Version } from './model.ts';
import { S3Error } from './s3-error.ts';

/** `If-Match` and `If-None-Match` of a write. Asked again at the moment of commit, so that a race has one winner. */
export function checkWriteConditions(exchange: Exchange, current: Version | undefined): void {
  if (!honoured(exchange)) return;
  const existing = current?.deleteMarker === true ? undefined : current;
  const ifNoneMatch = exchange.header('if-none-match');
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*')
      throw new S3Error('NotImplemented', 'A header you provided implies functionality that is not implemented.');
    if (existing !== undefined) throw failed('If-None-Match');
  }
  const ifMatch = exchange.header('if-match');
  if (ifMatch === undefined) return;
  if (existing === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
  if (!matches(ifMatch, existing)) throw failed('If-Match');
}

/** `If-Match` of a delete: a missing object fails it too. */
export function checkDeleteCondition(exchange: Exchange, current: Version | undefined): void {
  const ifMatch = exchange.header('if-match');
  if (ifMatch === undefined || !honoured(exchange)) return;
  if (current === undefined || current.deleteMarker || !matches(ifMatch, current)) throw failed('If-Match');
}

/** Conditions of a read. Answers whether the client's copy is still right (304). */
export function isNotModified(exchange: Exchange, version: Version): boolean {
  if (!honoured(exchange)) return false;
  const ifMatch = exchange.header('if-match');
  if (ifMatch !== undefined && !matches(ifMatch, version)) throw failed('If-Match');
  const ifNoneMatch = exchange.header('if-none-match');
  return ifNoneMatch !== undefined && matches(ifNoneMatch, version);
}

function honoured(exchange: Exchange): boolean {
  return exchange.features.conditions === 'honoured';
}

function matches(header: string, version: Version): boolean {
  return header === '*' || header.split(',').some((etag) => etag.trim().replace(/^"|"$/g, '') === version.etag);
}

function failed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    details: { Condition: condition },
  });
}
