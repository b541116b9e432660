import { createHash } from 'node:crypto';
import { Crc32, Crc64Nvme, joinCrcs } from './crc.ts';
import { S3Error } from './s3-error.ts';

export type ChecksumAlgorithm = 'CRC32' | 'CRC64NVME' | 'SHA1' | 'SHA256';
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** Base64 of the big-endian digest, with `-N` behind it when composite. */
  readonly value: string;
}

const ALGORITHMS: Readonly<Record<string, ChecksumAlgorithm>> = {
  CRC32: 'CRC32',
  CRC64NVME: 'CRC64NVME',
  SHA1: 'SHA1',
  SHA256: 'SHA256',
};
const DIGEST_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = { CRC32: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 };

/** `crc64nvme` or `CRC64NVME` to the algorithm; CRC32C and unknown names are refused as not implemented. */
export function algorithmNamed(name: string): ChecksumAlgorithm {
  const algorithm = ALGORITHMS[name.toUpperCase()];
  if (algorithm === undefined) throw new S3Error('NotImplemented', `The checksum algorithm ${name} is not implemented`);
  return algorithm;
}

/** The type an upload gets when its creator named none. */
export function defaultType(algorithm: ChecksumAlgorithm): ChecksumType {
  return algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
}

export function checkPair(algorithm: ChecksumAlgorithm, type: ChecksumType): void {
  const possible = algorithm === 'CRC32' || (type === 'FULL_OBJECT') === (algorithm === 'CRC64NVME');
  if (possible) return;
  throw new S3Error(
    'InvalidRequest',
    `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  );
}

interface Running {
  update(data: Uint8Array): void;
  base64(): string;
}

/** One running digest of any algorithm. */
export function startDigest(algorithm: ChecksumAlgorithm | 'MD5'): Running {
  if (algorithm === 'CRC32' || algorithm === 'CRC64NVME') {
    const crc = algorithm === 'CRC32' ? new Crc32() : new Crc64Nvme();
    const width = algorithm === 'CRC32' ? 32 : 64;
    return { update: (data) => crc.update(data), base64: () => encodeCrc(crc.digest(), width) };
  }
  const hash = createHash(algorithm.toLowerCase());
  return { update: (data) => void hash.update(data), base64: () => hash.digest('base64') };
}

function encodeCrc(crc: bigint, width: 32 | 64): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(crc);
  return bytes.subarray(8 - width / 8).toString('base64');
}

function decodeCrc(value: string): bigint {
  return BigInt(`0x${Buffer.from(value, 'base64').toString('hex')}`);
}

/** Refuses a value that cannot be a digest of this algorithm. */
export function checkShape(algorithm: ChecksumAlgorithm, value: string): void {
  if (Buffer.from(value, 'base64').length === DIGEST_BYTES[algorithm]) return;
  throw new S3Error('InvalidRequest', `Value for x-amz-checksum-${algorithm.toLowerCase()} header is invalid.`);
}

export interface PartDigest {
  readonly value: string;
  readonly length: number;
}

/** The checksum of a whole object out of those of its parts. */
export function joinChecksums(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly PartDigest[],
): Checksum {
  if (type === 'FULL_OBJECT') {
    const width = algorithm === 'CRC32' ? 32 : 64;
    const joined = joinCrcs(
      width,
      parts.map(({ value, length }) => ({ crc: decodeCrc(value), length })),
    );
    return { algorithm, type, value: encodeCrc(joined, width) };
  }
  const digest = startDigest(algorithm);
  for (const { value } of parts) digest.update(Buffer.from(value, 'base64'));
  return { algorithm, type, value: `${digest.base64()}-${parts.length}` };
}

/** The reply headers that tell a checksum. */
export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return {
    [`x-amz-checksum-${checksum.algorithm.toLowerCase()}`]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  };
}

/** The XML elements that tell a checksum. */
export function checksumElements(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type };
}
