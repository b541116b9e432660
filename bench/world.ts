import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Figure } from './figures.ts';
import type { Options } from './options.ts';
import { LAUNCHER, STARTER } from './package.ts';
import { SCALES, type Scale } from './scales.ts';

/** What every part of the benchmark is given, and where it leaves what it found. */
export interface World {
  readonly options: Options;
  readonly scale: Scale;
  /** Removed at the end; may be entered by the users that servers run as. */
  readonly folder: string;
  /** Ends with the benchmark, last opened first. */
  onClose(end: () => Promise<void> | void): void;
  figure(figure: Figure): void;
  print(lines: readonly string[]): void;
  /** A part could not be measured: the run fails, and says so at its end. */
  fail(sentence: string): void;
}

export interface OpenWorld extends World {
  readonly figures: readonly Figure[];
  readonly failures: readonly string[];
  close(): Promise<void>;
}

export function openWorld(options: Options): OpenWorld {
  const folder = mkdtempSync(join(tmpdir(), 'database-dump-bench-'));
  chmodSync(folder, 0o711);
  const ends: (() => Promise<void> | void)[] = [];
  const figures: Figure[] = [];
  const failures: string[] = [];
  return {
    options,
    scale: SCALES[options.size],
    folder,
    figures,
    failures,
    fail: (sentence) => void failures.push(sentence),
    onClose: (end) => void ends.unshift(end),
    figure: (figure) => void figures.push(figure),
    print: (lines) => {
      if (lines.length > 0) console.log(lines.join('\n'));
    },
    async close() {
      for (const end of ends) await Promise.resolve(end()).catch((error) => console.error(error));
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

export interface Service {
  readonly pid: number;
  /** The line of JSON it printed when it was ready. */
  readonly ready: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** A server of ours in its own process: a Node program that prints one line of JSON when it is ready. */
export async function startService(program: string, args: readonly string[] = []): Promise<Service> {
  const child = spawn(process.execPath, [join(import.meta.dirname, program), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const ready = await firstLine(child, program);
  return {
    pid: child.pid ?? 0,
    ready: JSON.parse(ready),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function firstLine(child: ChildProcess, program: string): Promise<string> {
  if (child.stdout !== null) {
    for await (const line of createInterface({ input: child.stdout })) {
      child.stdout.resume();
      return line;
    }
  }
  throw new Error(`${program} ended before it was ready`);
}

export interface Bucket {
  readonly pid: number;
  readonly endpoint: string;
  /** What our own programs and the SDK find in their environment. */
  readonly env: Readonly<Record<string, string>>;
  /** A store address in it, for `--to` and `--from`. */
  url(prefix: string, endpoint?: string): string;
  stop(): Promise<void>;
}

/**
 * An S3 server in its own process that checks no more than it must, so that it is not the bottleneck. `discard` keeps
 * no byte of a part; else they lie in a folder.
 */
export async function startBucket(world: World, kind: 'discard' | 'keep'): Promise<Bucket> {
  const folder = join(world.folder, `bucket-${Math.random().toString(36).slice(2)}`);
  mkdirSync(folder, { mode: 0o700 });
  const service = await startService('run/s3-server.ts', kind === 'discard' ? [] : [folder]);
  const { endpoint = '', accessKeyId = '', secretAccessKey = '' } = service.ready;
  const data = join(world.folder, 'keys');
  return {
    pid: service.pid,
    endpoint,
    env: {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      DATABASE_DUMP_HOME: data,
    },
    url: (prefix, other = endpoint) =>
      `s3://bench/${prefix}?region=us-east-1&endpoint=${encodeURIComponent(other)}&path-style=true`,
    stop: service.stop,
  };
}

/** The command line, as a user starts it. */
export function dbdump(...args: readonly string[]): string[] {
  return [process.execPath, LAUNCHER, ...args];
}

/** One of the benchmark's own programs. */
export function program(name: string, ...args: readonly string[]): string[] {
  return [process.execPath, STARTER, name, ...args];
}

export function shell(line: string): string[] {
  return ['bash', '-o', 'pipefail', '-c', line];
}

export function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isProgram(join(folder, name)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
