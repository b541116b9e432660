import { beforeAll, describe, expect, it } from '@jest/globals';
import { accessTokens } from '../../../src/operations/identity/access-token.ts';
import { oidcIssuer } from '../../../src/operations/identity/oidc.ts';
import { type Forge, makeForge } from '../../support/bad-tokens.ts';

const NAMES = { issuer: 'https://id.example.com', audience: 'database-dump', scope: 'database-dump/api' };
const START = Date.parse('2026-11-24T10:00:00Z');

let old: Forge;
let rotated: Forge;

beforeAll(async () => {
  old = await makeForge(NAMES);
  const next = await makeForge(NAMES);
  const renamed = next.keys.keys.map((key) => ({ ...key, kid: `new-${key.kid}` }));
  rotated = { ...next, keys: { keys: renamed } };
});

function world(documents: Record<string, unknown>) {
  const asked: string[] = [];
  let at = START;
  const now = () => new Date(at);
  const needs = {
    now,
    fetchJson: async (url: string) => {
      asked.push(url);
      const found = documents[url];
      if (found === undefined) throw new Error('no answer');
      return found;
    },
  };
  const tokens = accessTokens([oidcIssuer(NAMES, needs)], now);
  return { asked, tokens, now, later: (ms: number) => (at += ms) };
}

const DISCOVERY = 'https://id.example.com/.well-known/openid-configuration';
const KEYS = 'https://id.example.com/keys';
const documents = (keys: unknown) =>
  ({ [DISCOVERY]: { issuer: NAMES.issuer, jwks_uri: KEYS }, [KEYS]: keys }) as Record<string, unknown>;

describe('an issuer found by discovery', () => {
  it('is asked once for its keys, and again when they are ten minutes old', async () => {
    const { tokens, asked, now, later } = world(documents(old.keys));

    for (let n = 0; n < 5; n++)
      expect(await tokens.subjectOf(await old.sign({ now: now() }))).toBe('https://id.example.com#somebody');
    expect(asked).toEqual([DISCOVERY, KEYS]);
    later(601_000);
    await tokens.subjectOf(await old.sign({ now: now() }));
    expect(asked).toHaveLength(4);
  });

  it('is asked again for a key that is new, but no more than every 30 s', async () => {
    const published = documents(old.keys);
    const { tokens, asked, now, later } = world(published);
    await tokens.subjectOf(await old.sign({ now: now() }));
    published[KEYS] = rotated.keys;
    const token = () => rotated.sign({ now: now(), header: { kid: 'new-key-RS256' } });

    later(1000);
    for (let n = 0; n < 20; n++) expect(await tokens.subjectOf(await token())).toBeUndefined();
    expect(asked).toHaveLength(2);
    later(30_000);
    expect(await tokens.subjectOf(await token())).toBe('https://id.example.com#somebody');
    expect(asked).toHaveLength(4);
  });

  it('keeps its last keys while it is down', async () => {
    const published = documents(old.keys);
    const { tokens, now, later } = world(published);
    await tokens.subjectOf(await old.sign({ now: now() }));
    delete published[DISCOVERY];
    later(3_600_000);

    expect(await tokens.subjectOf(await old.sign({ now: now() }))).toBeDefined();
  });

  it('proves nobody when it never answered, names another issuer, or keeps its keys elsewhere in the clear', async () => {
    const wrong: Record<string, unknown>[] = [
      {},
      { [DISCOVERY]: { issuer: 'https://evil.example.org', jwks_uri: KEYS }, [KEYS]: old.keys },
      {
        [DISCOVERY]: { issuer: NAMES.issuer, jwks_uri: 'http://id.example.com/keys' },
        'http://id.example.com/keys': old.keys,
      },
      {
        [DISCOVERY]: { issuer: NAMES.issuer, jwks_uri: KEYS },
        [KEYS]: { keys: [{ kty: 'oct', k: 'AAAA', kid: 'key-RS256' }] },
      },
    ];

    for (const published of wrong) {
      const { tokens, now } = world(published);
      expect(await tokens.subjectOf(await old.sign({ now: now() }))).toBeUndefined();
    }
  });
});
