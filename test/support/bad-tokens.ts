import { createHmac, KeyObject, type webcrypto } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** An issuer under a test's control: RSA, EC and Ed25519 keys, and every way to misuse them. */
export interface Forge {
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string;
  readonly keys: { readonly keys: Record<string, unknown>[] };
  /** A sound token, but for what is given. */
  sign(wish?: TokenWish): Promise<string>;
  /** Names and tokens, none of which may be accepted. */
  bad(now: Date): Promise<[string, string][]>;
}

export interface TokenWish {
  readonly algorithm?: 'RS256' | 'ES256' | 'EdDSA' | 'PS256';
  readonly header?: Record<string, unknown>;
  /** A claim that is undefined is left out. */
  readonly claims?: Record<string, unknown>;
  readonly now: Date;
  /** Signs with a key that is nobody's. */
  readonly stranger?: boolean;
}

type Pair = { publicKey: webcrypto.CryptoKey; privateKey: webcrypto.CryptoKey };

export async function makeForge(names: { issuer: string; audience: string; scope: string }): Promise<Forge> {
  const pairs: Record<string, Pair> = {};
  const strangers: Record<string, Pair> = {};
  const keys: Record<string, unknown>[] = [];
  for (const algorithm of ['RS256', 'ES256', 'EdDSA', 'PS256']) {
    pairs[algorithm] = (await generateKeyPair(algorithm, { extractable: true })) as Pair;
    strangers[algorithm] = (await generateKeyPair(algorithm, { extractable: true })) as Pair;
    keys.push({
      ...(await exportJWK(pairs[algorithm].publicKey)),
      kid: `key-${algorithm}`,
      alg: algorithm,
      use: 'sig',
    });
  }
  const sign = async ({ algorithm = 'RS256', header = {}, claims = {}, now, stranger = false }: TokenWish) => {
    const seconds = Math.floor(now.getTime() / 1000);
    const payload: Record<string, unknown> = {
      iss: names.issuer,
      aud: names.audience,
      sub: 'somebody',
      scope: `openid ${names.scope}`,
      iat: seconds,
      nbf: seconds,
      exp: seconds + 600,
      ...claims,
    };
    for (const [name, value] of Object.entries(payload)) if (value === undefined) delete payload[name];
    const pair = (stranger ? strangers : pairs)[algorithm];
    const protectedHeader = { alg: algorithm, kid: `key-${algorithm}`, typ: 'JWT', ...header };
    for (const [name, value] of Object.entries(protectedHeader))
      if (value === undefined) delete (protectedHeader as Record<string, unknown>)[name];
    return new SignJWT(payload as JWTPayload)
      .setProtectedHeader(protectedHeader as { alg: string })
      .sign((pair as Pair).privateKey, { crit: { b64: true, exp: true, extra: true } });
  };
  return {
    ...names,
    keys: { keys },
    sign: (wish) => sign(wish ?? { now: new Date() }),
    bad: async (now) => [
      ...(await badClaims(sign, now)),
      ...(await badHeaders({ sign, keys, now })),
      ...(await forged(sign, { pairs, now })),
    ],
  };
}

type Sign = (wish: TokenWish) => Promise<string>;

async function badClaims(sign: Sign, now: Date): Promise<[string, string][]> {
  const s = Math.floor(now.getTime() / 1000);
  const wrong: [string, Record<string, unknown>][] = [
    ['another issuer', { iss: 'https://issuer.example.org' }],
    ['no issuer', { iss: undefined }],
    ['the issuer with a slash more', { iss: 'https://id.example.com/' }],
    ['the issuer in capitals', { iss: 'https://ID.example.com' }],
    ['a list of issuers', { iss: ['https://id.example.com'] }],
    ['another audience', { aud: 'another' }],
    ['no audience', { aud: undefined }],
    ['no audience, the right client, no use', { aud: undefined, client_id: 'database-dump' }],
    ['no audience, another client', { aud: undefined, client_id: 'another', token_use: 'access' }],
    ['several audiences', { aud: ['database-dump', 'another'] }],
    ['an empty list of audiences', { aud: [] }],
    ['the audience in capitals', { aud: 'Database-Dump' }],
    ['an empty audience', { aud: '' }],
    ['expired', { exp: s - 61, iat: s - 700, nbf: s - 700 }],
    ['expired for long', { exp: 1, iat: 0, nbf: 0 }],
    ['no end', { exp: undefined }],
    ['an end that is text', { exp: String(s + 600) }],
    ['an end of null', { exp: null }],
    ['not yet valid', { nbf: s + 61 }],
    ['valid from a text on', { nbf: String(s) }],
    ['made in the future', { iat: s + 61 }],
    ['an ID token by its use', { token_use: 'id' }],
    ['a refresh token by its use', { token_use: 'refresh' }],
    ['an ID token by its nonce', { nonce: 'n' }],
    ['an ID token by its hash', { at_hash: 'x' }],
    ['an ID token by its code hash', { c_hash: 'x' }],
    ['no scope', { scope: undefined }],
    ['another scope', { scope: 'openid profile' }],
    ['a longer scope', { scope: 'database-dump/api2' }],
    ['a scope cut short', { scope: 'database-dump' }],
    ['a list of scopes', { scope: ['database-dump/api'] }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject that is a number', { sub: 7 }],
    ['an endless subject', { sub: 'x'.repeat(256) }],
    ['an endless token', { more: 'x'.repeat(9000) }],
  ];
  return Promise.all(wrong.map(async ([name, claims]) => [name, await sign({ now, claims })] as [string, string]));
}

async function badHeaders(facts: { sign: Sign; keys: readonly unknown[]; now: Date }): Promise<[string, string][]> {
  const { sign, keys, now } = facts;
  const wrong: [string, Record<string, unknown>][] = [
    ['keys elsewhere', { jku: 'https://evil.example.org/keys' }],
    ['a key of its own', { jwk: keys[0] }],
    ['a certificate elsewhere', { x5u: 'https://evil.example.org/cert' }],
    ['a certificate of its own', { x5c: ['MIIB'] }],
    ['a key id that walks', { kid: '../../../etc/passwd' }],
    ['a key id that is SQL', { kid: "' OR 1=1 --" }],
    ['an unknown key id', { kid: 'key-of-nobody' }],
    ['no key id', { kid: undefined }],
    ['an empty key id', { kid: '' }],
    ['another key’s id', { kid: 'key-ES256' }],
    ['an extension that must be known', { crit: ['extra'], extra: true }],
    ['a body that is not encoded', { b64: true, crit: ['b64'] }],
    ['a kind that is no access token', { typ: 'dpop+jwt' }],
    ['a logout token', { typ: 'logout+jwt' }],
    ['compression', { zip: 'DEF' }],
  ];
  return Promise.all(wrong.map(async ([name, header]) => [name, await sign({ now, header })] as [string, string]));
}

async function forged(
  sign: Sign,
  { pairs, now }: { pairs: Record<string, Pair>; now: Date },
): Promise<[string, string][]> {
  const good = await sign({ now });
  const [, payload = '', signature = ''] = good.split('.');
  const head = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const pem = pemOf(pairs.RS256 as Pair);
  const hmac = (algorithm: 'HS256' | 'HS384' | 'HS512') => {
    const text = `${head({ alg: algorithm, kid: 'key-RS256', typ: 'JWT' })}.${payload}`;
    return `${text}.${createHmac(algorithm.replace('HS', 'sha'), pem).update(text).digest('base64url')}`;
  };
  const list: [string, string][] = [
    ['no algorithm', `${head({ alg: 'none', typ: 'JWT' })}.${payload}.`],
    ['no algorithm, in capitals', `${head({ alg: 'None', kid: 'key-RS256' })}.${payload}.${signature}`],
    ['no algorithm, with the signature', `${head({ alg: 'none', kid: 'key-RS256' })}.${payload}.${signature}`],
    ['HS256 with the public key', hmac('HS256')],
    ['HS384 with the public key', hmac('HS384')],
    ['HS512 with the public key', hmac('HS512')],
    ['no signature', `${good.split('.').slice(0, 2).join('.')}.`],
    ['two parts', good.split('.').slice(0, 2).join('.')],
    ['four parts', `${good}.x`],
    ['a space', `${good} `],
    ['padding', `${good}=`],
    ['an empty text', ''],
    ['dots', '..'],
  ];
  for (const algorithm of ['RS256', 'ES256', 'EdDSA', 'PS256'] as const)
    list.push([`${algorithm} by a stranger’s key`, await sign({ now, algorithm, stranger: true })]);
  return list;
}

function pemOf({ publicKey }: Pair): string {
  return KeyObject.from(publicKey).export({ type: 'spki', format: 'pem' }).toString();
}
