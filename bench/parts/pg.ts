import { allOf, interleaved, median, medianOf, type Plan, type Result, speedAgainst, type Way } from '../measure.ts';
import type { Size } from '../options.ts';
import type { Postgres } from '../postgres.ts';
import { comparisonTable } from '../table.ts';
import { type Bucket, dbdump, hasProgram, program, shell, startBucket, startService, type World } from '../world.ts';

const DUMP = 'pg_dump -Fc --compress=0';

/** What other programs took for the same database, as multiples of `pg_dump -Fc -Z0 | zstd -3 -T0 > file` (published beside the targets). */
const PEERS = [
  { name: 'databasus 3.7', shells: 22.9 / 5.83, goal: 3.3 },
  { name: 'gobackup 3.1', shells: 27.1 / 5.83, goal: 4 },
  { name: 'pgbackweb 0.5', shells: 26.3 / 5.83, goal: 4 },
  { name: 'pg_back 2.6', shells: 30.8 / 5.83, goal: 4 },
  { name: 'restic 0.19', shells: 11.99 / 5.83, goal: 1.7 },
] as const;
const FASTEST_PEER = Math.min(...PEERS.map(({ shells }) => shells));

/** Those that are judged, in the order of `waysOf`. */
const WAYS = ['shellLine', 'stream', 'upload', 'withCurl', 'original', 'file', 'level1', 'level2'] as const;

interface Setting {
  readonly world: World;
  readonly server: Postgres;
  readonly database: string;
  readonly plan: Plan;
}

/** Backup: the pipeline alone, with upload, with verification, against shell lines and against gzip. */
export async function backupPart(setting: Setting, smaller: string | undefined): Promise<void> {
  const { world, server, database, plan } = setting;
  const [sink, shop, plain] = await Promise.all([
    startBucket(world, 'discard'),
    startBucket(world, 'keep'),
    startService('run/plain-sink.ts'),
  ]);
  try {
    const env = { ...server.env(database), ...sink.env };
    const servers = [server.pid, sink.pid, shop.pid, plain.pid];
    const lines = waysOf({ world, env, sink, shop, curl: plain.ready.endpoint ?? '' });
    const results = await interleaved(lines, { ...plan, servers });
    world.print(comparisonTable(`PostgreSQL backup, ${database}`, results));
    const { shellLine, stream, upload, withCurl, original, file, level1, level2 } = allOf(results, WAYS);
    judgePipeline(world, { shellLine, stream, upload, withCurl });
    judgeOriginal(world, { original, upload });
    judgePeers(world, { file, level1, level2 });
    judgeSize(world, upload);
    if (smaller !== undefined) await judgeGrowth(setting, { smaller, sink, stream, upload });
  } finally {
    await Promise.all([sink.stop(), shop.stop(), plain.stop()]);
  }
}

interface Places {
  readonly world: World;
  readonly env: Readonly<Record<string, string>>;
  readonly sink: Bucket;
  readonly shop: Bucket;
  readonly curl: string;
}

function waysOf({ world, env, sink, shop, curl }: Places): Way[] {
  const shopEnv = { ...env, ...shop.env };
  const file = `${world.folder}/peer.zst`;
  let bucket = 0;
  const fresh = () => {
    bucket += 1;
    return shop.url(`r${bucket}`);
  };
  const cli = (level: string): string[] => dbdump('rescue', 'backup', '--to', '$', '--level', level, '--json');
  const slow = Math.max(1, world.options.rounds >> 1);
  return [
    { name: `${DUMP} | zstd -3 -T0 | sha256sum`, argv: shell(`${DUMP} | zstd -q -3 -T0 -c | sha256sum`), env },
    { name: 'ours, stream only', argv: program('backup'), env },
    { name: 'ours, with upload', argv: program('backup', '--to', sink.url('up')), env },
    {
      name: `${DUMP} | zstd -3 -T0 | tee >(sha256sum) | curl -T -`,
      argv: shell(`${DUMP} | zstd -q -3 -T0 -c | tee >(sha256sum >/dev/null) | curl -sSf -T - ${curl}/x`),
      env,
    },
    {
      name: 'original: pg_dump -Fc → lib-storage',
      argv: program('original', sink.endpoint, 'original', '0', 'pg_dump', '-Fc'),
      env,
      rounds: slow,
    },
    {
      name: 'pg_dump -Fc -Z0 | zstd -3 -T0 > file',
      argv: shell(`pg_dump -Fc -Z0 | zstd -q -3 -T0 -c > ${file}`),
      env,
    },
    withUrl({ name: 'dbdump rescue backup --level 1', argv: cli('1'), env: shopEnv }, fresh),
    withUrl({ name: 'dbdump rescue backup --level 2', argv: cli('2'), env: shopEnv }, fresh),
    ...(world.options.size === 'quick' ? [] : gzipWays(world, env, file)),
  ];
}

/** Every run gets a store of its own, so that no list of earlier backups is read. */
function withUrl(way: Way, fresh: () => string): Way {
  const argv = [...way.argv];
  const place = argv.indexOf('$');
  return {
    ...way,
    argv,
    before: () => {
      argv[place] = fresh();
    },
  };
}

/** What others do by default: shown, not judged. */
function gzipWays(world: World, env: Readonly<Record<string, string>>, file: string): Way[] {
  const rounds = Math.max(1, world.options.rounds >> 1);
  const lines = ['pg_dump -Fc', 'pg_dump | gzip -6', 'pg_dump | pigz'];
  const possible = lines.filter((line) => !line.endsWith('pigz') || hasProgram('pigz'));
  if (possible.length < lines.length) world.print(['pigz is not installed: its row is left out.']);
  return possible.map((line) => ({ name: `${line} > file`, argv: shell(`${line} > ${file}`), env, rounds }));
}

type Floors = Readonly<Record<Size, number>>;
/** On small data the start of Node, the probe and the inventory weigh more than the stream. */
const floors = (quick: number, small: number, full: number): Floors => ({ quick, small, full });

function judgePipeline(
  world: World,
  { shellLine, stream, upload, withCurl }: Readonly<Record<'shellLine' | 'stream' | 'upload' | 'withCurl', Result>>,
): void {
  const speed = (target: string, name: string, rest: { base: Result; way: Result; goal: number; floor: Floors }) =>
    world.figure({
      target,
      name,
      value: speedAgainst(rest.base, rest.way),
      atLeast: true,
      goal: rest.goal,
      floor: rest.floor,
    });
  speed('#1', 'PG with upload, speed of the shell line without', {
    base: shellLine,
    way: upload,
    goal: 0.97,
    floor: floors(0.2, 0.6, 0.9),
  });
  speed('#2', 'PG with upload, speed of the shell line with curl', {
    base: withCurl,
    way: upload,
    goal: 1.1,
    floor: floors(0.2, 0.7, 1),
  });
  speed('#3', 'PG stream only, speed of the shell line', {
    base: shellLine,
    way: stream,
    goal: 1,
    floor: floors(0.2, 0.7, 0.92),
  });
  judgeShare(world, { way: stream, name: 'stream', goal: 0.06, floor: floors(0.75, 0.25, 0.1) });
  judgeShare(world, { way: upload, name: 'with upload', goal: 0.14, floor: floors(0.8, 0.35, 0.18) });
  judgeMemory(world, { way: stream, name: 'stream only', goal: 64, floor: floors(88, 88, 88) });
  judgeMemory(world, { way: upload, name: 'with upload, 8 MiB × 2', goal: 110, floor: floors(115, 115, 115) });
}

interface Bar {
  readonly way: Result;
  readonly name: string;
  readonly goal: number;
  readonly floor: Floors;
}

function judgeShare(world: World, { way, name, goal, floor }: Bar): void {
  const value = median(way.samples.map(({ ownCpuSeconds, cpuSeconds }) => ownCpuSeconds / cpuSeconds));
  world.figure({
    target: '#7',
    name: `share of JavaScript in client CPU, ${name}`,
    value,
    atLeast: false,
    goal,
    floor,
  });
}

function judgeMemory(world: World, { way, name, goal, floor }: Bar): void {
  const value = medianOf(way, 'rssMiB');
  world.figure({ target: '#8', name: `peak RSS of Node, ${name}`, value, atLeast: false, goal, floor, unit: ' MiB' });
}

function judgeOriginal(world: World, { original, upload }: { original: Result; upload: Result }): void {
  const value = speedAgainst(original, upload);
  const name = "PG, speed of the original's pipeline";
  world.figure({ target: '#5', name, value, atLeast: true, goal: 2.3, floor: floors(0.5, 1.7, 2.1) });
  const cpu = 1 / speedAgainst(original, upload, 'cpuSeconds');
  const client = "PG, client CPU against the original's";
  world.figure({ target: '#5', name: client, value: cpu, atLeast: false, goal: 0.4, floor: floors(0.9, 0.42, 0.4) });
}

function judgePeers(world: World, { file, level1, level2 }: Readonly<Record<'file' | 'level1' | 'level2', Result>>) {
  const first = 1 / speedAgainst(file, level1);
  const name = 'PG to S3 at level 1, wall time of `pg_dump -Fc -Z0 | zstd -3 -T0 > file`';
  world.figure({ target: '#15', name, value: first, atLeast: false, goal: 1.15, floor: floors(9, 1.9, 1.28) });
  for (const peer of PEERS) {
    const derived = `… so times the speed of ${peer.name} (its published ${peer.shells.toFixed(2)} ÷ ours)`;
    const floor = floors(0.1, peer.goal * 0.6, peer.goal * 0.9);
    const value = peer.shells / first;
    world.figure({ target: '#15', name: derived, value, atLeast: true, goal: peer.goal, floor });
  }
  const second = 1 / speedAgainst(file, level2);
  const whole = `PG with level 2, wall time of that line (fastest peer, unverified: ${FASTEST_PEER.toFixed(2)})`;
  const floor = floors(12, 3, 2.2);
  world.figure({ target: '#17', name: whole, value: second, atLeast: false, goal: FASTEST_PEER, floor });
}

function judgeSize(world: World, upload: Result): void {
  const { stored, plain } = upload.samples.at(-1)?.said ?? {};
  const value = Number(stored) / Number(plain);
  const name = 'stored ÷ plain of this data';
  world.figure({ target: 'size', name, value, atLeast: false, goal: 0.5, floor: floors(0.5, 0.5, 0.5) });
}

interface Growth {
  readonly smaller: string;
  readonly sink: Bucket;
  readonly stream: Result;
  readonly upload: Result;
}

async function judgeGrowth({ world, server, plan }: Setting, { smaller, sink, stream, upload }: Growth): Promise<void> {
  const env = { ...server.env(smaller), ...sink.env };
  const ways = [
    { name: `ours, stream only, ${smaller}`, argv: program('backup'), env },
    { name: `ours, with upload, ${smaller}`, argv: program('backup', '--to', sink.url('small')), env },
  ];
  const results = await interleaved(ways, { ...plan, rounds: Math.min(3, plan.rounds), warmUp: false });
  world.print(comparisonTable('The same, a fifth of the data', results));
  const small = allOf(results, ['stream', 'upload']);
  for (const [kind, big] of Object.entries({ stream, upload }) as ['stream' | 'upload', Result][]) {
    const value = medianOf(big, 'rssMiB') - medianOf(small[kind], 'rssMiB');
    const name = `growth of peak RSS from a fifth of the data, ${kind === 'stream' ? 'stream only' : 'with upload'}`;
    const floor = floors(16, 16, 16);
    world.figure({ target: '#8', name, value, atLeast: false, goal: 8, floor, unit: ' MiB' });
  }
}
