import type { Exchange, Sse, Upload, Version } from './model.ts';
import { S3Error } from './s3-error.ts';

const KEPT = [
  'content-type',
  'content-encoding',
  'content-disposition',
  'content-language',
  'cache-control',
  'expires',
];
const STORAGE_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
];

type Described = Pick<Upload, 'metadata' | 'headers' | 'sse' | 'storageClass' | 'lock' | 'legalHold'>;

/** What the headers of a PutObject or CreateMultipartUpload say about the object. KMS keys are tried here. */
export function readDescription(exchange: Exchange): Described {
  const headers: Record<string, string> = {};
  for (const name of KEPT) {
    const value = exchange.header(name);
    if (value !== undefined) headers[name] = value;
  }
  const encoding = headers['content-encoding']
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== 'aws-chunked');
  if (encoding !== undefined) headers['content-encoding'] = encoding.join(',');
  if (headers['content-encoding'] === '') delete headers['content-encoding'];
  const sse = readSse(exchange);
  if (sse !== undefined) demandKms(exchange, sse, 'kms:GenerateDataKey');
  return {
    metadata: readMetadata(exchange),
    headers,
    sse,
    storageClass: readStorageClass(exchange),
    ...readLock(exchange),
  };
}

function readMetadata(exchange: Exchange): Record<string, string> {
  const metadata = exchange.metadata();
  const size = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value), 0);
  if (size <= 2048) return metadata;
  throw new S3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size');
}

function readStorageClass(exchange: Exchange): string {
  const storageClass = exchange.header('x-amz-storage-class') ?? 'STANDARD';
  if (STORAGE_CLASSES.includes(storageClass)) return storageClass;
  throw new S3Error('InvalidStorageClass', 'The storage class you specified is not valid');
}

function readSse(exchange: Exchange): Sse | undefined {
  const algorithm = exchange.header('x-amz-server-side-encryption');
  if (algorithm === undefined) return undefined;
  if (!['AES256', 'aws:kms', 'aws:kms:dsse'].includes(algorithm)) {
    throw new S3Error('InvalidArgument', 'The encryption method specified is not supported');
  }
  const keyId = exchange.header('x-amz-server-side-encryption-aws-kms-key-id');
  return { algorithm, keyId, bucketKey: exchange.header('x-amz-server-side-encryption-bucket-key-enabled') === 'true' };
}

/** Refuses when the object's KMS key is not there, is off, or does not grant `permission`. */
export function demandKms(
  exchange: Exchange,
  sse: Sse | undefined,
  permission: 'kms:GenerateDataKey' | 'kms:Decrypt',
): void {
  if (sse?.keyId === undefined) return;
  const state = exchange.world.kmsKeys.get(sse.keyId);
  if (state === undefined) throw new S3Error('KMS.NotFoundException', `Key '${sse.keyId}' does not exist`);
  if (state === 'disabled') throw new S3Error('KMS.DisabledException', `${sse.keyId} is disabled.`);
  if (state === 'pending-deletion')
    throw new S3Error('KMS.KMSInvalidStateException', `${sse.keyId} is pending deletion.`);
  const refused = state === 'denied' || (state === 'no-decrypt' && permission === 'kms:Decrypt');
  if (!refused) return;
  throw new S3Error(
    'AccessDenied',
    `User: ${exchange.identity.accessKeyId} is not authorized to perform: ${permission} on resource: ${sse.keyId}`,
  );
}

export function sseHeaders(sse: Sse | undefined): Record<string, string | undefined> {
  if (sse === undefined) return {};
  return {
    'x-amz-server-side-encryption': sse.algorithm,
    'x-amz-server-side-encryption-aws-kms-key-id': sse.keyId,
    'x-amz-server-side-encryption-bucket-key-enabled': sse.bucketKey ? 'true' : undefined,
  };
}

function readLock(exchange: Exchange): Pick<Version, 'lock' | 'legalHold'> {
  const mode = exchange.header('x-amz-object-lock-mode');
  const until = exchange.header('x-amz-object-lock-retain-until-date');
  return {
    lock: checkedLock(exchange, mode, until),
    legalHold: exchange.header('x-amz-object-lock-legal-hold') === 'ON',
  };
}

/** A retention out of its two halves; refuses one half alone, an unknown mode and a date gone by. */
export function checkedLock(exchange: Exchange, mode: string | undefined, until: string | undefined): Version['lock'] {
  if (mode === undefined && until === undefined) return undefined;
  if (mode === undefined || until === undefined) {
    throw new S3Error(
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  if (!['GOVERNANCE', 'COMPLIANCE'].includes(mode)) throw new S3Error('InvalidArgument', 'Unknown wormMode directive.');
  const date = new Date(until);
  if (!(date.getTime() > exchange.world.now()))
    throw new S3Error('InvalidArgument', 'The retain until date must be in the future!');
  return { mode, until: date };
}
