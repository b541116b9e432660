import type { Connection, Workbench } from '../../src/engines/engine.ts';
import { restoreCommand } from '../../src/engines/mongodb/commands.ts';
import { requireTool } from '../../src/engines/mongodb/tools.ts';
import { requireGood, run } from '../../src/process/run.ts';
import { archiveOf } from './mongo-archive.ts';
import type { Pot } from './mongo-fixture.ts';

/** Puts raw documents into any MongoDB server, by an archive of ours and the real mongorestore: no decoder on the way. */
export function archivePot(bench: Workbench, server: Connection): Pot {
  const { path } = requireTool(bench.tools, 'mongorestore');
  const choice = { rename: undefined, only: undefined, exclude: [], drop: false, dataOnly: true, oplogReplay: false };
  const command = restoreCommand(path, { ...server, database: '' }, choice);
  return {
    put: async (database, collection, documents) => {
      async function* input(): AsyncGenerator<Buffer> {
        yield archiveOf(database, collection, documents);
      }
      requireGood(await run(bench.runner, command, { input: input() }), 'restore_failed');
    },
  };
}
