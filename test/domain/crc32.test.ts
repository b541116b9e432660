import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crc32Combine } from '../../src/domain/crc32.ts';

describe('CRC-32 of pieces', () => {
  it('combines to that of the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 5000 }), (a, b) => {
        expect(crc32Combine(crc32(a), crc32(b), b.byteLength)).toBe(crc32(Buffer.concat([a, b])));
      }),
      { numRuns: 1000 },
    );
  });

  it('is unchanged by an empty piece on either side', () => {
    const some = crc32(Buffer.from('some'));

    expect(crc32Combine(some, crc32(Buffer.alloc(0)), 0)).toBe(some);
    expect(crc32Combine(crc32(Buffer.alloc(0)), some, 4)).toBe(some);
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
