import { crc32 } from 'node:zlib';

/** CRC-32 of bytes as S3 writes it: four bytes, big-endian, base64. */
export function crc32Base64(body: Uint8Array): string {
  return toBase64(crc32(body));
}

export function toBase64(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString('base64');
}
