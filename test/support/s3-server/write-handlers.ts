import { checksumHeaders } from './checksums.ts';
import { checkDeleteCondition, checkWriteConditions } from './conditions.ts';
import { checkedLock, readDescription, sseHeaders } from './description.ts';
import type { Bucket, Exchange, Reply, Version } from './model.ts';
import { S3Error } from './s3-error.ts';
import {
  addVersion,
  checkUnlocked,
  currentVersion,
  deleteMarkerFor,
  findVersion,
  markerHeaders,
  newVersionId,
  removeVersion,
  versionHeader,
} from './versions.ts';
import { childrenNamed, childText, parseXml, type XmlTree, xmlDocument } from './xml.ts';

/** PutObject. Conditions are asked before the body and again at the commit, where nothing else can come between. */
export async function putObject(exchange: Exchange, bucket: Bucket, key: string): Promise<Reply> {
  const description = readDescription(exchange);
  checkLockable(bucket, description);
  checkWriteConditions(exchange, currentVersion(bucket, key));
  const received = await exchange.receive({ kind: 'object', maxBytes: exchange.world.limits.maxObjectBytes });
  try {
    checkWriteConditions(exchange, currentVersion(bucket, key));
  } catch (error) {
    await received.blob.remove();
    throw error;
  }
  const version: Version = {
    ...description,
    key,
    versionId: newVersionId(bucket),
    deleteMarker: false,
    blobs: [received.blob],
    multipart: false,
    etag: received.etag,
    checksum: received.checksum,
    lastModified: new Date(exchange.world.now()),
    restored: 'no',
  };
  await addVersion(bucket, version);
  const headers = {
    ...versionHeader(bucket, version),
    ...sseHeaders(version.sse),
    ...checksumHeaders(version.checksum),
  };
  return { status: 200, headers: { etag: `"${version.etag}"`, ...headers } };
}

export function checkLockable(bucket: Bucket, { lock, legalHold }: Pick<Version, 'lock' | 'legalHold'>): void {
  if (bucket.objectLock || (lock === undefined && !legalHold)) return;
  throw new S3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
}

/** DeleteObject: a named version goes for good, otherwise versioned buckets get a marker. */
export async function deleteObject(exchange: Exchange, bucket: Bucket, key: string): Promise<Reply> {
  const versionId = exchange.query.get('versionId');
  const versions = bucket.objects.get(key) ?? [];
  const aimed = versionId === undefined ? versions[0] : versions.find((version) => version.versionId === versionId);
  checkDeleteCondition(exchange, aimed);
  const { headers } = await deleteOne(exchange, bucket, { key, versionId });
  return { status: 204, headers };
}

interface Deletion {
  readonly key: string;
  readonly versionId: string | undefined;
}

async function deleteOne(
  exchange: Exchange,
  bucket: Bucket,
  { key, versionId }: Deletion,
): Promise<{ headers: Record<string, string> }> {
  if (versionId !== undefined || bucket.versioning === undefined) {
    const id = versionId ?? 'null';
    checkUnlocked(
      exchange,
      bucket.objects.get(key)?.find((version) => version.versionId === id),
    );
    const removed = await removeVersion(bucket, key, id);
    if (bucket.versioning === undefined) return { headers: {} };
    return { headers: removed?.deleteMarker === true ? markerHeaders(removed) : { 'x-amz-version-id': id } };
  }
  const marker = deleteMarkerFor(bucket, key, exchange.world.now());
  await addVersion(bucket, marker);
  return { headers: markerHeaders(marker) };
}

/** DeleteObjects: each key stands or falls alone; `Quiet` tells the falls only. */
export async function deleteObjects(exchange: Exchange, bucket: Bucket): Promise<Reply> {
  const root = parseXml(await exchange.text());
  const quiet = childText(root, 'Quiet') === 'true';
  const entries = childrenNamed(root, 'Object');
  if (entries.length === 0 || entries.length > 1000)
    throw new S3Error('MalformedXML', 'A delete names between 1 and 1000 objects');
  const deleted: XmlTree[] = [];
  const errors: XmlTree[] = [];
  for (const entry of entries) {
    const key = entry.children.find((child) => child.name === 'Key')?.text ?? '';
    const versionId = childText(entry, 'VersionId');
    try {
      if (!exchange.may(versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion', key))
        throw new S3Error('AccessDenied', 'Access Denied');
      const { headers } = await deleteOne(exchange, bucket, { key, versionId });
      const marker =
        headers['x-amz-delete-marker'] === 'true'
          ? { DeleteMarker: true, DeleteMarkerVersionId: headers['x-amz-version-id'] }
          : {};
      deleted.push({ Key: key, VersionId: versionId, ...marker });
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      errors.push({ Key: key, VersionId: versionId, Code: error.code, Message: error.message });
    }
  }
  return { status: 200, body: xmlDocument('DeleteResult', { Deleted: quiet ? [] : deleted, Error: errors }) };
}

export async function putRetention(exchange: Exchange, bucket: Bucket, key: string): Promise<Reply> {
  const root = parseXml(await exchange.text());
  const lock = checkedLock(exchange, childText(root, 'Mode'), childText(root, 'RetainUntilDate'));
  const version = findVersion(exchange, bucket, key);
  checkLockable(bucket, { lock, legalHold: false });
  const shortens =
    version.lock !== undefined &&
    (lock === undefined || lock.until < version.lock.until || lock.mode !== version.lock.mode);
  if (shortens) checkUnlocked(exchange, { ...version, legalHold: false });
  version.lock = lock;
  return { status: 200 };
}

export function getRetention(exchange: Exchange, bucket: Bucket, key: string): Reply {
  const { lock } = findVersion(exchange, bucket, key);
  if (lock === undefined)
    throw new S3Error('NoSuchObjectLockConfiguration', 'The specified object does not have a ObjectLock configuration');
  return { status: 200, body: xmlDocument('Retention', { Mode: lock.mode, RetainUntilDate: lock.until }) };
}

export async function putLegalHold(exchange: Exchange, bucket: Bucket, key: string): Promise<Reply> {
  const status = childText(parseXml(await exchange.text()), 'Status');
  const version = findVersion(exchange, bucket, key);
  checkLockable(bucket, { lock: undefined, legalHold: true });
  version.legalHold = status === 'ON';
  return { status: 200 };
}

export function getLegalHold(exchange: Exchange, bucket: Bucket, key: string): Reply {
  const { legalHold } = findVersion(exchange, bucket, key);
  return { status: 200, body: xmlDocument('LegalHold', { Status: legalHold ? 'ON' : 'OFF' }) };
}
