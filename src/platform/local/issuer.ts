import { existsSync, readFileSync } from 'node:fs';
import { exportJWK, exportPKCS8, generateKeyPair, importPKCS8, type JSONWebKeySet, SignJWT } from 'jose';
import { writeSecret } from '../../process/data-folder.ts';

/** This machine's own issuer of access tokens. Whoever can read its key file is the operator anyway. */
export interface LocalIssuer {
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string;
  readonly keys: JSONWebKeySet;
  /** A token for one member, good for some minutes. */
  issue(memberId: string, now: Date): Promise<string>;
}

const ALGORITHM = 'EdDSA';
const KEY_ID = 'local-1';
const LIFE_SECONDS = 900;
const NAMES = { issuer: 'urn:database-dump:local', audience: 'database-dump', scope: 'database-dump/api' } as const;

/** Opens the issuer whose private key lies in that file (0600); makes the key where there is none. */
export async function openLocalIssuer(file: string): Promise<LocalIssuer> {
  if (!existsSync(file)) {
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    await writeSecret(file, await exportPKCS8(privateKey));
  }
  const key = await importPKCS8(readFileSync(file, 'utf8'), ALGORITHM, { extractable: true });
  const { d: _private, ...open } = await exportJWK(key);
  return {
    ...NAMES,
    keys: { keys: [{ ...open, kid: KEY_ID, alg: ALGORITHM, use: 'sig' }] },
    issue: async (memberId, now) => {
      const seconds = Math.floor(now.getTime() / 1000);
      return new SignJWT({ scope: NAMES.scope, token_use: 'access' })
        .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID, typ: 'at+jwt' })
        .setIssuer(NAMES.issuer)
        .setAudience(NAMES.audience)
        .setSubject(memberId)
        .setIssuedAt(seconds)
        .setNotBefore(seconds)
        .setExpirationTime(seconds + LIFE_SECONDS)
        .sign(key);
    },
  };
}
