import type { Bucket, Exchange, Reply, World } from './model.ts';
import { S3Error } from './s3-error.ts';
import { childText, parseXml, xmlDocument } from './xml.ts';

export function newBucket(world: Pick<World, 'account' | 'region'>, name: string): Bucket {
  return {
    name,
    owner: world.account,
    region: world.region,
    createdAt: new Date(),
    versioning: undefined,
    objectLock: false,
    objects: new Map(),
    uploads: new Map(),
  };
}

/** The bucket of a request, after region and expected owner were checked. */
export function findBucket(exchange: Exchange, region: string): Bucket {
  const bucket = exchange.world.buckets.get(exchange.call.bucket ?? '');
  if (bucket === undefined) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist');
  if (bucket.region !== region) {
    const endpoint = `s3.${bucket.region}.amazonaws.com`;
    throw new S3Error(
      'PermanentRedirect',
      'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
      {
        details: { Endpoint: endpoint, Bucket: bucket.name },
        headers: { 'x-amz-bucket-region': bucket.region },
      },
    );
  }
  const expected = exchange.header('x-amz-expected-bucket-owner');
  if (expected !== undefined && expected !== bucket.owner) throw new S3Error('AccessDenied', 'Access Denied');
  return bucket;
}

export function listBuckets({ world }: Exchange): Reply {
  const buckets = [...world.buckets.values()].filter((bucket) => bucket.owner === world.account);
  const list = buckets.map((bucket) => ({
    Name: bucket.name,
    CreationDate: bucket.createdAt,
    BucketRegion: bucket.region,
  }));
  const tree = { Owner: { ID: world.account, DisplayName: world.account }, Buckets: { Bucket: list } };
  return { status: 200, body: xmlDocument('ListAllMyBucketsResult', tree) };
}

export async function createBucket(exchange: Exchange): Promise<Reply> {
  const { world, call } = exchange;
  const name = call.bucket ?? '';
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
    throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.');
  const body = await exchange.text();
  const region = body === '' ? undefined : childText(parseXml(body), 'LocationConstraint');
  const existing = world.buckets.get(name);
  if (existing !== undefined && existing.owner !== world.account) {
    throw new S3Error('BucketAlreadyExists', 'The requested bucket name is not available.');
  }
  if (existing !== undefined)
    throw new S3Error(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
    );
  const bucket = newBucket(world, name);
  if (region !== undefined) bucket.region = region;
  if (exchange.header('x-amz-bucket-object-lock-enabled') === 'true') {
    bucket.objectLock = true;
    bucket.versioning = 'Enabled';
  }
  world.buckets.set(name, bucket);
  return { status: 200, headers: { location: `/${name}` } };
}

export function headBucket(_: Exchange, bucket: Bucket): Reply {
  return { status: 200, headers: { 'x-amz-bucket-region': bucket.region } };
}

export function deleteBucket({ world }: Exchange, bucket: Bucket): Reply {
  if (bucket.objects.size > 0) throw new S3Error('BucketNotEmpty', 'The bucket you tried to delete is not empty');
  world.buckets.delete(bucket.name);
  return { status: 204 };
}

export function getLocation(_: Exchange, bucket: Bucket): Reply {
  const region = bucket.region === 'us-east-1' ? '' : bucket.region;
  const text = xmlDocument('LocationConstraint', {}).replace('</LocationConstraint>', `${region}</LocationConstraint>`);
  return { status: 200, body: text };
}

export function getVersioning(_: Exchange, bucket: Bucket): Reply {
  return { status: 200, body: xmlDocument('VersioningConfiguration', { Status: bucket.versioning }) };
}

export async function putVersioning(exchange: Exchange, bucket: Bucket): Promise<Reply> {
  const status = childText(parseXml(await exchange.text()), 'Status');
  if (status !== 'Enabled' && status !== 'Suspended')
    throw new S3Error('MalformedXML', 'The versioning status is neither Enabled nor Suspended');
  if (bucket.objectLock && status === 'Suspended') {
    throw new S3Error(
      'InvalidBucketState',
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    );
  }
  bucket.versioning = status;
  return { status: 200 };
}

export function getObjectLock(_: Exchange, bucket: Bucket): Reply {
  if (!bucket.objectLock) {
    throw new S3Error(
      'ObjectLockConfigurationNotFoundError',
      'Object Lock configuration does not exist for this bucket',
    );
  }
  return { status: 200, body: xmlDocument('ObjectLockConfiguration', { ObjectLockEnabled: 'Enabled' }) };
}
