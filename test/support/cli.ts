import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '../../src/engines/engine.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LAUNCHER = join(ROOT, 'cli', 'dbdump.js');

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads on standard input; nothing unless given. */
  readonly input?: string;
  /** Given the process as soon as it runs. */
  readonly onStart?: (pid: number) => void;
}

/** Runs the command line as a person would: a process of its own, with nothing inherited but PATH, HOME and the caches. */
export function dbdump(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const inherited = ['PATH', 'HOME', 'DATABASE_DUMP_CACHE', 'NODE_EXTRA_CA_CERTS', 'TMPDIR'];
  const kept = Object.fromEntries(
    inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [LAUNCHER, ...args], {
      env: { ...kept, ...options.env },
      cwd: options.cwd ?? ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // Whoever does not read it may be gone before it is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    if (child.pid !== undefined) options.onStart?.(child.pid);
  });
}

/** A folder of a test, with helpers for what commands take; gone after `remove`. */
export function cliFolder() {
  const path = mkdtempSync(join(tmpdir(), 'dd-cli-'));
  return {
    path,
    store: `file://${join(path, 'store')}`,
    data: ['--data-dir', join(path, 'data')] as const,
    /** A `file:` argument for a database. */
    urlFile: (name: string, connection: Connection): string => {
      const file = join(path, name);
      writeFileSync(file, `${urlOf(connection)}\n`, { mode: 0o600 });
      return `file:${file}`;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export function urlOf({ engine, host, port, user, password, database }: Connection): string {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password.reveal())}`;
  const account = user === '' ? '' : `${encodeURIComponent(user)}${secret}@`;
  return `${engine}://${account}${host}:${port}/${encodeURIComponent(database)}`;
}
