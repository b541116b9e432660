import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import type { Issuer } from './access-token.ts';

export interface OidcOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string;
}

export interface OidcNeeds {
  /** JSON of a URL, from a checked and pinned address, without redirects. */
  fetchJson(url: string): Promise<unknown>;
  now(): Date;
}

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https$/ }) });
const Keys = z.object({ keys: z.array(z.looseObject({ kty: z.enum(['RSA', 'EC', 'OKP']) })).max(100) });

const KEPT_MS = 600_000;
const ASKED_EVERY_MS = 30_000;

/**
 * An issuer found by its discovery document. Its keys are kept for ten minutes; a key that is not among them makes us ask
 * again, at most every 30 s, so that nobody can make us ask as often as they like. Keys at hand outlive an issuer that is down.
 */
export function oidcIssuer({ issuer, audience, scope }: OidcOptions, { fetchJson, now }: OidcNeeds): Issuer {
  let kept: JSONWebKeySet | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<JSONWebKeySet> | undefined;
  const ask = async () => {
    askedAt = now().getTime();
    const found = Discovery.parse(await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
    if (found.issuer !== issuer) throw new Error('the discovery document is that of another issuer');
    kept = Keys.parse(await fetchJson(found.jwks_uri)) as JSONWebKeySet;
    return kept;
  };
  const askOnce = () => {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
  return {
    issuer,
    audience,
    scope,
    subject: (sub) => `${issuer}#${sub}`,
    keys: async (missing) => {
      const age = now().getTime() - askedAt;
      const enough = missing === undefined ? age < KEPT_MS : age < ASKED_EVERY_MS;
      if (kept !== undefined && enough) return kept;
      if (kept === undefined && age < ASKED_EVERY_MS && asking === undefined)
        throw new Error('the issuer did not answer');
      return askOnce().catch((error: unknown) => {
        if (kept !== undefined) return kept;
        throw error;
      });
    },
  };
}
