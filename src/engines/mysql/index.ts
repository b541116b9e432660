import { Failure, messageOf } from '../../domain/failure.ts';
import type { Engine } from '../engine.ts';
import { databaseAdmin } from './admin.ts';
import { openDump } from './dump-session.ts';
import { readInventory } from './inventory.ts';
import { parseDump } from './parse.ts';
import { planRestore } from './plan.ts';
import { probeServer } from './probe.ts';
import { restoreDump } from './restore.ts';
import { startScratch } from './scratch.ts';
import { withServer } from './server.ts';

/** MySQL and MariaDB, each with the programs of its own family. */
export const mysql: Engine = {
  id: 'mysql',
  label: 'MySQL / MariaDB',
  schemes: ['mysql:', 'mariadb:'],
  defaultPort: 3306,
  options: [],
  types: ['full', 'schema', 'data'],
  extension: 'sql',
  probe: probeServer,
  openDump,
  parse: parseDump,
  plan: planRestore,
  restore: restoreDump,
  inventory: readInventory,
  admin: databaseAdmin,
  scratch: startScratch,
  query: (_bench, source, statement) =>
    withServer(source, async (server) => {
      try {
        return await server.table(statement);
      } catch (error) {
        throw new Failure('usage', `The statement fails: ${messageOf(error)}`, {
          remedy: 'Try it by hand against the same schema.',
          cause: error,
        });
      }
    }),
};
