import { checksumHeaders } from './checksums.ts';
import { isNotModified } from './conditions.ts';
import { demandKms, sseHeaders } from './description.ts';
import type { Bucket, Exchange, Reply, Version } from './model.ts';
import { S3Error } from './s3-error.ts';
import { findVersion, sizeOf, versionHeader } from './versions.ts';
import { xmlDocument } from './xml.ts';

const ARCHIVED = ['GLACIER', 'DEEP_ARCHIVE'];

interface Span {
  readonly from: number;
  readonly to: number;
  readonly partial: boolean;
}

/** GetObject and HeadObject: conditions, ranges, parts, archived classes, checksums. */
export function readObject(exchange: Exchange, bucket: Bucket, key: string): Reply {
  const version = findVersion(exchange, bucket, key);
  const isGet = exchange.call.action === 'GetObject';
  if (isGet && ARCHIVED.includes(version.storageClass) && version.restored !== 'yes') {
    throw new S3Error('InvalidObjectState', "The operation is not valid for the object's storage class", {
      details: { StorageClass: version.storageClass },
    });
  }
  demandKms(exchange, version.sse, 'kms:Decrypt');
  if (isGet && version.blobs.some((blob) => !blob.kept)) {
    throw new S3Error('NotImplemented', 'This server runs in discard mode: the bytes of parts were not kept');
  }
  const identity = { etag: `"${version.etag}"`, 'last-modified': version.lastModified.toUTCString() };
  if (isNotModified(exchange, version)) return { status: 304, headers: identity };
  const size = sizeOf(version);
  const span = spanOf(exchange, version, size);
  return {
    status: span.partial ? 206 : 200,
    headers: {
      ...identity,
      ...describe(exchange, bucket, version),
      // S3 tells the whole object's checksum only with the whole object.
      ...(exchange.header('x-amz-checksum-mode') === 'ENABLED' && !span.partial
        ? checksumHeaders(version.checksum)
        : {}),
      'accept-ranges': 'bytes',
      'content-length': String(span.to - span.from),
      'content-range': span.partial ? `bytes ${span.from}-${span.to - 1}/${size}` : undefined,
    },
    ...(isGet ? { content: { blobs: version.blobs, from: span.from, to: span.to } } : {}),
  };
}

function describe(exchange: Exchange, bucket: Bucket, version: Version): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {
    'content-type': 'binary/octet-stream',
    ...version.headers,
    ...versionHeader(bucket, version),
    ...sseHeaders(version.sse),
    'x-amz-storage-class': version.storageClass === 'STANDARD' ? undefined : version.storageClass,
    'x-amz-restore': restoreHeader(version),
    'x-amz-object-lock-mode': version.lock?.mode,
    'x-amz-object-lock-retain-until-date': version.lock?.until.toISOString(),
    'x-amz-object-lock-legal-hold': version.legalHold ? 'ON' : undefined,
    'x-amz-mp-parts-count':
      version.multipart && exchange.query.has('partNumber') ? String(version.blobs.length) : undefined,
  };
  for (const [name, value] of Object.entries(version.metadata)) headers[`x-amz-meta-${name}`] = value;
  for (const [name, value] of exchange.query) {
    if (name.startsWith('response-')) headers[name.slice('response-'.length)] = value;
  }
  return headers;
}

function restoreHeader({ restored }: Version): string | undefined {
  if (restored === 'ongoing') return 'ongoing-request="true"';
  if (restored === 'no') return undefined;
  return `ongoing-request="false", expiry-date="${new Date(Date.now() + 86_400_000).toUTCString()}"`;
}

function spanOf(exchange: Exchange, version: Version, size: number): Span {
  const partNumber = exchange.query.get('partNumber');
  if (partNumber !== undefined) return partSpan(version, Number(partNumber), size);
  const match = /^bytes=(\d*)-(\d*)$/.exec(exchange.header('range') ?? '');
  if (match === null) return { from: 0, to: size, partial: false };
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return { from: 0, to: size, partial: false };
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (from >= size || from >= to) {
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
      details: { RangeRequested: match[0], ActualObjectSize: String(size) },
      headers: { 'content-range': `bytes */${size}` },
    });
  }
  return { from, to, partial: true };
}

function partSpan(version: Version, partNumber: number, size: number): Span {
  let from = 0;
  for (const [index, blob] of version.blobs.entries()) {
    if (index + 1 === partNumber) return { from, to: from + blob.size, partial: version.multipart };
    from += blob.size;
  }
  throw new S3Error('InvalidPartNumber', 'The requested partnumber is not satisfiable', {
    details: { ActualObjectSize: String(size) },
  });
}

/** GetObjectAttributes: those of ETag, Checksum, ObjectParts, StorageClass and ObjectSize that were asked for. */
export function readAttributes(exchange: Exchange, bucket: Bucket, key: string): Reply {
  const version = findVersion(exchange, bucket, key);
  const wanted = (exchange.header('x-amz-object-attributes') ?? '').split(',').map((name) => name.trim());
  const { checksum } = version;
  const all = {
    ETag: version.etag,
    Checksum:
      checksum === undefined
        ? undefined
        : { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type },
    ObjectParts: version.multipart ? { PartsCount: version.blobs.length } : undefined,
    StorageClass: version.storageClass,
    ObjectSize: sizeOf(version),
  };
  const tree = Object.fromEntries(Object.entries(all).filter(([name]) => wanted.includes(name)));
  const headers = { ...versionHeader(bucket, version), 'last-modified': version.lastModified.toUTCString() };
  return { status: 200, headers, body: xmlDocument('GetObjectAttributesResponse', tree) };
}

/** RestoreObject: 202 starts it; it is over when the test says so (`finishRestores`). */
export function restoreObject(exchange: Exchange, bucket: Bucket, key: string): Reply {
  const version = findVersion(exchange, bucket, key);
  if (!ARCHIVED.includes(version.storageClass)) {
    throw new S3Error('InvalidObjectState', "Restore is not allowed for the object's current storage class");
  }
  if (version.restored === 'ongoing')
    throw new S3Error('RestoreAlreadyInProgress', 'Object restore is already in progress');
  if (version.restored === 'yes') return { status: 200 };
  version.restored = 'ongoing';
  return { status: 202 };
}
