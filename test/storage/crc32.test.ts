import { describe, expect, it } from '@jest/globals';
import { crc32Base64 } from '../../src/storage/crc32.ts';

describe('the CRC-32 of an object', () => {
  it('is written as S3 writes it', () => {
    expect(crc32Base64(Buffer.from('123456789'))).toBe('y/Q5Jg==');
  });
});
