import { join } from 'node:path';
import { clientCredentials } from '../platform/aws/client-credentials.ts';
import type { Loans } from '../platform/local/loans.ts';
import { openSealingKey } from '../platform/local/sealing-key.ts';
import { localVault } from '../platform/local/vault.ts';
import type { Vault } from '../platform/platform.ts';
import type { Runner } from '../process/child.ts';
import { namedVariable } from './config.ts';

/** Variables that are the service's own: no database's password. */
const OURS = /^(CATALOG_|DATABASE_DUMP_|OIDC_|AWS_)/;

export interface VaultParts {
  /** The data folder's room of secrets, by its real path. */
  readonly secrets: string;
  readonly runner: Runner;
  readonly loans: Loans;
}

/** This machine's vault. */
export async function openVault({ secrets, runner, loans }: VaultParts): Promise<Vault> {
  return localVault({
    sources: {
      variable: (name) => (OURS.test(name) ? undefined : namedVariable(name)),
      privateFolders: [secrets],
      commands: [],
      runner,
    },
    key: await openSealingKey(join(secrets, 'sealing-key')),
    loans,
    cloud: clientCredentials({}),
  });
}
