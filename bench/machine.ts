import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

const TICKS_PER_SECOND = 100;

/** One line that says what the figures were measured on. */
export function machineLine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const cpu = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const day = new Date().toISOString().slice(0, 10);
  const programs = ['pg_dump', 'mariadb-dump', 'zstd', 'mongodump'].map(versionOf).filter((text) => text !== '');
  return `${day} · ${availableParallelism()} cores, ${cpu}, ${memory} GB, ${type()} ${release()} · Node ${process.versions.node} · ${programs.join(' · ')}`;
}

function versionOf(program: string): string {
  try {
    const text = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const version = /(?:Distrib |v|version:? |\) )?(\d+\.\d+(?:\.\d+)?)/.exec(text.replace(/Ver \d+\.\d+ /, ''))?.[1];
    return `${program} ${version ?? '?'}`;
  } catch {
    // Not on PATH: a part that needs it says so itself.
    return '';
  }
}

/** Seconds that all cores together have worked since the machine started; NaN without /proc. */
export function busySeconds(): number {
  const fields = readIfThere('/proc/stat').split('\n')[0]?.trim().split(/\s+/).slice(1, 9).map(Number) ?? [];
  if (fields.length < 8) return Number.NaN;
  const all = fields.reduce((sum, value) => sum + value, 0);
  return (all - (fields[3] ?? 0) - (fields[4] ?? 0)) / TICKS_PER_SECOND;
}

/** CPU seconds of a server: its own, its ended children's, and its living children's. */
export function serverSeconds(pid: number): number {
  const children = childrenOf(pid).map((child) => cpuOf(child).all);
  return cpuOf(pid).all + children.reduce((sum, value) => sum + value, 0);
}

/** CPU seconds of one process so far: `own` without, `all` with children that have ended. */
export function cpuOf(pid: number | 'self'): { readonly own: number; readonly all: number } {
  const text = readIfThere(`/proc/${pid}/stat`);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  const own = (user + system) / TICKS_PER_SECOND;
  return { own, all: own + (childUser + childSystem) / TICKS_PER_SECOND };
}

/** Direct children of every thread of a process. */
export function childrenOf(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((task) =>
    readIfThere(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  );
}

/** All living descendants of a process. */
export function descendantsOf(pid: number): number[] {
  const direct = childrenOf(pid);
  return [...direct, ...direct.flatMap(descendantsOf)];
}

export function nameOf(pid: number): string {
  return readIfThere(`/proc/${pid}/comm`).trim();
}

/** Bytes the kernel says a process has read. */
export function bytesReadBy(pid: number): number {
  return Number(/^rchar: (\d+)/.exec(readIfThere(`/proc/${pid}/io`))?.[1] ?? 0);
}

export function isAlive(pid: number): boolean {
  const state = /\) (\w)/.exec(readIfThere(`/proc/${pid}/stat`))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Highest resident size so far, MiB; undefined once the process is gone. */
export function highestRss(pid: number): number | undefined {
  const found = /VmHWM:\s+(\d+) kB/.exec(readIfThere(`/proc/${pid}/status`))?.[1];
  return found === undefined ? undefined : Number(found) / 1024;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended since, or there is no /proc.
    return '';
  }
}
