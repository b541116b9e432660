import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../domain/failure.ts';
import type { Workbench } from '../engines/engine.ts';
import type { Child, Command, Exit } from '../process/child.ts';
import { pour } from '../process/pour.ts';
import { describeExit, endedWell, guarded, requireGood, run } from '../process/run.ts';
import { decompressedCount, decompressTransform, zstdDecompressCommand, zstdProgram } from './compressor.ts';
import type { Compression } from './pipeline.ts';
import { damaged } from './stored-bytes.ts';

type Algorithm = Compression['algorithm'];
type Bytes = AsyncIterable<Uint8Array>;

/** A killed program is gone after two seconds. */
const GONE_AFTER_MS = 3_000;

/** Decompresses a stream. Ends only when the source has ended without error and the decoder is content. */
export async function* decoded(bench: Workbench, source: Bytes, algorithm: Algorithm): AsyncGenerator<Uint8Array> {
  if (algorithm === 'none') {
    yield* source;
    return;
  }
  const program = algorithm === 'zstd' ? zstdProgram(bench) : undefined;
  if (program !== undefined) yield* decodedByChild(bench, source, program);
  else yield* decodedHere(source, algorithm);
}

export interface Poured {
  /** Last words of the command. */
  readonly stderr: string;
  /** Plain bytes, exact; undefined where only `decoded` could have counted them. */
  readonly plainBytes: number | undefined;
}

/** Plain bytes of a stream that nobody wants, exact; undefined where only `decoded` can count them. */
export async function countDecoded(bench: Workbench, source: Bytes, algorithm: Algorithm): Promise<number | undefined> {
  const program = algorithm === 'zstd' ? zstdProgram(bench) : undefined;
  if (program === undefined) return undefined;
  const child = bench.runner.start(zstdDecompressCommand(program), { stdin: 'pipe', stdout: 'ignore' });
  const stop = () => child.kill();
  bench.signal.addEventListener('abort', stop, { once: true });
  try {
    const [problem, exit] = await Promise.all([feed(child, source, async () => child.kill()), child.ended]);
    bench.signal.throwIfAborted();
    if (problem !== undefined) throw problem.error;
    requireDecoded(exit);
    return decompressedCount(exit.stderr);
  } finally {
    bench.signal.removeEventListener('abort', stop);
  }
}

/**
 * Decompresses into a command's standard input; zstd's bytes do not pass through this process. The command never sees an
 * ordinary end of input when the source fails: it is ended first, since programs take a plain end for success (M2).
 */
export async function decodedInto(
  bench: Workbench,
  source: Bytes,
  job: { readonly algorithm: Algorithm; readonly command: Command },
): Promise<Poured> {
  const program = job.algorithm === 'zstd' ? zstdProgram(bench) : undefined;
  if (program !== undefined) return pourByChild(bench, source, { program, command: job.command });
  let plainBytes = 0;
  async function* counted() {
    for await (const chunk of decoded(bench, source, job.algorithm)) {
      plainBytes += chunk.length;
      yield chunk;
    }
  }
  const exit = await run(bench.runner, job.command, { input: counted(), signal: bench.signal });
  requireGood(exit, 'restore_failed');
  return { stderr: exit.stderr, plainBytes };
}

async function* decodedByChild(bench: Workbench, source: Bytes, program: string): AsyncGenerator<Uint8Array> {
  const child = bench.runner.start(zstdDecompressCommand(program), { stdin: 'pipe', stdout: 'pipe' });
  const stop = () => child.kill();
  bench.signal.addEventListener('abort', stop, { once: true });
  if (bench.signal.aborted) stop();
  const fed = feed(child, source, async () => child.kill());
  try {
    if (child.stdout !== null) yield* child.stdout;
    const [problem, exit] = await Promise.all([fed, child.ended]);
    bench.signal.throwIfAborted();
    if (problem !== undefined) throw problem.error;
    requireDecoded(exit);
  } finally {
    bench.signal.removeEventListener('abort', stop);
    child.kill();
    await Promise.all([fed, child.ended]);
  }
}

async function* decodedHere(source: Bytes, algorithm: 'zstd' | 'gzip'): AsyncGenerator<Uint8Array> {
  let broken: { readonly error: unknown } | undefined;
  async function* watched() {
    try {
      yield* source;
    } catch (error) {
      broken = { error };
      throw error;
    }
  }
  const transform = decompressTransform(algorithm);
  const fed = pipeline(Readable.from(watched(), { objectMode: false }), transform).catch(() => undefined);
  try {
    yield* transform;
    await fed;
  } catch (error) {
    throw broken === undefined ? damaged('its content', 'cannot be decompressed', error) : broken.error;
  }
}

interface Pour {
  readonly program: string;
  readonly command: Command;
}

async function pourByChild(bench: Workbench, source: Bytes, { program, command }: Pour): Promise<Poured> {
  bench.signal.throwIfAborted();
  const zstd = bench.runner.start(zstdDecompressCommand(program), { stdin: 'pipe', stdout: 'pipe' });
  if (zstd.pid === undefined || zstd.stdout === null) throw notStarted(await zstd.ended);
  const consumer = bench.runner.start(command, { stdin: zstd.stdout, stdout: 'ignore' });
  zstd.stdout.destroy();
  const kill = async () => {
    consumer.kill();
    // A stranger that keeps its streams open is not waited for.
    await Promise.race([consumer.ended, sleep(GONE_AFTER_MS, undefined, { ref: false })]);
    zstd.kill();
  };
  const stop = () => void kill();
  bench.signal.addEventListener('abort', stop, { once: true });
  try {
    const [problem, decoder, exit] = await Promise.all([feed(zstd, source, kill), zstd.ended, consumer.ended]);
    bench.signal.throwIfAborted();
    if (problem !== undefined) throw problem.error;
    requireGood(exit, 'restore_failed');
    requireDecoded(decoder);
    return { stderr: exit.stderr, plainBytes: decompressedCount(decoder.stderr) };
  } finally {
    bench.signal.removeEventListener('abort', stop);
  }
}

function notStarted(exit: Exit): Failure {
  return new Failure('tool_missing', describeExit(exit), {
    remedy: 'Install zstd, or look at the limits of this machine.',
  });
}

/** The stored bytes were right, and yet do not decode: the compressor lied, or the file is no such file (F21, F72). */
function requireDecoded(exit: Exit): void {
  if (!endedWell(exit)) throw damaged('its content', `cannot be decompressed (${describeExit(exit).trim()})`);
}

/**
 * Feeds a child. When the source fails, `kill` runs before the child's input is closed, and the source's error is
 * returned. A child that stopped reading is no error here: its exit says why.
 */
async function feed(
  child: Child,
  source: Bytes,
  kill: () => Promise<void>,
): Promise<{ readonly error: unknown } | undefined> {
  const { stdin } = child;
  let failed: { readonly error: unknown } | undefined;
  const checked = guarded(source, async (error) => {
    failed = { error };
    await kill();
  });
  try {
    if (stdin !== null) await pour(checked, stdin);
  } catch {
    return failed;
  }
  return failed;
}
