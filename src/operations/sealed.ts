import type { Credential } from '../contract/resources/places.ts';
import { Secret } from '../domain/secret.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** A credential as it is kept and shown: the password of a sealed one left out. */
export function withoutPassword(credential: Credential): Credential {
  return credential.kind === 'sealed' ? { kind: 'sealed' } : credential;
}

/** The password that came with a sealed credential, if one did. */
export function givenPassword(credential: Credential): Secret | undefined {
  return credential.kind === 'sealed' && credential.password !== undefined
    ? new Secret(credential.password)
    : undefined;
}

/** Sealed for this database of this tenant; it opens for no other. */
export async function sealFor(
  { vault }: Pick<Runtime, 'vault'>,
  password: Secret | undefined,
  database: { readonly tenantId: string; readonly id: string },
): Promise<Uint8Array | undefined> {
  if (password === undefined) return undefined;
  return vault.seal(password, { tenantId: database.tenantId, what: `database ${database.id}` });
}
