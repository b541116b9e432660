import * as buckets from './bucket-handlers.ts';
import * as listings from './listing-handlers.ts';
import type { Bucket, Exchange, Handler, Reply } from './model.ts';
import * as multipart from './multipart-handlers.ts';
import * as reads from './read-handlers.ts';
import { S3Error } from './s3-error.ts';
import * as writes from './write-handlers.ts';

type BucketHandler = (exchange: Exchange, bucket: Bucket) => Promise<Reply> | Reply;
type ObjectHandler = (exchange: Exchange, bucket: Bucket, key: string) => Promise<Reply> | Reply;

const SERVICE: Readonly<Record<string, Handler>> = {
  ListBuckets: buckets.listBuckets,
  CreateBucket: buckets.createBucket,
};

const BUCKET: Readonly<Record<string, BucketHandler>> = {
  HeadBucket: buckets.headBucket,
  DeleteBucket: buckets.deleteBucket,
  GetBucketLocation: buckets.getLocation,
  GetBucketVersioning: buckets.getVersioning,
  PutBucketVersioning: buckets.putVersioning,
  GetObjectLockConfiguration: buckets.getObjectLock,
  ListObjectsV2: listings.listObjects,
  ListObjectVersions: listings.listVersions,
  ListMultipartUploads: listings.listUploads,
  DeleteObjects: writes.deleteObjects,
};

const OBJECT: Readonly<Record<string, ObjectHandler>> = {
  GetObject: reads.readObject,
  HeadObject: reads.readObject,
  GetObjectAttributes: reads.readAttributes,
  RestoreObject: reads.restoreObject,
  PutObject: writes.putObject,
  DeleteObject: writes.deleteObject,
  PutObjectRetention: writes.putRetention,
  GetObjectRetention: writes.getRetention,
  PutObjectLegalHold: writes.putLegalHold,
  GetObjectLegalHold: writes.getLegalHold,
  CreateMultipartUpload: multipart.createUpload,
  UploadPart: multipart.uploadPart,
  CompleteMultipartUpload: multipart.completeUpload,
  AbortMultipartUpload: multipart.abortUpload,
  ListParts: multipart.listParts,
};

/** Hands an authenticated request to its handler. `region` is the one the request was signed for. */
export function dispatch(exchange: Exchange, region: string): Promise<Reply> | Reply {
  const { action, key } = exchange.call;
  const service = SERVICE[action];
  if (service !== undefined) return service(exchange);
  const ofBucket = BUCKET[action];
  if (ofBucket !== undefined) return ofBucket(exchange, buckets.findBucket(exchange, region));
  const ofObject = OBJECT[action];
  if (ofObject === undefined || key === undefined)
    throw new S3Error(
      'NotImplemented',
      'A header or query you provided implies functionality that is not implemented.',
    );
  if (Buffer.byteLength(key) > 1024) throw new S3Error('KeyTooLongError', 'Your key is too long');
  if (exchange.header('x-amz-copy-source') !== undefined)
    throw new S3Error('NotImplemented', 'Copies are not implemented');
  return ofObject(exchange, buckets.findBucket(exchange, region), key);
}
