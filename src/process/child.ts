import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Stream, Writable } from 'node:stream';
import { redactor } from '../domain/redaction.ts';
import type { Secret } from '../domain/secret.ts';
import { ringBuffer } from './ring-buffer.ts';

/** A plain argument, or the path of one of the command's private files behind a prefix: `--defaults-extra-file=` + path. */
export type Argument = string | { readonly file: string; readonly prefix?: string };

/** A program to run. Secrets travel in its private environment or in 0600 files, never in the arguments (F85). */
export interface Command {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly Argument[];
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, Secret>>;
  /** Name → content. Written 0600 for the child's user and removed when it has ended, or earlier by `forget`. */
  readonly files?: Readonly<Record<string, Secret>>;
  /** Parts of the files' contents that are secret by themselves: they too are redacted from what the program says (F85). */
  readonly hidden?: readonly Secret[];
  /** The program writes 4 KiB at a time: give it 1 MiB output buffers where `stdbuf` exists. */
  readonly bufferOutput?: boolean;
  /** The program reads 4 KiB at a time: give its standard input a larger buffer where `stdbuf` exists. */
  readonly bufferInput?: boolean;
}

/** How a child ended. Good only when `code` is 0 and `signal` is null (F1, F2). */
export interface Exit {
  readonly program: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started at all. */
  readonly error: Error | undefined;
  /** The last 64 KiB of standard error, redacted. */
  readonly stderr: string;
}

export interface Child {
  readonly pid: number | undefined;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  /** Resolves once, when the child has ended and its streams are closed; never rejects. */
  readonly ended: Promise<Exit>;
  /** Removes the private files early: the program has read them. */
  forget(): void;
  /** SIGTERM, then SIGKILL after two seconds, or as long as was asked for. */
  kill(): void;
}

export interface StartOptions {
  /** `pipe` for a stream of ours, a stream to hand over to the child, or nothing. */
  readonly stdin?: 'ignore' | 'pipe' | Stream;
  /** `pipe`, `ignore`, or an open file descriptor. */
  readonly stdout?: 'ignore' | 'pipe' | number;
  /** Called for each piece of standard error, redacted; beside the ring. */
  readonly onStderr?: (text: string) => void;
  /** Milliseconds between SIGTERM and SIGKILL; for programs that have to tidy up. */
  readonly killAfterMs?: number;
}

/** The user that children run as, when we are root. */
export interface ChildUser {
  readonly uid: number;
  readonly gid: number;
}

/** How children are started on this machine. */
export interface Place {
  /** Where private files go; must be enterable by the child's user. */
  readonly folder: string;
  readonly user: ChildUser | undefined;
  /** Absolute paths of helper programs, where they exist. */
  readonly setpriv: string | undefined;
  readonly stdbuf: string | undefined;
}

/** The one way to start a program. */
export interface Runner {
  start(command: Command, options?: StartOptions): Child;
  readonly place: Place;
}

const BASE_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'UTC' };
const KILL_AFTER_MS = 2_000;

export function makeRunner(place: Place): Runner {
  return { place, start: (command, options = {}) => startChild(place, command, options) };
}

function startChild(place: Place, command: Command, options: StartOptions): Child {
  const files = writePrivateFiles(place, command.files ?? {});
  const { program, args } = invocation(place, command, files.paths);
  const secrets = [
    ...Object.values(command.secrets ?? {}),
    ...Object.values(command.files ?? {}),
    ...(command.hidden ?? []),
  ];
  const redact = redactor(secrets);
  const child = spawn(program, args, {
    env: environment(place, command),
    stdio: [options.stdin ?? 'ignore', options.stdout ?? 'pipe', 'pipe'],
    cwd: '/',
  });
  const stderr = ringBuffer();
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr.push(chunk);
    options.onStderr?.(redact(chunk.toString('utf8')));
  });
  const killed = killer(child, options.killAfterMs ?? KILL_AFTER_MS);
  const ended = new Promise<Exit>((resolve) => {
    let error: Error | undefined;
    child.on('error', (problem) => {
      error = problem;
      // A program that never started emits no `close` when its streams were handed over.
      if (child.pid === undefined) finish(null, null);
    });
    child.on('close', finish);
    function finish(code: number | null, signal: NodeJS.Signals | null): void {
      files.remove();
      killed.clear();
      resolve({ program: command.program, code, signal, error, stderr: redact(stderr.text()) });
    }
  });
  return { pid: child.pid, stdin: child.stdin, stdout: child.stdout, ended, forget: files.remove, kill: killed.kill };
}

/** The child's whole environment: an allow-list, so that no credential of ours is inherited (F86). */
function environment(place: Place, command: Command): Record<string, string> {
  const result: Record<string, string> = { ...BASE_ENVIRONMENT, HOME: place.folder, TMPDIR: place.folder };
  Object.assign(result, command.env);
  for (const [name, secret] of Object.entries(command.secrets ?? {})) result[name] = secret.reveal();
  return result;
}

/**
 * Two setpriv calls, since changing the user clears the parent-death signal (M24). The whole chain execs, so the pid is
 * the program's own.
 */
function invocation(place: Place, command: Command, files: Readonly<Record<string, string>>) {
  const args = command.args.map((argument) => {
    if (typeof argument === 'string') return argument;
    return `${argument.prefix ?? ''}${files[argument.file] ?? ''}`;
  });
  const chain: string[] = [];
  if (place.setpriv !== undefined) {
    if (place.user !== undefined) {
      const { uid, gid } = place.user;
      chain.push(
        place.setpriv,
        `--reuid=${uid}`,
        `--regid=${gid}`,
        '--clear-groups',
        '--inh-caps=-all',
        '--no-new-privs',
      );
    }
    chain.push(place.setpriv, '--pdeathsig', 'KILL');
  }
  const buffers = [...(command.bufferInput ? ['-i128K'] : []), ...(command.bufferOutput ? ['-o1M'] : [])];
  if (buffers.length > 0 && place.stdbuf !== undefined) chain.push(place.stdbuf, ...buffers);
  const [program = command.program, ...rest] = [...chain, command.program, ...args];
  return { program, args: rest };
}

function writePrivateFiles(place: Place, files: Readonly<Record<string, Secret>>) {
  const names = Object.keys(files);
  if (names.length === 0) return { paths: {}, remove: () => undefined };
  mkdirSync(place.folder, { recursive: true });
  const folder = mkdtempSync(join(place.folder, 'private-'));
  const paths: Record<string, string> = {};
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    writeFileSync(path, content.reveal(), { mode: 0o600, flag: 'wx' });
    if (place.user !== undefined) chownSync(path, place.user.uid, place.user.gid);
    paths[name] = path;
  }
  if (place.user !== undefined) chownSync(folder, place.user.uid, place.user.gid);
  chmodSync(folder, 0o700);
  return { paths, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function killer(child: { kill(signal: NodeJS.Signals): boolean }, afterMs: number) {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  return {
    kill: () => {
      if (ended || timer !== undefined) return;
      child.kill('SIGTERM');
      timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
    },
    clear: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
