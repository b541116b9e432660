import { createLocalJWKSet, type JSONWebKeySet, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';

/** Whose access tokens are accepted. */
export interface Issuer {
  /** Compared letter by letter. */
  readonly issuer: string;
  /** The one audience; for issuers that put none into access tokens, the client they were made for. */
  readonly audience: string;
  /** A scope that an access token has and an ID token has not. */
  readonly scope: string;
  /** How the membership table names the token's `sub`. */
  subject(sub: string): string;
  /** Public keys; asked again with the id of a key that was not among them. */
  keys(missing?: string): Promise<JSONWebKeySet>;
}

/** How our own issuer names a member. */
export function localSubject(memberId: string): string {
  return `local:${memberId}`;
}

/** Access tokens of the configured issuers. */
export interface AccessTokens {
  /** Who the token is for, as the membership table names them; undefined for every token that is not valid here (F96). */
  subjectOf(token: string): Promise<string | undefined>;
}

/** Signatures with a public key, and no others: a public key can never serve as an HMAC secret. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const TOLERANCE_SECONDS = 60;
const LONGEST_TOKEN = 8192;

/** Keys, links to keys and extensions in a header are refused with it; a key is chosen by its id among the issuer's own. */
const Header = z.strictObject({
  alg: z.enum(ALGORITHMS),
  kid: z.string().min(1).max(256),
  typ: z.enum(['JWT', 'at+jwt', 'application/at+jwt']).optional(),
  x5t: z.string().max(256).optional(),
  'x5t#S256': z.string().max(256).optional(),
});

/** Marks of an ID token stand for themselves: such a token was made for a client, not for us. */
const Claims = z.looseObject({
  sub: z.string().min(1).max(255),
  exp: z.number(),
  iat: z.number().optional(),
  token_use: z.literal('access').optional(),
  scope: z.string(),
  nonce: z.undefined().optional(),
  at_hash: z.undefined().optional(),
  c_hash: z.undefined().optional(),
});

export function accessTokens(issuers: readonly Issuer[], now: () => Date): AccessTokens {
  return {
    subjectOf: async (token) => {
      const parts = readParts(token);
      if (parts === undefined) return undefined;
      const issuer = issuers.find((candidate) => candidate.issuer === parts.issuer);
      if (issuer === undefined) return undefined;
      try {
        const { payload } = await jwtVerify(token, (header) => keyFor(issuer, header), {
          algorithms: ALGORITHMS,
          issuer: issuer.issuer,
          clockTolerance: TOLERANCE_SECONDS,
          requiredClaims: ['exp', 'sub'],
          currentDate: now(),
        });
        return isForUs(payload, issuer, now()) ? issuer.subject(String(payload.sub)) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

/** The parts before anything is believed; undefined for a text that is not a token in its one canonical spelling. */
function readParts(token: string): { readonly issuer: unknown } | undefined {
  const parts = token.split('.');
  // Another spelling of the same bytes would be the same token under another name.
  const canonical = (part: string) => Buffer.from(part, 'base64url').toString('base64url') === part;
  if (token.length > LONGEST_TOKEN || parts.length !== 3 || !parts.every(canonical)) return undefined;
  const [header, payload] = parts.slice(0, 2).map(readJson);
  if (!Header.safeParse(header).success) return undefined;
  return { issuer: (payload as JWTPayload | undefined)?.iss };
}

function readJson(part: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

async function keyFor(issuer: Issuer, header: JWTHeaderParameters) {
  try {
    return await createLocalJWKSet(await issuer.keys())(header);
  } catch {
    // A key that was made since: the issuer is asked again, as often as it allows.
    return await createLocalJWKSet(await issuer.keys(header.kid))(header);
  }
}

function isForUs(payload: JWTPayload, { audience, scope }: Issuer, now: Date): boolean {
  const claims = Claims.safeParse(payload);
  if (!claims.success || !claims.data.scope.split(' ').includes(scope)) return false;
  const { iat } = claims.data;
  if (iat !== undefined && iat > now.getTime() / 1000 + TOLERANCE_SECONDS) return false;
  const { aud } = payload;
  if (aud === undefined) return payload.client_id === audience && claims.data.token_use === 'access';
  return aud === audience || (Array.isArray(aud) && aud.length === 1 && aud[0] === audience);
}
