import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, percent } from '../measure.ts';
import { type Postgres, run } from '../postgres.ts';
import { program, startBucket, type World } from '../world.ts';

const LIMIT = 20_000_000;

interface Load {
  readonly tps: number;
  readonly latencyMs: number;
}

type Beside = 'nothing' | 'limited' | 'unlimited';

/** What a database still does for its own users while it is backed up again and again, limited to 20 MB/s and not. */
export async function limitPart(world: World, server: Postgres, database: string): Promise<void> {
  const bucket = await startBucket(world, 'discard');
  try {
    const env = { ...server.env(database), ...bucket.env };
    const seconds = String(world.scale.limitSeconds);
    let runs = 0;
    const pgbench = async (beside: Beside, ...options: readonly string[]): Promise<Load> => {
      // A backup that was killed leaves its marker behind: every run of this has a store of its own.
      runs += 1;
      const backups = await startBackups(beside, env, bucket.url(`limit${runs}`));
      try {
        const flags = ['-n', '-T', seconds, '-c', '4', '-j', '1', '-M', 'prepared', ...options];
        return loadOf(await run(['pgbench', ...flags], env));
      } finally {
        await backups.stop();
      }
    };
    const rounds: { beside: Beside; most: Load; half: Load }[] = [];
    await pgbench('nothing');
    for (let round = 0; round < world.scale.limitRounds; round += 1) {
      const alone = await pgbench('nothing');
      const rate = ['-R', String(Math.max(1, Math.round(alone.tps / 2)))];
      rounds.push({ beside: 'nothing', most: alone, half: await pgbench('nothing', ...rate) });
      for (const beside of besides(world)) {
        rounds.push({ beside, most: await pgbench(beside), half: await pgbench(beside, ...rate) });
      }
    }
    report(world, rounds);
  } finally {
    await bucket.stop();
  }
}

/** The unlimited row is only for comparison. */
function besides(world: World): Beside[] {
  return world.options.size === 'quick' ? ['limited'] : ['limited', 'unlimited'];
}

async function startBackups(beside: Beside, env: Readonly<Record<string, string>>, to: string) {
  if (beside === 'nothing') return { stop: async () => undefined };
  const limit = beside === 'limited' ? ['--rate-limit', String(LIMIT)] : [];
  const [command = '', ...args] = program('backup', '--to', to, '--repeat', ...limit);
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  let stopping = false;
  const ended = new Promise<void>((resolve, reject) => {
    child.on('close', () => (stopping ? resolve() : reject(new Error(`The backup ended by itself: ${said}`))));
  });
  // Met when it is waited for.
  ended.catch(() => undefined);
  await sleep(1_000);
  return {
    async stop(): Promise<void> {
      stopping = true;
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function loadOf(text: string): Load {
  return {
    tps: Number(/^tps = ([0-9.]+)/m.exec(text)?.[1]),
    latencyMs: Number(/^latency average = ([0-9.]+)/m.exec(text)?.[1]),
  };
}

function report(world: World, rounds: readonly { beside: Beside; most: Load; half: Load }[]): void {
  const of = (beside: Beside) => rounds.filter((round) => round.beside === beside);
  const alone = of('nothing');
  const kept = (beside: Beside) =>
    median(of(beside).map(({ most }, n) => most.tps / (alone[n]?.most.tps ?? Number.NaN)));
  const slower = (beside: Beside) =>
    median(of(beside).map(({ half }, n) => half.latencyMs / (alone[n]?.half.latencyMs ?? Number.NaN)));
  const rows = (['nothing', 'limited', 'unlimited'] as const).flatMap((beside) => {
    const those = of(beside);
    if (those.length === 0) return [];
    const tps = median(those.map(({ most }) => most.tps)).toFixed(0);
    const latency = median(those.map(({ half }) => half.latencyMs)).toFixed(1);
    const name = beside === 'limited' ? 'backups at 20 MB/s' : beside === 'unlimited' ? 'backups, no limit' : beside;
    return [
      `| ${name} | ${those.length} | ${tps} | ${percent(kept(beside))} | ${latency} ms | ${slower(beside).toFixed(1)}× |`,
    ];
  });
  world.print([
    '',
    '### pgbench -c 4 beside backups of the same database',
    '',
    '| beside | n | most TPS | kept | latency at half load | of that alone |',
    '|---|---|---|---|---|---|',
    ...rows,
  ]);
  world.figure({
    target: '#13',
    name: 'limited to 20 MB/s: TPS the source keeps',
    value: kept('limited'),
    atLeast: true,
    goal: 0.7,
    floor: { quick: 0.3, small: 0.5, full: 0.6 },
  });
  world.figure({
    target: '#13',
    name: 'limited to 20 MB/s: latency at half load, times that alone',
    value: slower('limited'),
    atLeast: false,
    goal: 4,
    floor: { quick: 25, small: 8, full: 6 },
  });
}
