import { createHash } from 'node:crypto';
import { memoryWriter } from './blobs.ts';
import { startDigest } from './checksums.ts';
import type { Bucket, Version, World } from './model.ts';
import { readAcross } from './reply.ts';
import { addVersion, currentVersion, newVersionId, removeVersion, sizeOf } from './versions.ts';

export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  readonly size: number;
  readonly etag: string;
  readonly isLatest: boolean;
  readonly deleteMarker: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly checksum: string | undefined;
  readonly storageClass: string;
}

export interface OpenUpload {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly { readonly partNumber: number; readonly size: number; readonly etag: string }[];
}

/** What a test may see and spoil behind the API's back. Keys are those of the newest version; a missing one throws. */
export interface Inspection {
  /** What a plain listing shows: newest versions that are no delete markers. */
  objects(): StoredObject[];
  /** All versions and delete markers. */
  versions(): StoredObject[];
  uploads(): OpenUpload[];
  read(key: string): Promise<Buffer>;
  /** Flips one bit of the stored bytes; checksum and ETag told stay as they were. */
  flipBit(key: string, bit: number): Promise<void>;
  /** Cuts the stored bytes to `size`; checksum and ETag told stay as they were. */
  truncate(key: string, size: number): Promise<void>;
  /** What another writer with access would leave: other bytes, with checksum, ETag and version to match. */
  replace(key: string, bytes: Uint8Array): Promise<void>;
  /** Takes the newest version away for good. */
  remove(key: string): Promise<void>;
  setStorageClass(key: string, storageClass: string): void;
  /** Ends every restore from an archive that is under way. */
  finishRestores(): void;
  bucket(name: string): Bucket;
}

export function inspectionOf(world: World): Inspection {
  const all = (): StoredObject[] => [...world.buckets.values()].flatMap(storedIn);
  const find = (key: string) => findByKey(world, key);
  return {
    objects: () => all().filter((object) => object.isLatest && !object.deleteMarker),
    versions: all,
    uploads: () => [...world.buckets.values()].flatMap(uploadsIn),
    read: async (key) => readWhole(find(key).version),
    async flipBit(key, bit) {
      const { version } = find(key);
      let at = bit;
      for (const blob of version.blobs) {
        if (at < blob.size * 8) return blob.flipBit(at);
        at -= blob.size * 8;
      }
      throw new Error(`${key} has no bit ${bit}`);
    },
    async truncate(key, size) {
      let left = size;
      for (const blob of find(key).version.blobs) {
        await blob.truncate(Math.min(left, blob.size));
        left -= blob.size;
      }
    },
    async replace(key, bytes) {
      const { bucket, version } = find(key);
      await addVersion(bucket, await versionWith(world, { ...version, versionId: newVersionId(bucket) }, bytes));
    },
    async remove(key) {
      const { bucket, version } = find(key);
      await removeVersion(bucket, key, version.versionId);
    },
    setStorageClass(key, storageClass) {
      Object.assign(find(key).version, { storageClass, restored: 'no' });
    },
    finishRestores() {
      for (const version of [...world.buckets.values()].flatMap((bucket) => [...bucket.objects.values()].flat())) {
        if (version.restored === 'ongoing') version.restored = 'yes';
      }
    },
    bucket(name) {
      const bucket = world.buckets.get(name);
      if (bucket === undefined) throw new Error(`No bucket ${name}`);
      return bucket;
    },
  };
}

function storedIn(bucket: Bucket): StoredObject[] {
  return [...bucket.objects.values()].flatMap((versions) =>
    versions.map((version, index) => ({
      bucket: bucket.name,
      key: version.key,
      versionId: version.versionId,
      size: version.deleteMarker ? 0 : sizeOf(version),
      etag: version.etag,
      isLatest: index === 0,
      deleteMarker: version.deleteMarker,
      metadata: version.metadata,
      checksum: version.checksum?.value,
      storageClass: version.storageClass,
    })),
  );
}

function uploadsIn(bucket: Bucket): OpenUpload[] {
  return [...bucket.uploads.values()].map(({ key, uploadId, parts }) => ({
    bucket: bucket.name,
    key,
    uploadId,
    parts: [...parts.values()].map(({ partNumber, blob, etag }) => ({ partNumber, size: blob.size, etag })),
  }));
}

function findByKey(world: World, key: string): { bucket: Bucket; version: Version } {
  for (const bucket of world.buckets.values()) {
    const version = currentVersion(bucket, key);
    if (version !== undefined && !version.deleteMarker) return { bucket, version };
  }
  throw new Error(`No object ${key}`);
}

async function readWhole(version: Version): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readAcross(version.blobs, 0, sizeOf(version))) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function versionWith(world: World, old: Version, bytes: Uint8Array): Promise<Version> {
  const writer = memoryWriter();
  await writer.write(Buffer.from(bytes));
  const digest = startDigest('CRC64NVME');
  digest.update(bytes);
  return {
    ...old,
    blobs: [await writer.finish()],
    multipart: false,
    etag: createHash('md5').update(bytes).digest('hex'),
    checksum: { algorithm: 'CRC64NVME', type: 'FULL_OBJECT', value: digest.base64() },
    lastModified: new Date(world.now()),
  };
}
