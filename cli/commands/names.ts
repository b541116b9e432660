import { makeClient } from '../../src/contract/client.ts';
import { readConfig } from '../../src/runtime/config.ts';
import { findService } from '../service-address.ts';
import { ServiceOptions } from '../service-options.ts';
import { collected } from './found.ts';

/** Longer than this nobody waits for a Tab. */
const PATIENCE_MS = 2_000;
const NEWEST = 50;

/** One name a line, for a shell. Whatever goes wrong, nothing is printed. */
export async function printNames(kind: string, options: unknown): Promise<void> {
  try {
    const { server, dataDir } = ServiceOptions.parse(options);
    const address = await findService({ server, key: undefined, dataDir, config: readConfig() });
    const client = makeClient({ baseUrl: address.server, bearer: address.key, timeoutMs: PATIENCE_MS, attempts: 1 });
    const names = await namesOf(client, kind);
    process.stdout.write(names.map((name) => `${name}\n`).join(''));
  } catch {
    process.exitCode = 1;
  }
}

async function namesOf(client: ReturnType<typeof makeClient>, kind: string): Promise<string[]> {
  const names = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name);
  switch (kind) {
    case 'database':
      return names((await collected(client.each('databases.list'))).filter(({ managed }) => managed));
    case 'destination':
      return names(await collected(client.each('destinations.list')));
    case 'schedule':
      return names(await collected(client.each('schedules.list')));
    case 'backup':
      return ['latest', ...(await collected(client.each('backups.list'), NEWEST)).map(({ id, name }) => name ?? id)];
    default:
      return ['latest', ...(await collected(client.each('runs.list'), NEWEST)).map(({ id }) => id)];
  }
}
