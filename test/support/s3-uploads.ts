import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  UploadPartCommand,
  type UploadPartCommandInput,
} from '@aws-sdk/client-s3';
import { outcome, type Stage } from './s3-check.ts';
import { Crc64Nvme } from './s3-server/crc.ts';

/** The CRC-64/NVME of bytes as S3 writes it. */
export function crc64Of(bytes: Uint8Array): string {
  const crc = new Crc64Nvme();
  crc.update(bytes);
  const encoded = Buffer.alloc(8);
  encoded.writeBigUInt64BE(crc.digest());
  return encoded.toString('base64');
}

/** An upload under way. */
export interface Begun {
  readonly key: string;
  readonly uploadId: string;
  part(number: number, body: Buffer, more?: Partial<UploadPartCommandInput>): Promise<CompletedPart>;
  complete(parts: CompletedPart[], more?: Partial<CompleteMultipartUploadCommandInput>): Promise<string>;
}

/** An upload on the plain bucket with its further steps. */
export async function begin(
  { client, plain }: Stage,
  key: string,
  more: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<Begun> {
  const created = await client.send(new CreateMultipartUploadCommand({ Bucket: plain, Key: key, ...more }));
  const ids = { Bucket: plain, Key: key, UploadId: created.UploadId };
  return {
    key,
    uploadId: created.UploadId ?? '',
    async part(PartNumber, Body, options = {}) {
      const sums = more.ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm: more.ChecksumAlgorithm };
      const stored = await client.send(new UploadPartCommand({ ...ids, PartNumber, Body, ...sums, ...options }));
      const { ETag, ChecksumCRC32, ChecksumCRC64NVME, ChecksumSHA256 } = stored;
      return more.ChecksumAlgorithm === undefined
        ? { PartNumber, ETag }
        : { PartNumber, ETag, ChecksumCRC32, ChecksumCRC64NVME, ChecksumSHA256 };
    },
    complete: (Parts, options = {}) =>
      outcome(client.send(new CompleteMultipartUploadCommand({ ...ids, MultipartUpload: { Parts }, ...options }))),
  };
}
