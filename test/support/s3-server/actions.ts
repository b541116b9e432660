/** Where a request points: the bucket and key of its path, decoded. */
export interface Target {
  readonly bucket: string | undefined;
  readonly key: string | undefined;
}

export function targetOf(rawTarget: string): Target {
  const path = rawTarget.split('?', 1)[0] ?? '/';
  const [, bucket = '', ...rest] = path.split('/');
  const key = rest.map((part) => decodeURIComponent(part)).join('/');
  return { bucket: bucket === '' ? undefined : decodeURIComponent(bucket), key: key === '' ? undefined : key };
}

type Level = 'service' | 'bucket' | 'object';
/** Method, level, query names that must be there, action. The first fitting row wins, so the barest stands last. */
type Row = readonly [method: string, level: Level, needs: readonly string[], action: string];

const ROWS: readonly Row[] = [
  ['GET', 'service', [], 'ListBuckets'],
  ['GET', 'bucket', ['location'], 'GetBucketLocation'],
  ['GET', 'bucket', ['versioning'], 'GetBucketVersioning'],
  ['GET', 'bucket', ['versions'], 'ListObjectVersions'],
  ['GET', 'bucket', ['uploads'], 'ListMultipartUploads'],
  ['GET', 'bucket', ['object-lock'], 'GetObjectLockConfiguration'],
  ['GET', 'bucket', ['list-type'], 'ListObjectsV2'],
  ['PUT', 'bucket', ['versioning'], 'PutBucketVersioning'],
  ['PUT', 'bucket', [], 'CreateBucket'],
  ['HEAD', 'bucket', [], 'HeadBucket'],
  ['DELETE', 'bucket', [], 'DeleteBucket'],
  ['POST', 'bucket', ['delete'], 'DeleteObjects'],
  ['GET', 'object', ['uploadId'], 'ListParts'],
  ['GET', 'object', ['attributes'], 'GetObjectAttributes'],
  ['GET', 'object', ['retention'], 'GetObjectRetention'],
  ['GET', 'object', ['legal-hold'], 'GetObjectLegalHold'],
  ['GET', 'object', [], 'GetObject'],
  ['HEAD', 'object', [], 'HeadObject'],
  ['PUT', 'object', ['uploadId', 'partNumber'], 'UploadPart'],
  ['PUT', 'object', ['retention'], 'PutObjectRetention'],
  ['PUT', 'object', ['legal-hold'], 'PutObjectLegalHold'],
  ['PUT', 'object', [], 'PutObject'],
  ['POST', 'object', ['uploads'], 'CreateMultipartUpload'],
  ['POST', 'object', ['uploadId'], 'CompleteMultipartUpload'],
  ['POST', 'object', ['restore'], 'RestoreObject'],
  ['DELETE', 'object', ['uploadId'], 'AbortMultipartUpload'],
  ['DELETE', 'object', [], 'DeleteObject'],
];

// A bare row must not swallow a request for something else, such as ?tagging.
const SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'cors',
  'encryption',
  'inventory',
  'lifecycle',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'tagging',
  'torrent',
  'website',
];

/** The SDK's name of what is asked, or `Unknown`. */
export function actionOf(method: string, { bucket, key }: Target, query: ReadonlyMap<string, string>): string {
  let level: Level = 'service';
  if (bucket !== undefined) level = key === undefined ? 'bucket' : 'object';
  const row = ROWS.find(([m, l, needs]) => m === method && l === level && needs.every((name) => query.has(name)));
  if (row === undefined) return 'Unknown';
  const [, , needs, action] = row;
  return needs.length === 0 && SUBRESOURCES.some((name) => query.has(name)) ? 'Unknown' : action;
}

const PERMISSIONS: Readonly<Record<string, string>> = {
  ListBuckets: 's3:ListAllMyBuckets',
  HeadBucket: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListObjectVersions: 's3:ListBucketVersions',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  ListParts: 's3:ListMultipartUploadParts',
  GetObjectLockConfiguration: 's3:GetBucketObjectLockConfiguration',
  HeadObject: 's3:GetObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  DeleteObjects: 's3:DeleteObject',
};

/** The IAM permission an action needs; naming a version asks for the `…Version` twin where there is one. */
export function permissionOf(action: string, hasVersion: boolean): string {
  const permission = PERMISSIONS[action] ?? `s3:${action}`;
  const versioned = ['s3:GetObject', 's3:DeleteObject', 's3:GetObjectAttributes'].includes(permission);
  return versioned && hasVersion ? permission.replace('Object', 'ObjectVersion') : permission;
}
