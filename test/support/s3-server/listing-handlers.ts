import type { Bucket, Exchange, Reply, Upload, Version } from './model.ts';
import { S3Error } from './s3-error.ts';
import { encodeStrict } from './sigv4.ts';
import { sizeOf } from './versions.ts';
import { type XmlTree, xmlDocument } from './xml.ts';

interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly max: number;
  /** Writes a key as the client asked: as it is, or percent-encoded. */
  readonly write: (key: string) => string;
  readonly encoding: string | undefined;
}

function readQuery({ query }: Exchange, maxName: string): ListQuery {
  const max = Number(query.get(maxName) ?? 1000);
  if (!(Number.isInteger(max) && max >= 0))
    throw new S3Error('InvalidArgument', `Provided ${maxName} not an integer or within integer range`);
  const encoding = query.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url')
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request');
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    max: Math.min(1000, max),
    encoding,
    write: encoding === 'url' ? urlEncode : (key) => key,
  };
}

function urlEncode(key: string): string {
  return encodeStrict(key).replaceAll('%2F', '/').replaceAll('%20', '+');
}

/** S3 orders keys by their UTF-8 bytes, which differs from JavaScript's order beyond the basic plane. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

interface Page<T> {
  readonly items: readonly T[];
  readonly prefixes: readonly string[];
  readonly truncated: boolean;
  /** The last key or common prefix of the page. */
  readonly last: string;
  readonly lastItem: T | undefined;
}

/** Walks sorted items after a marker; keys that share a piece up to the delimiter count once, as a prefix. */
function pageOf<T extends { key: string }>(
  items: readonly T[],
  list: ListQuery,
  isAfter: (item: T, shown: string) => boolean,
): Page<T> {
  const page: T[] = [];
  const prefixes = new Set<string>();
  let last = '';
  let lastItem: T | undefined;
  for (const item of items) {
    if (!item.key.startsWith(list.prefix)) continue;
    const cut = list.delimiter === '' ? -1 : item.key.indexOf(list.delimiter, list.prefix.length);
    const shown = cut === -1 ? item.key : item.key.slice(0, cut + list.delimiter.length);
    if (prefixes.has(shown) || !isAfter(item, shown)) continue;
    if (page.length + prefixes.size >= list.max)
      return { items: page, prefixes: [...prefixes], truncated: list.max > 0, last, lastItem };
    if (cut === -1) page.push(item);
    else prefixes.add(shown);
    last = shown;
    lastItem = item;
  }
  return { items: page, prefixes: [...prefixes], truncated: false, last, lastItem };
}

export function listObjects(exchange: Exchange, bucket: Bucket): Reply {
  const { query } = exchange;
  const list = readQuery(exchange, 'max-keys');
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after') ?? '';
  const after = token === undefined ? startAfter : Buffer.from(token, 'base64url').toString();
  const current: Version[] = [];
  for (const [newest] of bucket.objects.values())
    if (newest !== undefined && !newest.deleteMarker) current.push(newest);
  current.sort((a, b) => byBytes(a.key, b.key));
  const page = pageOf(current, list, (_, shown) => after === '' || byBytes(shown, after) > 0);
  const tree: XmlTree = {
    Name: bucket.name,
    Prefix: list.write(list.prefix),
    Delimiter: list.delimiter === '' ? undefined : list.write(list.delimiter),
    MaxKeys: list.max,
    EncodingType: list.encoding,
    KeyCount: page.items.length + page.prefixes.length,
    IsTruncated: page.truncated,
    ContinuationToken: token,
    NextContinuationToken: page.truncated ? Buffer.from(page.last).toString('base64url') : undefined,
    StartAfter: startAfter === '' ? undefined : list.write(startAfter),
    Contents: page.items.map((version) => ({ Key: list.write(version.key), ...listed(version) })),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: list.write(prefix) })),
  };
  return { status: 200, body: xmlDocument('ListBucketResult', tree) };
}

function listed(version: Version): XmlTree {
  return {
    LastModified: version.lastModified,
    ETag: `"${version.etag}"`,
    ChecksumAlgorithm: version.checksum?.algorithm,
    ChecksumType: version.checksum?.type,
    Size: sizeOf(version),
    StorageClass: version.storageClass,
  };
}

export function listVersions(exchange: Exchange, bucket: Bucket): Reply {
  const { query } = exchange;
  const list = readQuery(exchange, 'max-keys');
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('version-id-marker');
  const all: Version[] = [];
  for (const key of [...bucket.objects.keys()].sort(byBytes)) all.push(...(bucket.objects.get(key) ?? []));
  const page = pageOf(all, list, versionAfter(all, keyMarker, idMarker));
  const isLatest = (version: Version) => bucket.objects.get(version.key)?.[0] === version;
  const identity = (version: Version) => ({
    Key: list.write(version.key),
    VersionId: version.versionId,
    IsLatest: isLatest(version),
  });
  const owner = { Owner: { ID: bucket.owner, DisplayName: bucket.owner } };
  const tree: XmlTree = {
    Name: bucket.name,
    Prefix: list.write(list.prefix),
    Delimiter: list.delimiter === '' ? undefined : list.write(list.delimiter),
    KeyMarker: list.write(keyMarker),
    VersionIdMarker: idMarker ?? '',
    NextKeyMarker: page.truncated ? list.write(page.last) : undefined,
    NextVersionIdMarker: page.truncated && page.lastItem?.key === page.last ? page.lastItem.versionId : undefined,
    MaxKeys: list.max,
    EncodingType: list.encoding,
    IsTruncated: page.truncated,
    Version: page.items.filter((v) => !v.deleteMarker).map((v) => ({ ...identity(v), ...listed(v), ...owner })),
    DeleteMarker: page.items
      .filter((v) => v.deleteMarker)
      .map((v) => ({ ...identity(v), LastModified: v.lastModified, ...owner })),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: list.write(prefix) })),
  };
  return { status: 200, body: xmlDocument('ListVersionsResult', tree) };
}

function versionAfter(
  all: readonly Version[],
  keyMarker: string,
  idMarker: string | undefined,
): (version: Version, shown: string) => boolean {
  if (keyMarker === '') return () => true;
  const marked = all.findIndex((version) => version.key === keyMarker && version.versionId === idMarker);
  const beyond = new Set(marked === -1 ? [] : all.slice(marked + 1).filter((version) => version.key === keyMarker));
  return (version, shown) => byBytes(shown, keyMarker) > 0 || beyond.has(version);
}

export function listUploads(exchange: Exchange, bucket: Bucket): Reply {
  const { query } = exchange;
  const list = readQuery(exchange, 'max-uploads');
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker');
  const all: Upload[] = [...bucket.uploads.values()].sort(
    (a, b) => byBytes(a.key, b.key) || a.initiated.getTime() - b.initiated.getTime(),
  );
  const marked = all.findIndex((upload) => upload.key === keyMarker && upload.uploadId === idMarker);
  const beyond = new Set(marked === -1 ? [] : all.slice(marked + 1));
  const isAfter = (upload: Upload, shown: string) =>
    keyMarker === '' || byBytes(shown, keyMarker) > 0 || beyond.has(upload);
  const page = pageOf(all, list, isAfter);
  const tree: XmlTree = {
    Bucket: bucket.name,
    KeyMarker: list.write(keyMarker),
    UploadIdMarker: idMarker ?? '',
    NextKeyMarker: page.truncated ? list.write(page.last) : undefined,
    NextUploadIdMarker: page.truncated ? page.lastItem?.uploadId : undefined,
    Prefix: list.write(list.prefix),
    Delimiter: list.delimiter === '' ? undefined : list.write(list.delimiter),
    MaxUploads: list.max,
    EncodingType: list.encoding,
    IsTruncated: page.truncated,
    Upload: page.items.map((upload) => ({
      Key: list.write(upload.key),
      UploadId: upload.uploadId,
      StorageClass: upload.storageClass,
      Initiated: upload.initiated,
      ChecksumAlgorithm: upload.algorithm,
      ChecksumType: upload.type,
    })),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: list.write(prefix) })),
  };
  return { status: 200, body: xmlDocument('ListMultipartUploadsResult', tree) };
}
