import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** SHA-256 of one block. */
export function blockHash(block: Uint8Array): Buffer {
  return createHash('sha256').update(block).digest();
}

/** The etag of content from the hashes of its blocks: equal content has an equal etag, however it was written. */
export function etagOf(blocks: readonly Buffer[]): string {
  const whole = createHash('sha256');
  for (const block of blocks) whole.update(block);
  return whole.digest('hex');
}

/** The etag and CRC-32 of bytes in memory. */
export function measure(body: Uint8Array, blockBytes: number): { readonly etag: string; readonly crc: number } {
  const blocks: Buffer[] = [];
  for (let at = 0; at < body.byteLength; at += blockBytes) blocks.push(blockHash(body.subarray(at, at + blockBytes)));
  return { etag: etagOf(blocks), crc: crc32(body) };
}

/** The etag of a stream, with one block's hash state in memory. */
export async function etagOfStream(stream: AsyncIterable<Uint8Array>, blockBytes: number): Promise<string> {
  const blocks: Buffer[] = [];
  let block = createHash('sha256');
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.byteLength; ) {
      const piece = chunk.subarray(at, at + blockBytes - filled);
      block.update(piece);
      filled += piece.byteLength;
      at += piece.byteLength;
      if (filled < blockBytes) continue;
      blocks.push(block.digest());
      block = createHash('sha256');
      filled = 0;
    }
  }
  if (filled > 0) blocks.push(block.digest());
  return etagOf(blocks);
}
