import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Failure } from '../../src/domain/failure.ts';
import { canonicalJson, parseManifest, parseReport, splitSigned } from '../../src/domain/manifest.ts';

const signature = { algorithm: 'ed25519', keyId: '0123456789abcdef', value: 'AAAA' };

/** A manifest with every field set. */
function sampleManifest() {
  return {
    format: 'database-dump/manifest',
    version: 1,
    backup: 'b-20261124-0001',
    run: 'r-1',
    attempt: 1,
    database: { id: 'd1', name: 'shop', engine: 'postgres', host: 'db', port: 5432 },
    type: 'full',
    startedAt: '2026-11-24T10:00:00.000Z',
    snapshotAt: '2026-11-24T10:00:00.000Z',
    finishedAt: '2026-11-24T10:00:09.000Z',
    snapshotId: '0001-1',
    server: { flavour: 'PostgreSQL', version: '15.20' },
    tool: { program: 'pg_dump', version: '15.20' },
    options: {},
    consistency: 'snapshot',
    warnings: [],
    extension: 'pgc',
    compression: { algorithm: 'zstd', level: 3 },
    encryption: { scheme: 'age', recipients: ['age1x'] },
    plain: { bytes: 10, sha256: 'a'.repeat(64) },
    stored: { bytes: 5, sha256: 'b'.repeat(64) },
    volumes: [{ name: 'dump.pgc.zst', bytes: 5, sha256: 'b'.repeat(64), crc32: 'AAAAAA==', versionId: 'v1' }],
    inventory: {
      objects: { 'table public.a': '01' },
      tables: { 'public.a': { rows: 1, digest: 'd' } },
      values: {},
      facts: {},
    },
    uncounted: [],
    parsedInStream: false,
  };
}

const codeOf = (attempt: () => unknown): string => {
  try {
    attempt();
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  return 'accepted';
};

describe('the signed text', () => {
  it('is the same whatever the order of keys, and says everything', () => {
    expect(canonicalJson({ b: [1, { d: 'x', c: null }], a: true, gone: undefined })).toBe(
      '{"a":true,"b":[1,{"c":null,"d":"x"}]}',
    );
  });

  it('differs for different values and survives a round trip', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, two) => {
        const text = canonicalJson(one);
        // JSON has no minus zero.
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        if (text === canonicalJson(two))
          expect(JSON.parse(JSON.stringify(one))).toEqual(JSON.parse(JSON.stringify(two)));
      }),
      { numRuns: 1000, seed: 26 },
    );
  });
});

describe('a manifest', () => {
  it('is read back as it was written', () => {
    const text = JSON.stringify({ ...sampleManifest(), signature });

    const { body, signature: found } = splitSigned(text);

    expect(parseManifest(body)).toEqual(sampleManifest());
    expect(found).toEqual(signature);
  });

  it('may leave out what not every backup has', () => {
    const { encryption, snapshotId, ...rest } = sampleManifest();

    expect(parseManifest({ ...rest, plain: { bytes: 10 } })).toMatchObject({ plain: { bytes: 10 } });
    expect([encryption, snapshotId]).not.toContain(undefined);
  });

  it.each([
    ['no JSON', 'not json', 'manifest_invalid'],
    ['a JSON array', '[]', 'manifest_invalid'],
    ['null', 'null', 'manifest_invalid'],
    ['a missing signature', '{}', 'manifest_invalid'],
    [
      'a signature of another kind',
      JSON.stringify({ signature: { ...signature, algorithm: 'rsa' } }),
      'manifest_invalid',
    ],
    [
      'a key id with a path in it',
      JSON.stringify({ signature: { ...signature, keyId: '../../../../etc/x' } }),
      'manifest_invalid',
    ],
  ])('is refused when it is %s', (_name, text, code) => {
    expect(codeOf(() => splitSigned(text))).toBe(code);
  });

  it('of a newer version is refused by its version', () => {
    expect(codeOf(() => parseManifest({ ...sampleManifest(), version: 2 }))).toBe('manifest_version_unknown');
    expect(codeOf(() => parseManifest({ ...sampleManifest(), version: '1' }))).toBe('manifest_invalid');
    expect(codeOf(() => parseManifest({ ...sampleManifest(), format: 'other' }))).toBe('manifest_invalid');
    expect(codeOf(() => parseManifest(null))).toBe('manifest_invalid');
  });

  it('with any field missing, of another type, or unknown, is refused', () => {
    const optional = ['encryption', 'snapshotId'];
    for (const field of Object.keys(sampleManifest())) {
      if (!optional.includes(field))
        expect(codeOf(() => parseManifest({ ...sampleManifest(), [field]: undefined }))).not.toBe('accepted');
      expect(codeOf(() => parseManifest({ ...sampleManifest(), [field]: 17 }))).not.toBe(
        field === 'attempt' ? 'refused' : 'accepted',
      );
    }
    expect(codeOf(() => parseManifest({ ...sampleManifest(), extra: 1 }))).toBe('manifest_invalid');
  });

  it.each([['../dump.pgc'], ['/etc/passwd'], ['a/b'], [''], ['.hidden']])('F98 cannot point a volume at %p', (name) => {
    const [volume] = sampleManifest().volumes;

    expect(codeOf(() => parseManifest({ ...sampleManifest(), volumes: [{ ...volume, name }] }))).toBe(
      'manifest_invalid',
    );
  });

  it('is refused, never crashed on, whatever the text is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((body) => JSON.stringify({ body, signature })),
        ),
        (text) => {
          expect(['accepted', 'manifest_invalid']).toContain(codeOf(() => parseManifest(splitSigned(text).body)));
        },
      ),
      { numRuns: 3000, seed: 11 },
    );
  });
});

describe('a verification report', () => {
  const report = {
    format: 'database-dump/verification',
    version: 1,
    backup: 'b-20261124-0001',
    manifestSha256: 'c'.repeat(64),
    at: '2026-11-24T10:00:00.000Z',
    asked: 3,
    reached: 2,
    status: 'good',
    tables: {},
    values: {},
    differences: [],
    notices: [],
  };

  it('is read back as it was written', () => {
    expect(parseReport({ ...report, reason: 'no server programs', restoreSeconds: 1.5 })).toMatchObject({
      reached: 2,
      restoreSeconds: 1.5,
    });
  });

  it('cannot claim a status that no verification gives', () => {
    expect(codeOf(() => parseReport({ ...report, status: 'sealed' }))).toBe('manifest_invalid');
    expect(codeOf(() => parseReport({ ...report, reached: 4 }))).toBe('manifest_invalid');
    expect(codeOf(() => parseReport(sampleManifest()))).toBe('manifest_invalid');
  });
});
