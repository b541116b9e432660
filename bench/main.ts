import { judge } from './figures.ts';
import { busySeconds, cpuOf, machineLine } from './machine.ts';
import { openMariaDb } from './mariadb.ts';
import { type Plan, percent } from './measure.ts';
import { type Options, type PartName, readOptions, USAGE } from './options.ts';
import { buildPackage } from './package.ts';
import { apiPart } from './parts/api.ts';
import { killPart } from './parts/kill.ts';
import { limitPart } from './parts/limit.ts';
import { mongoPart } from './parts/mongo.ts';
import { mysqlPart } from './parts/mysql.ts';
import { backupPart } from './parts/pg.ts';
import { restorePart } from './parts/restore.ts';
import { servicePart } from './parts/service.ts';
import { uploadPart } from './parts/upload.ts';
import { fillPostgres, openPostgres, type Postgres } from './postgres.ts';
import { FIFTH } from './scales.ts';
import { openWorld, type World } from './world.ts';

// npm run bench: measures ours against shell pipelines and gzip on this machine, and holds every figure against its target.

const QUIET = 0.1;
const DATABASE = 'bench';
const SMALLER = 'fifth';
const NEED_POSTGRES: readonly PartName[] = ['pg', 'restore', 'kill', 'limit'];

async function main(options: Options): Promise<number> {
  const world = openWorld(options);
  const started = Date.now();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void world.close().finally(() => process.exit(1)));
  }
  try {
    world.print([machineLine(), `size ${options.size}, ${options.rounds} rounds, parts ${options.only.join(', ')}`]);
    world.onClose(await buildPackage());
    const loaded = await warnOfLoad(world);
    await runParts(world, loaded ? { ...planOf(options), retries: 0 } : planOf(options));
  } finally {
    await world.close();
  }
  const { lines, belowFloor, missed } = judge(world.figures, options.size);
  const seconds = Math.round((Date.now() - started) / 1000);
  const good = world.figures.length - missed.length;
  const summary =
    options.size === 'full'
      ? `${good} of ${world.figures.length} targets reached`
      : `targets are for full data and not judged at size ${options.size}`;
  world.print(['', '### Targets', '', ...lines, '']);
  world.print(world.failures.map((failure) => `✘ ${failure}`));
  world.print([`${summary}; ${belowFloor.length} figures below their CI floor; ${seconds} s.`]);
  return belowFloor.length + world.failures.length === 0 ? 0 : 1;
}

function planOf({ size, rounds }: Options): Plan {
  // At full size a single run takes long enough to be worth repeating only once.
  const retries = { quick: 0, small: 2, full: 1 }[size];
  return { rounds, servers: [], mostForeign: QUIET, retries, warmUp: true };
}

async function runParts(world: World, plan: Plan): Promise<void> {
  const { only, size } = world.options;
  const part = partRunner(world);
  const smaller = size === 'full' ? SMALLER : undefined;
  if (NEED_POSTGRES.some((name) => only.includes(name))) {
    const server = await postgresWithData(world, smaller);
    const setting = { world, server, database: DATABASE, plan: { ...plan, servers: [server.pid] } };
    await part('pg', () => backupPart(setting, smaller));
    await part('restore', () => restorePart({ ...setting, database: DATABASE }));
    await part('kill', () => killPart(world, server, DATABASE));
    await part('limit', () => limitPart(world, server, DATABASE));
  }
  await part('mysql', async () => mysqlPart(world, await openMariaDb(world, world.scale.mysqlRows), plan));
  await part('mongo', () => mongoPart(world, plan));
  await part('upload', () => uploadPart(world, plan));
  await part('service', () => servicePart(world));
  await part('api', () => apiPart(world));
}

/** One that fails must not take the others' figures with it; it fails the whole in the end. */
function partRunner(world: World) {
  return async (name: PartName, work: () => Promise<void>): Promise<void> => {
    if (!world.options.only.includes(name)) return;
    try {
      await work();
    } catch (error) {
      world.fail(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
}

async function postgresWithData(world: World, smaller: string | undefined): Promise<Postgres> {
  console.error('… a private PostgreSQL and its data');
  const server = await openPostgres(world);
  await fillPostgres(server, DATABASE, world.scale);
  if (smaller !== undefined) await fillPostgres(server, smaller, FIFTH);
  return server;
}

/** Ratios stand a busy machine better than seconds do, but not any. Where it is busy throughout, repeating runs is no help. */
async function warnOfLoad(world: World): Promise<boolean> {
  const before = { busy: busySeconds(), own: cpuOf('self').all, at: performance.now() };
  await new Promise((resolve) => setTimeout(resolve, 500));
  const seconds = (performance.now() - before.at) / 1000;
  const foreign = (busySeconds() - before.busy - (cpuOf('self').all - before.own)) / seconds;
  if (foreign > QUIET) world.print([`! Other processes use ${percent(foreign)} of one core: figures will be noisy.`]);
  return foreign > 1;
}

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error(USAGE);
  process.exitCode = 2;
}
