import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStorage } from '../../src/storage/registry.ts';
import { parseStoreUrl } from '../../src/storage/store-url.ts';
import { type CutLine, openCutLine } from '../cut-line.ts';
import { bytesReadBy, descendantsOf, isAlive, nameOf } from '../machine.ts';
import { median } from '../measure.ts';
import type { Postgres } from '../postgres.ts';
import { type Bucket, dbdump, startBucket, type World } from '../world.ts';

type Victim = 'pg_dump' | 'zstd' | 'S3 refuses' | 'S3 is dead';

const VICTIMS: readonly Victim[] = ['pg_dump', 'zstd', 'S3 refuses', 'S3 is dead'];
const UNDER_WAY_BYTES = 2_000_000;
const SPREAD_MS = 250;
const TRIES = 5;
const LONGEST_MS = 10 * 60_000;

interface Trial {
  readonly victim: Victim;
  readonly secondsToEnd: number;
  readonly exitCode: number | null;
  readonly said: string;
  readonly completed: readonly string[];
  readonly left: readonly string[];
}

/** Kills each part of a backup in the middle: how soon the command ends, and what it leaves. */
export async function killPart(world: World, server: Postgres, database: string): Promise<void> {
  const bucket = await startBucket(world, 'keep');
  try {
    const trials: Trial[] = [];
    for (const victim of VICTIMS) {
      // A dead store is tried for a minute and more each time: once is enough.
      const count = victim === 'S3 is dead' ? Math.min(1, world.scale.kills - 1) : world.scale.kills;
      for (let n = 0; n < count; n += 1) {
        trials.push(await trial({ server, database, bucket, victim, waitMs: (n * SPREAD_MS) / world.scale.kills }));
      }
    }
    print(world, trials);
    judge(world, trials);
  } finally {
    await bucket.stop();
  }
}

interface Attempt {
  readonly server: Postgres;
  readonly database: string;
  readonly bucket: Bucket;
  readonly victim: Victim;
  /** After the first bytes have passed. */
  readonly waitMs: number;
}

/** A dump that ended before it could be killed says nothing: then it is tried again, with less of a wait. */
async function trial(attempt: Attempt): Promise<Trial> {
  for (let n = 0; n < TRIES; n += 1) {
    const done = await once({ ...attempt, waitMs: attempt.waitMs / (n + 1) }, `${attempt.victim}-${n}-${Date.now()}`);
    if (done !== undefined) return done;
  }
  throw new Error(`No dump lasted long enough for ${attempt.victim} to be killed.`);
}

async function once({ server, database, bucket, victim, waitMs }: Attempt, name: string): Promise<Trial | undefined> {
  const line = await openCutLine(bucket.endpoint);
  const prefix = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const [program = '', ...args] = dbdump('rescue', 'backup', '--to', bucket.url(prefix, line.endpoint), '--json');
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...server.env(database), ...bucket.env },
    timeout: LONGEST_MS,
  });
  let said = '';
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  let exitCode: number | null | undefined;
  const ended = new Promise<void>((resolve) =>
    child.on('close', (code) => {
      exitCode = code;
      resolve();
    }),
  );
  try {
    const family = await untilUnderWay(child.pid ?? 0, () => exitCode !== undefined);
    await sleep(waitMs);
    const hit = family !== undefined && exitCode === undefined && strike(victim, family, line);
    const struck = process.hrtime.bigint();
    await ended;
    if (!hit || family === undefined) return undefined;
    const secondsToEnd = Number(process.hrtime.bigint() - struck) / 1e9;
    const completed = await completedIn(bucket, prefix);
    // It was through with the victim when that was killed, and ended well.
    if (exitCode === 0) return undefined;
    const left = family.filter(({ pid }) => isAlive(pid)).map(({ name }) => name);
    return { victim, secondsToEnd, exitCode: exitCode ?? null, said, completed, left };
  } finally {
    await line.close();
  }
}

interface Relative {
  readonly pid: number;
  readonly name: string;
}

/** Every process of the backup once bytes are flowing; undefined when it ended before. */
async function untilUnderWay(pid: number, isOver: () => boolean): Promise<Relative[] | undefined> {
  while (!isOver()) {
    const family = descendantsOf(pid).map((child) => ({ pid: child, name: nameOf(child) }));
    const zstd = family.find(({ name }) => name === 'zstd');
    if (zstd !== undefined && bytesReadBy(zstd.pid) > UNDER_WAY_BYTES) return family;
    await sleep(2);
  }
  return undefined;
}

function strike(victim: Victim, family: readonly Relative[], line: CutLine): boolean {
  if (victim === 'S3 refuses' || victim === 'S3 is dead') {
    line.cut(victim === 'S3 refuses' ? 'refuses' : 'dead');
    return true;
  }
  const found = family.find(({ name }) => name === victim);
  if (found === undefined || !isAlive(found.pid)) return false;
  process.kill(found.pid, 'SIGKILL');
  return true;
}

/** Objects of a backup that anybody could take for one. */
async function completedIn(bucket: Bucket, prefix: string): Promise<string[]> {
  const storage = openStorage(
    parseStoreUrl(bucket.url(prefix), () => undefined),
    {
      credentials: async () => ({
        accessKeyId: bucket.env.AWS_ACCESS_KEY_ID ?? '',
        secretAccessKey: bucket.env.AWS_SECRET_ACCESS_KEY ?? '',
      }),
    },
  );
  try {
    const keys: string[] = [];
    for await (const { key } of storage.list('')) keys.push(key);
    return keys.filter((key) => /(?:manifest\.json|dump\.[^/]*)$/.test(key));
  } finally {
    await storage.close();
  }
}

function print(world: World, trials: readonly Trial[]): void {
  const rows = VICTIMS.flatMap((victim) => {
    const of = trials.filter((trial) => trial.victim === victim);
    if (of.length === 0) return [];
    const seconds = of.map(({ secondsToEnd }) => secondsToEnd);
    const codes = [...new Set(of.map(({ exitCode }) => exitCode))].join(', ');
    const completed = of.reduce((sum, trial) => sum + trial.completed.length, 0);
    const left = of.reduce((sum, trial) => sum + trial.left.length, 0);
    return [
      `| ${victim} | ${of.length} | ${median(seconds).toFixed(2)} | ${Math.max(...seconds).toFixed(2)} | ${codes} | ${completed} | ${left} |`,
    ];
  });
  world.print([
    '',
    '### Killed in the middle of a PostgreSQL backup to S3',
    '',
    '| killed | n | median s to the end | longest | exit codes | completed objects | processes left |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ]);
}

function judge(world: World, trials: readonly Trial[]): void {
  const among = (...victims: readonly Victim[]) => trials.filter(({ victim }) => victims.includes(victim));
  const longest = (of: readonly Trial[]) => Math.max(...of.map(({ secondsToEnd }) => secondsToEnd));
  const figure = (name: string, value: number, bars: { goal: number; floor: number; unit?: string }) =>
    world.figure({
      target: '#14',
      name,
      value,
      atLeast: false,
      goal: bars.goal,
      floor: { quick: bars.floor, small: bars.floor, full: bars.floor },
      ...(bars.unit === undefined ? {} : { unit: bars.unit }),
    });
  const soon = { goal: 1, floor: 3, unit: ' s' };
  figure('pg_dump or zstd killed: longest time to a non-zero result', longest(among('pg_dump', 'zstd')), soon);
  figure('S3 refuses from now on: longest time to a non-zero result', longest(among('S3 refuses')), soon);
  const dead = among('S3 is dead');
  if (dead.length > 0) {
    figure('S3 is dead: time to a non-zero result (12 tries with growing pauses)', longest(dead), {
      ...soon,
      floor: 300,
    });
  }
  const wrong = trials.filter(({ exitCode }) => exitCode === 0 || exitCode === null).length;
  const completed = trials.reduce((sum, trial) => sum + trial.completed.length, 0);
  const left = trials.reduce((sum, trial) => sum + trial.left.length, 0);
  figure('results that were not non-zero, completed objects, processes left', wrong + completed + left, {
    goal: 0,
    floor: 0,
  });
}
