import { createHash, randomBytes } from 'node:crypto';
import {
  algorithmNamed,
  type ChecksumType,
  checkPair,
  checksumElements,
  checksumHeaders,
  defaultType,
  joinChecksums,
} from './checksums.ts';
import { checkWriteConditions } from './conditions.ts';
import { demandKms, readDescription, sseHeaders } from './description.ts';
import type { Bucket, Exchange, Part, Reply, Upload, Version } from './model.ts';
import { S3Error } from './s3-error.ts';
import { addVersion, currentVersion, newVersionId, versionHeader } from './versions.ts';
import { checkLockable } from './write-handlers.ts';
import { childrenNamed, childText, parseXml, type XmlNode, xmlDocument } from './xml.ts';

export function createUpload(exchange: Exchange, bucket: Bucket, key: string): Reply {
  const description = readDescription(exchange);
  checkLockable(bucket, description);
  const uploadId = randomBytes(24).toString('base64url');
  const { algorithm, type } = readChecksumChoice(exchange);
  const initiated = new Date(exchange.world.now());
  bucket.uploads.set(uploadId, { ...description, uploadId, key, algorithm, type, initiated, parts: new Map() });
  const headers = {
    ...sseHeaders(description.sse),
    'x-amz-checksum-algorithm': algorithm,
    'x-amz-checksum-type': type,
  };
  return {
    status: 200,
    headers,
    body: xmlDocument('InitiateMultipartUploadResult', { Bucket: bucket.name, Key: key, UploadId: uploadId }),
  };
}

function readChecksumChoice(exchange: Exchange): Pick<Upload, 'algorithm' | 'type'> {
  const name = exchange.header('x-amz-checksum-algorithm');
  const type = exchange.header('x-amz-checksum-type') as ChecksumType | undefined;
  if (exchange.features.checksums === 'ignored') return { algorithm: undefined, type: undefined };
  if (name === undefined) {
    if (type !== undefined)
      throw new S3Error(
        'InvalidRequest',
        'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
      );
    return { algorithm: undefined, type: undefined };
  }
  const algorithm = algorithmNamed(name);
  checkPair(algorithm, type ?? defaultType(algorithm));
  return { algorithm, type: type ?? defaultType(algorithm) };
}

/** The upload a request names, with the right key; everything else is NoSuchUpload. */
function findUpload(exchange: Exchange, bucket: Bucket, key: string): Upload {
  const upload = bucket.uploads.get(exchange.call.uploadId ?? '');
  if (upload !== undefined && upload.key === key) return upload;
  throw new S3Error(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  );
}

export async function uploadPart(exchange: Exchange, bucket: Bucket, key: string): Promise<Reply> {
  const { limits } = exchange.world;
  const { partNumber = Number.NaN } = exchange.call;
  const upload = findUpload(exchange, bucket, key);
  if (!(Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= limits.maxParts)) {
    throw new S3Error('InvalidArgument', `Part number must be an integer between 1 and ${limits.maxParts}, inclusive`);
  }
  demandKms(exchange, upload.sse, 'kms:Decrypt');
  const received = await exchange.receive({ kind: 'part', maxBytes: limits.maxPartBytes, algorithm: upload.algorithm });
  if (!bucket.uploads.has(upload.uploadId)) {
    await received.blob.remove();
    findUpload(exchange, bucket, key);
  }
  const replaced = upload.parts.get(partNumber);
  upload.parts.set(partNumber, { partNumber, ...received, lastModified: new Date(exchange.world.now()) });
  await replaced?.blob.remove();
  const { 'x-amz-checksum-type': _, ...checksum } = checksumHeaders(received.checksum);
  return { status: 200, headers: { etag: `"${received.etag}"`, ...sseHeaders(upload.sse), ...checksum } };
}

export async function completeUpload(exchange: Exchange, bucket: Bucket, key: string): Promise<Reply> {
  const root = parseXml(await exchange.text());
  const upload = findUpload(exchange, bucket, key);
  demandKms(exchange, upload.sse, 'kms:Decrypt');
  const parts = chosenParts(exchange, upload, childrenNamed(root, 'Part'));
  checkPartSizes(exchange, parts);
  const checksum = objectChecksum(upload, parts);
  checkWholeObject(exchange, parts, checksum);
  // From here to the new version nothing waits, so of two racing requests one finds the other's object.
  checkWriteConditions(exchange, currentVersion(bucket, key));
  bucket.uploads.delete(upload.uploadId);
  const etag = createHash('md5')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex'))))
    .digest('hex');
  const version: Version = {
    ...upload,
    versionId: newVersionId(bucket),
    deleteMarker: false,
    blobs: parts.map((part) => part.blob),
    multipart: true,
    etag: `${etag}-${parts.length}`,
    checksum,
    lastModified: new Date(exchange.world.now()),
    restored: 'no',
  };
  await addVersion(bucket, version);
  for (const part of upload.parts.values()) if (!parts.includes(part)) await part.blob.remove();
  const location = `http://${exchange.header('host')}/${bucket.name}/${encodeURIComponent(key)}`;
  const tree = {
    Location: location,
    Bucket: bucket.name,
    Key: key,
    ETag: `"${version.etag}"`,
    ...checksumElements(checksum),
  };
  const headers = { ...versionHeader(bucket, version), ...sseHeaders(version.sse) };
  return { status: 200, headers, body: xmlDocument('CompleteMultipartUploadResult', tree) };
}

function chosenParts(exchange: Exchange, upload: Upload, listed: readonly XmlNode[]): Part[] {
  if (listed.length === 0)
    throw new S3Error(
      'MalformedXML',
      'The XML you provided was not well-formed or did not validate against our published schema',
    );
  const parts = listed.map((node) => chosenPart(upload, node, exchange.features.checksums === 'checked'));
  for (const [index, part] of parts.entries()) {
    const before = parts[index - 1];
    if (before !== undefined && before.partNumber >= part.partNumber) {
      throw new S3Error(
        'InvalidPartOrder',
        'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
      );
    }
    // With checksums S3 wants numbers without gaps, and says so with a 500.
    if (upload.algorithm !== undefined && part.partNumber !== index + 1)
      throw new S3Error('InternalError', 'We encountered an internal error. Please try again.');
  }
  if (parts.length > exchange.world.limits.maxParts)
    throw new S3Error('InvalidArgument', 'The list names too many parts');
  return parts;
}

function chosenPart(upload: Upload, node: XmlNode, checksums: boolean): Part {
  const partNumber = Number(childText(node, 'PartNumber'));
  const part = upload.parts.get(partNumber);
  const etag = childText(node, 'ETag')?.replaceAll('"', '');
  if (part === undefined || part.etag !== etag || (checksums && !listedChecksumFits(upload, part, node))) {
    const message =
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    throw new S3Error('InvalidPart', message, { details: { PartNumber: String(partNumber) } });
  }
  if (upload.type === 'COMPOSITE' && childText(node, `Checksum${upload.algorithm}`) === undefined) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using a ${upload.algorithm?.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${partNumber} in the request.`,
    );
  }
  return part;
}

/** A checksum in the list must be of the upload's kind and equal the part's; an upload created without has no kind. */
function listedChecksumFits(upload: Upload, part: Part, node: XmlNode): boolean {
  const listed = node.children.filter(({ name }) => name.startsWith('Checksum'));
  return listed.every(({ name, text }) => name === `Checksum${upload.algorithm}` && text === part.checksum?.value);
}

function checkPartSizes({ world: { limits } }: Exchange, parts: readonly Part[]): void {
  const first = parts[0]?.blob.size;
  for (const part of parts.slice(0, -1)) {
    if (part.blob.size < limits.minPartBytes) {
      throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
        details: { PartNumber: String(part.partNumber) },
      });
    }
    if (limits.equalParts && part.blob.size !== first)
      throw new S3Error('InvalidPart', 'All non-trailing parts must have the same length.');
  }
}

function objectChecksum(upload: Upload, parts: readonly Part[]): Version['checksum'] {
  const algorithm = upload.algorithm ?? parts[0]?.checksum?.algorithm;
  if (algorithm === undefined || parts.some((part) => part.checksum?.algorithm !== algorithm)) return undefined;
  const digests = parts.map((part) => ({ value: part.checksum?.value ?? '', length: part.blob.size }));
  return joinChecksums(algorithm, upload.type ?? defaultType(algorithm), digests);
}

/** The size and the checksum that the client says the whole has. */
function checkWholeObject(exchange: Exchange, parts: readonly Part[], checksum: Version['checksum']): void {
  const size = parts.reduce((sum, part) => sum + part.blob.size, 0);
  const told = exchange.header('x-amz-mp-object-size');
  if (told !== undefined && Number(told) !== size) {
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${told} does not match what was computed: ${size}`,
    );
  }
  if (exchange.features.checksums !== 'checked') return;
  const type = exchange.header('x-amz-checksum-type');
  if (type !== undefined && checksum !== undefined && type !== checksum.type) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using the ${checksum.type} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  for (const algorithm of ['CRC32', 'CRC64NVME', 'SHA1', 'SHA256']) {
    const claimed = exchange.header(`x-amz-checksum-${algorithm.toLowerCase()}`);
    if (claimed === undefined) continue;
    if (checksum?.algorithm !== algorithm)
      throw new S3Error('InvalidRequest', `The upload was not created using the ${algorithm} checksum.`);
    if (claimed !== checksum.value)
      throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  }
}

export async function abortUpload(exchange: Exchange, bucket: Bucket, key: string): Promise<Reply> {
  const upload = findUpload(exchange, bucket, key);
  bucket.uploads.delete(upload.uploadId);
  for (const part of upload.parts.values()) await part.blob.remove();
  return { status: 204 };
}

export function listParts(exchange: Exchange, bucket: Bucket, key: string): Reply {
  const upload = findUpload(exchange, bucket, key);
  const after = Number(exchange.query.get('part-number-marker') ?? 0);
  const max = Math.min(1000, Number(exchange.query.get('max-parts') ?? 1000));
  const parts = [...upload.parts.values()]
    .sort((a, b) => a.partNumber - b.partNumber)
    .filter((part) => part.partNumber > after);
  const page = parts.slice(0, max);
  const tree = {
    Bucket: bucket.name,
    Key: key,
    UploadId: upload.uploadId,
    PartNumberMarker: after,
    NextPartNumberMarker: page.at(-1)?.partNumber ?? 0,
    MaxParts: max,
    IsTruncated: parts.length > max,
    StorageClass: upload.storageClass,
    ChecksumAlgorithm: upload.algorithm,
    ChecksumType: upload.type,
    Part: page.map((part) => ({
      PartNumber: part.partNumber,
      LastModified: part.lastModified,
      ETag: `"${part.etag}"`,
      Size: part.blob.size,
      ...(part.checksum === undefined ? {} : { [`Checksum${part.checksum.algorithm}`]: part.checksum.value }),
    })),
  };
  return { status: 200, body: xmlDocument('ListPartsResult', tree) };
}
