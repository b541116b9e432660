import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import { engines } from '../engines/registry.ts';
import { receivedLoans, receiveLoan } from '../platform/local/loans.ts';
import { systemResolver } from '../platform/system-resolver.ts';
import { catalogKeeper } from '../workflows/catalog-keeper.ts';
import type { TaskInput } from '../workflows/task.ts';
import { openClientDatabase } from './client-database.ts';
import { clientStores } from './client-store.ts';
import { readConfig, readServiceConfig } from './config.ts';
import { localBenches } from './local-bench.ts';
import { joinLocalCatalog } from './local-catalog.ts';
import { localStores } from './local-stores.ts';
import { openVault } from './local-vault.ts';
import { openRescue } from './rescue.ts';
import type { TaskRuntime } from './runtime.ts';

export interface LocalTask {
  readonly runtime: TaskRuntime;
  close(): Promise<void>;
}

/**
 * The assembly of one task on one machine: the data folder says everything else. A password that was given with the run comes
 * on standard input.
 */
export async function openLocalTask(input: TaskInput, signal: AbortSignal): Promise<LocalTask> {
  const loan = await receiveLoan(process.stdin);
  const quiet = { note: () => undefined, progress: () => undefined };
  const rescue = await openRescue({ dataDir: undefined, trust: [], identities: [], signal, ...quiet });
  try {
    const config = readServiceConfig();
    const dataFolder = realpathSync(readConfig().dataFolder);
    const secrets = join(dataFolder, 'secrets');
    const catalog = await joinLocalCatalog(config, {
      secret: (name) => new Secret(kept(join(secrets, name))),
      port: config.catalog === undefined ? Number(kept(join(secrets, 'port'))) : 0,
    });
    const { signer } = await rescue.signer();
    const { runner } = rescue.workshop;
    const loans = receivedLoans(input.runId, loan);
    const vault = await openVault({ dataFolder, commands: config.credentialCommands, runner, loans });
    return {
      runtime: {
        engines,
        signer,
        trusted: await rescue.trusted(),
        identities: [],
        now: () => new Date(),
        openStorage: clientStores(localStores(catalog, { dataFolder, config })),
        keeper: catalogKeeper(catalog, input),
        openBench: localBenches(rescue.workshop),
        openDatabase: openClientDatabase({ vault, resolver: systemResolver(), allowed: config.allowedRanges }),
      },
      close: async () => {
        await catalog.close();
        rescue.close();
      },
    };
  } catch (error) {
    rescue.close();
    throw error;
  }
}

function kept(file: string): string {
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (text !== '') return text;
  throw new Failure('not_ready', `The service has not prepared ${file} yet.`, { remedy: 'Start the service first.' });
}
