import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { busySeconds, cpuOf, highestRss, serverSeconds } from './machine.ts';

/** One way of doing the job: a shell line or a program with arguments. */
export interface Way {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs before each round, unmeasured: drop a target, empty a folder. */
  readonly before?: () => Promise<void> | void;
  /** Stored bytes this way leaves, measured after a round. */
  readonly size?: () => Promise<number> | number;
  /** Takes part in the first so many counted rounds only: for ways that are slow and not the question. */
  readonly rounds?: number;
}

export interface Sample {
  readonly wallSeconds: number;
  /** User and system time of the way's whole process tree. */
  readonly cpuSeconds: number;
  /** The same of its first process alone, read every 10 ms: a little too low. */
  readonly ownCpuSeconds: number;
  readonly serverCpuSeconds: number;
  /** Highest resident size of the first process, MiB; NaN where /proc does not tell. */
  readonly rssMiB: number;
  readonly bytes: number | undefined;
  /** Share of the cores that processes which are not part of this benchmark used meanwhile. */
  readonly foreign: number;
  /** The last line of standard output where that is a JSON object. */
  readonly said: Readonly<Record<string, unknown>>;
}

export interface Result {
  readonly way: Way;
  readonly samples: readonly Sample[];
}

export interface Plan {
  readonly rounds: number;
  /** Server processes that all ways share. */
  readonly servers: readonly number[];
  /** Runs disturbed by more than this share of the cores are repeated, at most `retries` times; the quietest is kept. */
  readonly mostForeign: number;
  readonly retries: number;
  readonly warmUp: boolean;
}

const RSS_EVERY_MS = 10;
const LONGEST_MS = 15 * 60_000;
const MEMORY = 4_096;

/** Runs every way once per round, interleaved (A B C A B C …), so that a drifting machine hits all alike. */
export async function interleaved(ways: readonly Way[], plan: Plan): Promise<Result[]> {
  const samples = ways.map(() => [] as Sample[]);
  // Round 0 warms the page cache and is not counted; the first way is enough for that.
  if (plan.warmUp && ways[0] !== undefined) await measure(ways[0], plan.servers);
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const [index, way] of ways.entries()) {
      if (round > (way.rounds ?? plan.rounds)) continue;
      const sample = await quietest(way, plan);
      samples[index]?.push(sample);
      const figures = `${sample.wallSeconds.toFixed(2)} s, CPU ${sample.cpuSeconds.toFixed(2)} s, foreign ${percent(sample.foreign)}`;
      console.error(`  [${round}/${plan.rounds}] ${way.name}: ${figures}`);
    }
  }
  return ways.map((way, index) => ({ way, samples: samples[index] ?? [] }));
}

async function quietest(way: Way, plan: Plan): Promise<Sample> {
  let best = await measure(way, plan.servers);
  for (let retry = 0; retry < plan.retries && best.foreign > plan.mostForeign; retry += 1) {
    const again = await measure(way, plan.servers);
    if (again.foreign < best.foreign) best = again;
  }
  return best;
}

/** Runs one way to its end. Throws when it does not end well: what failed is no figure. */
export async function measure(way: Way, servers: readonly number[] = []): Promise<Sample> {
  await way.before?.();
  const before = counters(servers);
  const started = process.hrtime.bigint();
  const [program = '', ...args] = way.argv;
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...way.env },
    timeout: LONGEST_MS,
  });
  const words = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    words.out = (words.out + chunk.toString()).slice(-MEMORY);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    words.err = (words.err + chunk.toString()).slice(-MEMORY);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const watch = watchFirst(child.pid ?? 0);
  const code = await ended;
  const wallSeconds = Number(process.hrtime.bigint() - started) / 1e9;
  const first = await watch.stop();
  const after = counters(servers);
  if (code !== 0) throw new Error(`${way.name} exited with status ${code}: ${words.err}${words.out}`);
  const elapsed = Number(process.hrtime.bigint() - started) / 1e9;
  const ours = after.tree - before.tree + after.servers - before.servers;
  return {
    wallSeconds,
    cpuSeconds: after.children - before.children,
    ownCpuSeconds: first.cpu,
    serverCpuSeconds: after.servers - before.servers,
    rssMiB: first.rss,
    bytes: await way.size?.(),
    foreign: Math.max(0, (after.busy - before.busy - ours) / (elapsed * availableParallelism())),
    said: lastObject(words.out),
  };
}

interface Counters {
  readonly busy: number;
  readonly tree: number;
  readonly children: number;
  readonly servers: number;
}

/** The results of so many ways, in their order. Throws where one is missing: what was not measured is no figure. */
export function allOf<const Names extends readonly string[]>(
  results: readonly Result[],
  names: Names,
): Readonly<Record<Names[number], Result>> {
  const entries = names.map((name, index) => {
    const result = results[index];
    if (result === undefined || result.samples.length === 0) throw new Error(`${name} was not measured.`);
    return [name, result];
  });
  return Object.fromEntries(entries);
}

function counters(servers: readonly number[]): Counters {
  const self = cpuOf('self');
  return {
    busy: busySeconds(),
    tree: self.all,
    children: self.all - self.own,
    servers: servers.reduce((sum, pid) => sum + serverSeconds(pid), 0),
  };
}

function watchFirst(pid: number) {
  const seen = { rss: Number.NaN, cpu: Number.NaN };
  let running = true;
  const loop = (async () => {
    while (running) {
      const rss = highestRss(pid);
      if (rss !== undefined) {
        seen.rss = rss;
        seen.cpu = cpuOf(pid).own;
      }
      await sleep(RSS_EVERY_MS);
    }
  })();
  return {
    async stop(): Promise<typeof seen> {
      running = false;
      await loop;
      return seen;
    },
  };
}

function lastObject(text: string): Readonly<Record<string, unknown>> {
  const line = text.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) return {};
  try {
    return JSON.parse(line);
  } catch {
    // Longer than what was kept: nobody asks for it then.
    return {};
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export type Measured = 'wallSeconds' | 'cpuSeconds' | 'ownCpuSeconds' | 'serverCpuSeconds' | 'rssMiB' | 'foreign';

export function medianOf({ samples }: Result, figure: Measured): number {
  return median(samples.map((sample) => sample[figure]));
}

/** Median over the rounds that both took part in of `base / way` taken round by round: above 1 means less than the base. */
export function speedAgainst(base: Result, way: Result, figure: Measured = 'wallSeconds'): number {
  const ratios = way.samples.flatMap((sample, round) => {
    const beside = base.samples[round];
    return beside === undefined ? [] : [beside[figure] / sample[figure]];
  });
  return median(ratios);
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
