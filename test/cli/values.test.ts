import { describe, expect, it } from '@jest/globals';
import { bytesValue, collect, collectPair, compressionValue, levelValue, spanValue } from '../../cli/values.ts';
import { Failure } from '../../src/domain/failure.ts';

function refused(read: () => unknown): Failure {
  try {
    read();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('option values', () => {
  it.each([
    ['zstd', 'zstd', 3],
    ['zstd:1', 'zstd', 1],
    ['zstd:19', 'zstd', 19],
    ['gzip', 'gzip', 6],
    ['gzip:9', 'gzip', 9],
    ['none', 'none', 0],
  ])('reads compression %s', (text, algorithm, level) => {
    expect(compressionValue(text)).toEqual({ algorithm, level });
  });

  it.each(['zstd:0', 'zstd:20', 'zstd:', 'zstd:3:3', 'zstd3', 'gzip:10', 'none:1', 'xz', ''])(
    'refuses compression %j and shows what would do',
    (text) => {
      const failure = refused(() => compressionValue(text));

      expect(failure.code).toBe('usage');
      expect(failure.remedy).toContain('zstd:3');
    },
  );

  it('refuses levels, sizes and spans that are none', () => {
    for (const read of [
      () => levelValue('4'),
      () => levelValue('2.0'),
      () => bytesValue('many'),
      () => spanValue('soon'),
    ]) {
      expect(refused(read).code).toBe('usage');
    }
    expect([levelValue('1'), levelValue('2'), levelValue('3')]).toEqual([1, 2, 3]);
    expect([bytesValue('20MB'), spanValue('5m')]).toEqual([20_000_000, 300_000]);
  });

  it('collects repeated options and pairs, the value keeping its own equals signs', () => {
    expect(collect('b', collect('a', undefined))).toEqual(['a', 'b']);
    expect(collectPair('n=select 1 = 1', { m: 'x' })).toEqual({ m: 'x', n: 'select 1 = 1' });
    for (const text of ['=x', 'x', 'x=']) expect(refused(() => collectPair(text, undefined)).code).toBe('usage');
  });
});
