import { describe, expect, it } from '@jest/globals';
import { parseManifest, parseReport, splitSigned } from '../../src/domain/manifest.ts';
import { MANIFEST } from '../fuzz/samples.ts';

const HASH = 'a'.repeat(64);
const volume = { name: 'dump.pgc.zst', bytes: 5, sha256: HASH, crc32: 'AAAAAA==' };
const manifest = { ...MANIFEST, volumes: [volume] };
const signature = { algorithm: 'ed25519', keyId: '0123456789abcdef', value: 'AAAA' };
const report = {
  format: 'database-dump/verification',
  version: 1,
  backup: 'b-20261124-0001',
  manifestSha256: HASH,
  at: '2026-11-24T10:00:00.000Z',
  asked: 1,
  reached: 0,
  status: 'suspect',
  tables: {},
  values: {},
  differences: [],
  notices: [],
};
const REMEDY = 'Restore from another backup, or fetch the untouched manifest from an older object version.';

const invalid = (why: string | RegExp) =>
  expect.objectContaining({
    code: 'manifest_invalid',
    message: typeof why === 'string' ? `The manifest cannot be used: ${why}.` : expect.stringMatching(why),
    remedy: REMEDY,
  });

describe('what a manifest may say', () => {
  it.each([
    ...['full', 'schema', 'data', 'globals'].map((type) => ({ type })),
    ...['snapshot', 'partial', 'fuzzy'].map((consistency) => ({ consistency })),
    ...['zstd', 'gzip', 'none'].map((algorithm) => ({ compression: { algorithm, level: 1 } })),
    { volumes: [volume, { ...volume, name: 'dump.pgc.zst.0002', versionId: 'v' }] },
    { backup: 'abcdefgh' },
    { backup: 'a'.repeat(64) },
    { encryption: { scheme: 'age', recipients: [] } },
    { inventory: { ...manifest.inventory, tables: { t: { rows: 0 }, u: { rows: 1, digest: 'd' } } } },
  ])('is read back: %j', (change) => {
    expect(parseManifest({ ...manifest, ...change })).toEqual({ ...manifest, ...change });
  });

  it.each([
    [{ backup: 'UPPERCASE' }],
    [{ backup: '../abcdefgh' }],
    [{ backup: 'abcdefgh/x' }],
    [{ backup: 'short' }],
    [{ backup: 'a'.repeat(65) }],
    [{ volumes: [] }],
    [{ volumes: [{ ...volume, sha256: `0${HASH}` }] }],
    [{ volumes: [{ ...volume, sha256: `${HASH}0` }] }],
    [{ volumes: [{ ...volume, sha256: HASH.toUpperCase() }] }],
    [{ volumes: [{ ...volume, bytes: -1 }] }],
    [{ volumes: [{ ...volume, bytes: 1.5 }] }],
    [{ volumes: [{ ...volume, extra: 1 }] }],
    [{ stored: { bytes: 5, sha256: '' } }],
    [{ plain: { bytes: 5, sha256: 'x' } }],
    [{ attempt: 0 }],
    [{ type: '' }],
    [{ consistency: '' }],
    [{ compression: { algorithm: '', level: 1 } }],
    [{ encryption: { scheme: 'pgp', recipients: [] } }],
    [{ startedAt: 'yesterday' }],
    [{ inventory: { ...manifest.inventory, tables: { t: { rows: -1 } } } }],
    [{ inventory: { ...manifest.inventory, tables: { t: { rows: 1, more: 1 } } } }],
  ])('is nothing else: %j', (change) => {
    expect(() => parseManifest({ ...manifest, ...change })).toThrow(invalid(/^The manifest cannot be used: .+\.$/));
  });

  it('is refused with the first problem alone, on one line', () => {
    const error = (() => {
      try {
        return parseManifest({ ...manifest, run: 1, extension: 2 });
      } catch (caught) {
        return caught as Error;
      }
    })();

    expect(error).toMatchObject({
      message: expect.stringMatching(/^The manifest cannot be used: ✖ [^\n]*string[^\n]*\.$/),
    });
  });

  it('of a newer version is refused with both versions and where to go', () => {
    expect(() => parseManifest({ ...manifest, version: 7 })).toThrow(
      expect.objectContaining({
        code: 'manifest_version_unknown',
        message: 'The manifest has version 7; this program reads up to 1.',
        remedy: 'Use a newer release of database-dump.',
      }),
    );
    expect(() => parseManifest({ ...manifest, format: 'x' })).toThrow(
      invalid('it is not a database-dump/manifest document'),
    );
  });
});

describe('what a report may say', () => {
  it.each([
    ...['stored', 'good', 'suspect', 'lost', 'archived'].map((status) => ({ status })),
    ...[1, 2, 3].map((asked) => ({ asked })),
    ...[0, 1, 2, 3].map((reached) => ({ reached })),
    { plain: { bytes: 1, sha256: HASH } },
    { tables: { t: { rows: 0 }, u: { rows: 1, digest: 'd' } } },
    { reason: 'why', restoreSeconds: 0.25 },
  ])('is read back: %j', (change) => {
    expect(parseReport({ ...report, ...change })).toEqual({ ...report, ...change });
  });

  it.each([
    { asked: 0 },
    { asked: 4 },
    { reached: -1 },
    { reached: 4 },
    { status: '' },
    { manifestSha256: 'x' },
    { plain: { bytes: 1 } },
    { plain: { bytes: 1, sha256: HASH, more: 1 } },
    { tables: { t: { rows: 1, more: 1 } } },
    { tables: { t: {} } },
    { extra: 1 },
  ])('is nothing else: %j', (change) => {
    expect(() => parseReport({ ...report, ...change })).toThrow(invalid(/^The manifest cannot be used: .+\.$/));
  });

  it('is one by its format, not only by its fields', () => {
    for (const change of [{ format: 'x' }, { version: 'x' }, { version: 0 }]) {
      expect(() => parseReport({ ...report, ...change })).toThrow(
        invalid('it is not a database-dump/verification document'),
      );
    }
  });
});

describe('what is signed', () => {
  it.each([
    ['not json', 'it is not JSON'],
    ['[]', 'it is not a JSON object'],
    ['null', 'it is not a JSON object'],
    ['7', 'it is not a JSON object'],
    ['"text"', 'it is not a JSON object'],
    ['{}', 'it carries no signature that can be read'],
    [
      JSON.stringify({ signature: { ...signature, keyId: `${signature.keyId}0` } }),
      'it carries no signature that can be read',
    ],
    [
      JSON.stringify({ signature: { ...signature, keyId: `0${signature.keyId}` } }),
      'it carries no signature that can be read',
    ],
    [JSON.stringify({ signature: { ...signature, more: 1 } }), 'it carries no signature that can be read'],
  ])('must be there: %s', (text, why) => {
    expect(() => splitSigned(text)).toThrow(invalid(why));
  });

  it('names what the reader of JSON said as the cause, and only then a cause', () => {
    const caught = (text: string) => {
      try {
        return splitSigned(text);
      } catch (error) {
        return error as Error;
      }
    };

    expect(caught('{')).toMatchObject({ cause: expect.any(SyntaxError) });
    expect(Object.hasOwn(caught('{}'), 'cause')).toBe(false);
  });
});
