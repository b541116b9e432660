import { join } from 'node:path';
import { clientCredentials } from '../platform/aws/client-credentials.ts';
import type { Loans } from '../platform/local/loans.ts';
import { openSealingKey } from '../platform/local/sealing-key.ts';
import { localVault } from '../platform/local/vault.ts';
import type { Vault } from '../platform/platform.ts';
import { makeRunner, type Runner } from '../process/child.ts';
import { namedVariable } from './config.ts';

/** Rooms and files of the data folder that no credential is read from. */
const OWN_PLACES = ['secrets', 'catalog', 'owner.key'];
/** Variables that are the service's own: no database's password. */
const OURS = /^(CATALOG_|DATABASE_DUMP_|OIDC_|AWS_|SMTP_)/;

export interface VaultParts {
  /** By its real path. */
  readonly dataFolder: string;
  /** Programs that the operator allows to give credentials. */
  readonly commands: readonly string[];
  readonly runner: Runner;
  readonly loans: Loans;
}

/** This machine's vault. */
export async function openVault({ dataFolder, commands, runner, loans }: VaultParts): Promise<Vault> {
  return localVault({
    sources: {
      variable: (name) => (OURS.test(name) ? undefined : namedVariable(name)),
      privateFolders: OWN_PLACES.map((name) => join(dataFolder, name)),
      commands,
      runner: asOurselves(runner),
    },
    key: await openSealingKey(join(dataFolder, 'secrets', 'sealing-key')),
    loans,
    cloud: clientCredentials({}),
  });
}

/** What gives credentials runs as the service does: another user could not read what it reads. */
function asOurselves({ place }: Runner): Runner {
  return makeRunner({ ...place, user: undefined });
}
