import { Failure } from '../../domain/failure.ts';
import type { Secret } from '../../domain/secret.ts';
import type { CredentialRequest, CredentialSource, Vault } from '../platform.ts';
import { fromCommand, fromFile, fromVariable, type LocalSources } from './credential-sources.ts';
import type { Loans } from './loans.ts';
import type { SealingKey } from './sealing-key.ts';

/** Credentials that lie in a client's own AWS account. */
type CloudSource = Extract<CredentialSource, { readonly kind: 'secret' | 'rds-iam' }>;
export type CloudCredentials = (source: CloudSource, request: CredentialRequest) => Promise<Secret>;

export interface LocalVaultParts {
  readonly sources: LocalSources;
  readonly key: SealingKey;
  readonly loans: Loans;
  readonly cloud: CloudCredentials;
}

/** The vault of one machine. Nothing that it opens is kept: each run reads its reference anew. */
export function localVault(parts: LocalVaultParts): Vault {
  const { key, loans } = parts;
  return {
    open: (request) => openCredential(parts, request),
    seal: async (secret, purpose) => key.seal(secret, purpose),
    unseal: async (sealed, purpose) => key.unseal(sealed, purpose),
    lend: async (runId, secret) => loans.lend(runId, secret),
    take: async (runId) => loans.take(runId),
  };
}

async function openCredential(parts: LocalVaultParts, request: CredentialRequest): Promise<Secret | undefined> {
  const { source } = request;
  switch (source.kind) {
    case 'none':
      return undefined;
    case 'file':
      return fromFile(parts.sources, source.path);
    case 'env':
      return fromVariable(parts.sources, source.name);
    case 'command':
      return fromCommand(parts.sources, source);
    case 'one-off':
      return parts.loans.take(request.runId) ?? gone();
    case 'sealed':
      return unsealed(parts.key, request);
    case 'secret':
    case 'rds-iam':
      return parts.cloud(source, request);
  }
}

function gone(): never {
  throw new Failure('authentication_failed', 'The password that was given with this run is gone.', {
    remedy: 'Start the run again with the password: it is kept for ten minutes, for one use, and not over a restart.',
  });
}

function unsealed(key: SealingKey, { sealed, tenantId }: CredentialRequest): Secret {
  if (sealed !== undefined) return key.unseal(sealed.secret, { tenantId, what: sealed.what });
  throw new Failure('authentication_failed', 'No password is kept for this database.', {
    remedy: 'Give credential.password once.',
  });
}
