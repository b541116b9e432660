import { randomBytes } from 'node:crypto';
import type { Bucket, Exchange, Version } from './model.ts';
import { S3Error } from './s3-error.ts';

/** The newest version of a key, which may be a delete marker. */
export function currentVersion(bucket: Bucket, key: string): Version | undefined {
  return bucket.objects.get(key)?.[0];
}

export function newVersionId(bucket: Bucket): string {
  return bucket.versioning === 'Enabled' ? randomBytes(24).toString('base64url') : 'null';
}

/** Makes `version` the newest; in a bucket without versions, or with them suspended, it replaces the `null` version. */
export async function addVersion(bucket: Bucket, version: Version): Promise<void> {
  const others = bucket.objects.get(version.key) ?? [];
  const replaced = version.versionId === 'null' ? others.filter((other) => other.versionId === 'null') : [];
  bucket.objects.set(version.key, [version, ...others.filter((other) => !replaced.includes(other))]);
  for (const old of replaced) await removeBlobs(old);
}

/** Takes one version away for good. Answers it, or undefined where there was none. */
export async function removeVersion(bucket: Bucket, key: string, versionId: string): Promise<Version | undefined> {
  const versions = bucket.objects.get(key) ?? [];
  const version = versions.find((candidate) => candidate.versionId === versionId);
  if (version === undefined) return undefined;
  const rest = versions.filter((candidate) => candidate !== version);
  if (rest.length === 0) bucket.objects.delete(key);
  else bucket.objects.set(key, rest);
  await removeBlobs(version);
  return version;
}

async function removeBlobs(version: Version): Promise<void> {
  for (const blob of version.blobs) await blob.remove();
}

export function sizeOf(version: Version): number {
  return version.blobs.reduce((sum, blob) => sum + blob.size, 0);
}

export function deleteMarkerFor(bucket: Bucket, key: string, now: number): Version {
  return {
    key,
    versionId: newVersionId(bucket),
    deleteMarker: true,
    blobs: [],
    multipart: false,
    etag: '',
    checksum: undefined,
    metadata: {},
    headers: {},
    sse: undefined,
    lastModified: new Date(now),
    storageClass: 'STANDARD',
    restored: 'no',
    lock: undefined,
    legalHold: false,
  };
}

/** The version a read asks for. Missing ones are refused as S3 does: 403 for who may not list, 404 for the others. */
export function findVersion(exchange: Exchange, bucket: Bucket, key: string): Version {
  const versionId = exchange.query.get('versionId');
  const versions = bucket.objects.get(key) ?? [];
  const version =
    versionId === undefined ? versions[0] : versions.find((candidate) => candidate.versionId === versionId);
  if (version === undefined || (version.deleteMarker && versionId === undefined))
    throw missing(exchange, version, versionId);
  if (!version.deleteMarker) return version;
  const headers = { ...markerHeaders(version), 'last-modified': version.lastModified.toUTCString(), allow: 'DELETE' };
  throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', { headers });
}

function missing(exchange: Exchange, marker: Version | undefined, versionId: string | undefined): S3Error {
  if (!exchange.may('s3:ListBucket', '')) return new S3Error('AccessDenied', 'Access Denied');
  if (versionId !== undefined) return new S3Error('NoSuchVersion', 'The specified version does not exist.');
  return new S3Error('NoSuchKey', 'The specified key does not exist.', { headers: markerHeaders(marker) });
}

export function markerHeaders(marker: Version | undefined): Record<string, string> {
  return marker === undefined ? {} : { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId };
}

/** The version id header, which only buckets that ever had versions send. */
export function versionHeader(bucket: Bucket, version: Version): Record<string, string> {
  return bucket.versioning === undefined ? {} : { 'x-amz-version-id': version.versionId };
}

/** Refuses to delete a version under retention or legal hold. Governance mode gives way to the bypass header. */
export function checkUnlocked(exchange: Exchange, version: Version | undefined): void {
  if (version === undefined) return;
  const { lock } = version;
  const retained = lock !== undefined && lock.until.getTime() > exchange.world.now();
  const bypassed = lock?.mode === 'GOVERNANCE' && exchange.header('x-amz-bypass-governance-retention') === 'true';
  if (!version.legalHold && (!retained || bypassed)) return;
  throw new S3Error('AccessDenied', 'Access Denied because object protected by object lock.');
}
