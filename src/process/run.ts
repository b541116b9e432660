import { Failure, type FailureCode } from '../domain/failure.ts';
import type { Child, Command, Exit, Runner } from './child.ts';
import { pour } from './pour.ts';

export interface RunOptions {
  /** Fed to standard input; an error of it ends the child and is thrown. */
  readonly input?: AsyncIterable<Uint8Array>;
  /** Called for each piece of standard output. */
  readonly onOutput?: (chunk: Buffer) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds until the child is ended. */
  readonly deadlineMs?: number;
  readonly onStderr?: (text: string) => void;
}

/** Runs a command to its end. Resolves with how it ended, good or not; throws only the input's own error or the abort reason. */
export async function run(runner: Runner, command: Command, options: RunOptions = {}): Promise<Exit> {
  options.signal?.throwIfAborted();
  const child = runner.start(command, {
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    stdout: options.onOutput === undefined ? 'ignore' : 'pipe',
    ...(options.onStderr === undefined ? {} : { onStderr: options.onStderr }),
  });
  if (options.onOutput !== undefined) child.stdout?.on('data', options.onOutput);
  const stop = () => child.kill();
  options.signal?.addEventListener('abort', stop, { once: true });
  const timer = options.deadlineMs === undefined ? undefined : setTimeout(stop, options.deadlineMs);
  try {
    const [fed, exit] = await Promise.all([feed(child, options.input), child.ended]);
    if (fed !== undefined) throw fed;
    options.signal?.throwIfAborted();
    return exit;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', stop);
  }
}

/** Standard output and exit of a command whose output is small; anything over `maxBytes` is a Failure. */
export async function capture(runner: Runner, command: Command, options: RunOptions & { maxBytes?: number } = {}) {
  const chunks: Buffer[] = [];
  let size = 0;
  const limit = options.maxBytes ?? 16 * 1024 * 1024;
  const exit = await run(runner, command, {
    ...options,
    onOutput: (chunk) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
    },
  });
  if (size > limit) throw new Failure('internal', `${command.program} printed more than ${limit} bytes`);
  return { exit, stdout: Buffer.concat(chunks).toString('utf8') };
}

/** True only when the child ended by itself with status 0 (F1, F2). */
export function endedWell(exit: Exit): boolean {
  return exit.error === undefined && exit.code === 0 && exit.signal === null;
}

/** How a child ended, in words, with the last lines it said. */
export function describeExit(exit: Exit): string {
  const name = exit.program.split('/').at(-1);
  const how = exit.error
    ? `could not be started (${exit.error.message})`
    : exit.signal
      ? `was ended by ${exit.signal}`
      : `exited with status ${exit.code}`;
  const last = exit.stderr.trim().split('\n').slice(-5).join('\n');
  return last === '' ? `${name} ${how}` : `${name} ${how}: ${last}`;
}

/** Throws a Failure with the child's last words unless it ended well. */
export function requireGood(exit: Exit, code: FailureCode, remedy?: string): void {
  if (endedWell(exit)) return;
  throw new Failure(code, describeExit(exit), {
    ...(remedy === undefined ? {} : { remedy }),
    ...(exit.error === undefined ? {} : { cause: exit.error }),
  });
}

/** Feeds the child. Returns the input's own error; a child that stopped reading is none: its exit says why. */
async function feed(child: Child, input: AsyncIterable<Uint8Array> | undefined): Promise<unknown> {
  if (input === undefined || child.stdin === null) return undefined;
  let failed: unknown;
  const source = guarded(input, async (error) => {
    failed = error;
    // Ended before its input closes: a program that sees a plain end of input may call half a dump done (M2).
    child.kill();
    await child.ended;
  });
  try {
    await pour(source, child.stdin);
  } catch (error) {
    return failed ?? (child.pid === undefined ? error : undefined);
  }
  return failed;
}

/** The same chunks; `onError` hears of the input's own errors only, not of those the reader throws in. */
export async function* guarded(input: AsyncIterable<Uint8Array>, onError: (error: unknown) => Promise<void>) {
  const iterator = input[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch(async (error: unknown) => {
        await onError(error);
        throw error;
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
