import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crc32Combine } from '../../src/domain/crc32.ts';
import { crc32Base64 } from '../../src/storage/crc32.ts';

describe('CRC-32 of pieces', () => {
  it('combines to that of the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 5000 }), (a, b) => {
        expect(crc32Combine(crc32(a), crc32(b), b.byteLength)).toBe(crc32(Buffer.concat([a, b])));
      }),
      { numRuns: 1000 },
    );
  });

  it('is written as S3 writes it', () => {
    expect(crc32Base64(Buffer.from('123456789'))).toBe('y/Q5Jg==');
  });

  it('combines pieces of 8 GiB without a rounding error', () => {
    const zeros = (bytes: number): number => {
      let crc = crc32(Buffer.alloc(1024));
      for (let have = 1024; have < bytes; have *= 2) crc = crc32Combine(crc, crc, have);
      return crc;
    };
    const block = Buffer.alloc(2 ** 25);

    expect(zeros(2 ** 25)).toBe(crc32(block));
    expect(crc32Combine(zeros(2 ** 33), zeros(2 ** 33), 2 ** 33)).toBe(zeros(2 ** 34));
  });
});
