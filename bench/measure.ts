import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** One way of doing the job: a shell line or a program with arguments. */
export interface Way {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs before each round, unmeasured: drop a target, empty a folder. */
  readonly before?: () => Promise<void> | void;
  /** Stored bytes this way leaves, measured after a round. */
  readonly size?: () => Promise<number> | number;
}

export interface Sample {
  readonly wallSeconds: number;
  /** User and system time of the way's whole process tree, NaN where /proc does not tell. */
  readonly cpuSeconds: number;
  /** Highest resident size of the first process, MiB; NaN where /proc does not tell. */
  readonly rssMiB: number;
  readonly bytes: number | undefined;
}

export interface Result {
  readonly way: Way;
  readonly samples: readonly Sample[];
}

const TICKS_PER_SECOND = 100;
const hasProc = existsSync('/proc/self/stat');

/** Runs every way once per round, interleaved (A B C A B C …), so that a drifting machine hits all alike. */
export async function interleaved(ways: readonly Way[], rounds: number): Promise<Result[]> {
  const samples = ways.map(() => [] as Sample[]);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, way] of ways.entries()) {
      const sample = await measure(way);
      // Round 0 warms the page cache and is not counted.
      if (round > 0) samples[index]?.push(sample);
    }
  }
  return ways.map((way, index) => ({ way, samples: samples[index] ?? [] }));
}

export async function measure(way: Way): Promise<Sample> {
  await way.before?.();
  const cpuBefore = childCpuSeconds();
  const started = process.hrtime.bigint();
  const [program = '', ...args] = way.argv;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...way.env } });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const rss = watchRss(child.pid ?? 0);
  const code = await ended;
  const wallSeconds = Number(process.hrtime.bigint() - started) / 1e9;
  const rssMiB = await rss.stop();
  if (code !== 0) throw new Error(`${way.name} exited with status ${code}: ${words}`);
  return { wallSeconds, cpuSeconds: childCpuSeconds() - cpuBefore, rssMiB, bytes: await way.size?.() };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Median over the rounds of `base / way` taken round by round: above 1 means faster than the base. */
export function speedAgainst(base: Result, way: Result, figure: 'wallSeconds' | 'cpuSeconds' = 'wallSeconds'): number {
  return median(way.samples.map((sample, round) => (base.samples[round]?.[figure] ?? Number.NaN) / sample[figure]));
}

/** CPU of all children that have ended, from /proc/self/stat (cutime + cstime). */
function childCpuSeconds(): number {
  if (!hasProc) return Number.NaN;
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

function watchRss(pid: number) {
  let highest = Number.NaN;
  let running = hasProc;
  const loop = (async () => {
    while (running) {
      const found = /VmHWM:\s+(\d+) kB/.exec(readIfThere(`/proc/${pid}/status`))?.[1];
      if (found !== undefined) highest = Number(found) / 1024;
      await sleep(10);
    }
  })();
  return {
    async stop(): Promise<number> {
      running = false;
      await loop;
      return highest;
    },
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended since.
    return '';
  }
}
