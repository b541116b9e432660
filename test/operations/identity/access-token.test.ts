import { beforeAll, describe, expect, it } from '@jest/globals';
import { type AccessTokens, accessTokens } from '../../../src/operations/identity/access-token.ts';
import { type Forge, makeForge } from '../../support/bad-tokens.ts';
import { randomFrom, seed, sized } from '../../support/size.ts';

const NOW = new Date('2026-11-24T10:00:00Z');
const SECONDS = NOW.getTime() / 1000;

let forge: Forge;
let tokens: AccessTokens;

beforeAll(async () => {
  forge = await makeForge({
    issuer: 'https://id.example.com',
    audience: 'database-dump',
    scope: 'database-dump/api',
  });
  const { issuer, audience, scope, keys } = forge;
  tokens = accessTokens(
    [{ issuer, audience, scope, subject: (sub) => `${issuer}#${sub}`, keys: async () => keys as never }],
    () => NOW,
  );
});

describe('an access token', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)(
    'signed by the issuer with %s names its subject',
    async (algorithm) => {
      const token = await forge.sign({ now: NOW, algorithm });

      expect(await tokens.subjectOf(token)).toBe('https://id.example.com#somebody');
    },
  );

  it('may be spelled as issuers spell it', async () => {
    const sound = [
      { header: { typ: undefined } },
      { header: { typ: 'at+jwt' } },
      { header: { x5t: 'abc' } },
      { claims: { aud: ['database-dump'] } },
      { claims: { aud: undefined, client_id: 'database-dump', token_use: 'access' } },
      { claims: { exp: SECONDS - 59 } },
      { claims: { nbf: SECONDS + 59, iat: SECONDS + 59 } },
    ];

    for (const wish of sound) expect(await tokens.subjectOf(await forge.sign({ now: NOW, ...wish }))).toBeDefined();
  });

  it('says nothing about tenants: a claim of one changes nothing', async () => {
    const token = await forge.sign({ now: NOW, claims: { tenant_id: 'x', 'custom:tenant': 'y', role: 'owner' } });

    expect(await tokens.subjectOf(token)).toBe('https://id.example.com#somebody');
  });

  it('T16 F96 of 60 bad tokens none is accepted', async () => {
    const bad = await forge.bad(NOW);
    expect(bad.length).toBeGreaterThanOrEqual(60);

    const accepted: string[] = [];
    for (const [name, token] of bad) if ((await tokens.subjectOf(token)) !== undefined) accepted.push(name);

    expect(accepted).toEqual([]);
  });

  it('T16 of 10,000 mutations of good tokens none is accepted', async () => {
    const random = randomFrom(seed);
    const good = await Promise.all(
      (['RS256', 'ES256', 'EdDSA'] as const).map((algorithm) => forge.sign({ now: NOW, algorithm })),
    );
    const accepted: string[] = [];

    for (let round = 0; round < sized(10_000, 100_000); round++) {
      const token = good[round % good.length] ?? '';
      const mutated = mutate(token, random);
      if (mutated !== token && (await tokens.subjectOf(mutated)) !== undefined) accepted.push(mutated);
    }

    expect(accepted).toEqual([]);
  });
});

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0';

/** One to three letters changed, put in, taken out or swapped, anywhere, the last one more often than others. */
function mutate(token: string, random: () => number): string {
  let text = token;
  const letter = () => LETTERS[Math.floor(random() * LETTERS.length)] ?? 'A';
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    const at = random() < 0.2 ? text.length - 1 : Math.floor(random() * text.length);
    const kind = Math.floor(random() * 4);
    if (kind === 0) text = text.slice(0, at) + letter() + text.slice(at + 1);
    else if (kind === 1) text = text.slice(0, at) + letter() + text.slice(at);
    else if (kind === 2) text = text.slice(0, at) + text.slice(at + 1);
    else text = text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2);
  }
  return text;
}
