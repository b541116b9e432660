import { spawn } from 'node:child_process';

export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  /** The last thing the program said on either stream, one line. */
  readonly last: string;
}

export interface RunWhere {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 15 * 60_000;

/** Runs a program of the set-up to its end, with nothing on its standard input. A program that is not there is not ok. */
export function run(program: string, args: readonly string[], where: RunWhere = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: where.cwd,
      env: { ...process.env, ...where.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: where.deadlineMs ?? DEADLINE_MS,
    });
    let stdout = '';
    let all = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
      all += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      all += chunk;
    });
    child.on('error', (error) => resolve({ ok: false, stdout, last: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, stdout, last: lastLine(all) }));
  });
}

/** Like `run`, and throws with the program's last line unless it ended well. */
export async function must(program: string, args: readonly string[], where: RunWhere = {}): Promise<string> {
  const outcome = await run(program, args, where);
  if (!outcome.ok) throw new Error(`${program} ${args[0] ?? ''} failed: ${outcome.last}`);
  return outcome.stdout;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim().slice(0, 200) ?? '';
}
