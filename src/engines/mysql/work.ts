import { Failure, messageOf } from '../../domain/failure.ts';
import type { EngineWork } from '../on-demand.ts';
import { databaseAdmin } from './admin.ts';
import { openDump } from './dump-session.ts';
import { restoreGlobals } from './globals/restore.ts';
import { readInventory } from './inventory.ts';
import { parseDump } from './parse.ts';
import { planRestore } from './plan.ts';
import { probeServer } from './probe.ts';
import { recognise } from './recognise.ts';
import { restoreDump } from './restore.ts';
import { startScratch } from './scratch.ts';
import { withServer } from './server.ts';

export const work: EngineWork = {
  probe: probeServer,
  openDump,
  parse: parseDump,
  plan: planRestore,
  restore: restoreDump,
  recognise,
  restoreGlobals,
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
