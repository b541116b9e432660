import { join } from 'node:path';
import { testTools } from '../../test/support/postgres-server.ts';
import { allOf, interleaved, type Plan, speedAgainst } from '../measure.ts';
import { comparisonTable } from '../table.ts';
import { program, shell, startService, type World } from '../world.ts';

/** MongoDB: the pipeline alone against the shell line. The server is the tests' wire server, in a process of its own. */
export async function mongoPart(world: World, plan: Plan): Promise<void> {
  const tool = (await testTools()).all('mongodump')[0];
  if (tool === undefined) throw new Error('mongodump is missing: run scripts/bootstrap test.');
  const server = await startService('run/mongo-server.ts', [String(world.scale.mongoDocuments)]);
  try {
    const { url = '' } = server.ready;
    const dump = `${tool.path} --quiet --uri=${url} --db=shop --archive`;
    const env = { DATABASE_URL: `${url}shop`, DATABASE_DUMP_HOME: join(world.folder, 'keys') };
    const ways = [
      {
        name: 'mongodump --archive | zstd -3 -T0 | sha256sum',
        argv: shell(`${dump} | zstd -q -3 -T0 -c | sha256sum`),
        env,
      },
      { name: 'ours, stream only', argv: program('backup'), env },
    ];
    const results = await interleaved(ways, { ...plan, servers: [server.pid] });
    world.print(comparisonTable('MongoDB backup (wire server of the tests)', results));
    const { line, stream } = allOf(results, ['line', 'stream']);
    world.figure({
      target: 'mongo',
      name: 'MongoDB stream only, speed of the shell line',
      value: speedAgainst(line, stream),
      atLeast: true,
      goal: 0.95,
      floor: { quick: 0.15, small: 0.6, full: 0.85 },
    });
  } finally {
    await server.stop();
  }
}
