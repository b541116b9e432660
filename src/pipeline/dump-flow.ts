import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../domain/failure.ts';
import type { Workbench } from '../engines/engine.ts';
import type { Child, Command, Exit } from '../process/child.ts';
import { describeExit, endedWell } from '../process/run.ts';
import { compressedCounts, compressTransform, consumedSoFar, zstdCompressCommand, zstdProgram } from './compressor.ts';
import { type Consume, type Outlet, openOutlet } from './kernel-pipe.ts';
import type { Compression } from './pipeline.ts';
import { batched, PlainGate } from './plain-gate.ts';
import { type Stop, unlessStopped } from './stop.ts';

export interface FlowJob {
  readonly command: Command;
  readonly compression: Compression;
  readonly rateLimit: number | undefined;
  readonly plainHash: boolean;
  /** Pulled by the flow's own errors too; once pulled, every process is ended. */
  readonly stop: Stop;
  /** Takes the compressed bytes. */
  readonly consume: Consume;
}

/** How a dump's processes ended. */
export interface FlowEnd {
  readonly dump: Exit;
  readonly compressor: Exit | undefined;
  /** Exact; undefined where the compressor did not get to its end. */
  readonly plainBytes: number | undefined;
  readonly plainSha256: string | undefined;
  /** Bytes the compressor says it wrote. */
  readonly compressedBytes: number | undefined;
}

/** A dump under way: its processes, and what came out of them so far. */
export interface Flow {
  /** Rejects with the stop's reason; a bad exit alone is no rejection. */
  readonly ended: Promise<FlowEnd>;
  /** Plain bytes so far, for progress and the watchdog: about, not exact. */
  plainSoFar(): number;
}

/** After a stop, how long the processes get to be gone; a stranger that holds their streams open is not waited for. */
const GONE_AFTER_MS = 5_000;

/**
 * Starts the dump and its compressor. No plain byte enters this process unless a limit, a hash, or the lack of a zstd
 * program asks for it: the dump's own socket becomes the compressor's standard input.
 */
export async function startFlow(bench: Workbench, job: FlowJob): Promise<Flow> {
  job.stop.check();
  const program = job.compression.algorithm === 'zstd' ? zstdProgram(bench) : undefined;
  if (program === undefined) return innerFlow(bench, job);
  const zstd = zstdCompressCommand(program, job.compression.level);
  const outlet = await openOutlet(bench);
  const parts = { bench, job, zstd, outlet };
  return job.rateLimit === undefined && !job.plainHash ? handedFlow(parts) : pacedFlow(parts);
}

interface FlowParts {
  readonly bench: Workbench;
  readonly job: FlowJob;
  readonly zstd: Command;
  readonly outlet: Outlet;
}

function handedFlow({ bench, job, zstd, outlet }: FlowParts): Flow {
  const dump = bench.runner.start(job.command, { stdout: 'pipe' });
  const output = outputOf(dump);
  if (output === null) return neverStarted(job, dump, outlet);
  let reported = 0;
  const compressor = bench.runner.start(zstd, {
    stdin: output,
    stdout: outlet.stdout,
    onStderr: (text) => {
      reported = consumedSoFar(text) ?? reported;
    },
  });
  // In this very tick: a copy kept here would read bytes away, and a killed compressor would leave the dump hanging.
  output.destroy();
  const ended = collect(job, { dump, compressor, work: drained(job, compressor, outlet) });
  return { ended, plainSoFar: () => bytesReadBy(compressor.pid) ?? reported };
}

/** Plain bytes pass through here, to be paced or hashed. */
function pacedFlow({ bench, job, zstd, outlet }: FlowParts): Flow {
  const dump = bench.runner.start(job.command, { stdout: 'pipe' });
  const output = outputOf(dump);
  if (output === null) return neverStarted(job, dump, outlet);
  const gate = gateOf(job);
  const compressor = bench.runner.start(zstd, { stdin: 'pipe', stdout: outlet.stdout });
  const { stdin } = compressor;
  const fed = stdin && pipeline(gate.through(output), stdin).catch(() => gate.check());
  const work = Promise.all([fed, drained(job, compressor, outlet)]);
  return { ended: collect(job, { dump, compressor, work, gate }), plainSoFar: () => gate.bytes };
}

/** gzip, no compression, or zstd without a zstd program: all in this process. */
function innerFlow(bench: Workbench, job: FlowJob): Flow {
  const dump = bench.runner.start(job.command, { stdout: 'pipe' });
  const output = outputOf(dump);
  if (output === null) return neverStarted(job, dump, undefined);
  const gate = gateOf(job);
  const plain = gate.through(output);
  const work =
    job.compression.algorithm === 'none'
      ? consumeAll(plain, job)
      : pipeline(batched(plain), compressTransform(job.compression), (source) => consumeAll(source, job));
  return { ended: collect(job, { dump, work, gate }), plainSoFar: () => gate.bytes };
}

/** What a dump writes; null where it could not be started, whatever became of its pipes. */
function outputOf(dump: Child): Readable | null {
  return dump.pid === undefined ? null : dump.stdout;
}

function gateOf({ plainHash, rateLimit, stop }: FlowJob): PlainGate {
  return new PlainGate({ hash: plainHash, rateLimit, signal: stop.signal });
}

async function consumeAll(source: AsyncIterable<Buffer>, { consume }: FlowJob): Promise<void> {
  for await (const chunk of source) await consume(chunk);
}

function drained({ consume }: FlowJob, compressor: Child, outlet: Outlet): Promise<void> {
  if (compressor.pid !== undefined) return outlet.drain(compressor, consume);
  outlet.close();
  return Promise.resolve();
}

function neverStarted(job: FlowJob, dump: Child, outlet: Outlet | undefined): Flow {
  outlet?.close();
  return { ended: collect(job, { dump, work: Promise.resolve() }), plainSoFar: () => 0 };
}

interface Started {
  readonly dump: Child;
  readonly compressor?: Child;
  /** Everything this process does with the bytes. */
  readonly work: Promise<unknown>;
  readonly gate?: PlainGate;
}

async function collect(job: FlowJob, started: Started): Promise<FlowEnd> {
  const { signal } = job.stop;
  const kill = () => {
    started.dump.kill();
    started.compressor?.kill();
  };
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  const work = started.work.catch((error) => job.stop.fail(error));
  const all = Promise.all([started.dump.ended, started.compressor?.ended, work]);
  try {
    const [dump, compressor] = await unlessStopped(signal, all).catch(async (error: unknown) => {
      await Promise.race([all, sleep(GONE_AFTER_MS, undefined, { ref: false })]);
      throw error;
    });
    return flowEnd(started, dump, compressor);
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

function flowEnd({ gate }: Started, dump: Exit, compressor: Exit | undefined): FlowEnd {
  const counts = compressor === undefined ? undefined : compressedCounts(compressor.stderr);
  return {
    dump,
    compressor,
    plainBytes: gate?.bytes ?? counts?.plain,
    plainSha256: gate?.sha256(),
    compressedBytes: counts?.stored,
  };
}

/** The exact plain bytes; throws unless both processes ended well. A dead compressor is the cause of the dump's SIGPIPE, not its victim (F3). */
export function requireGoodEnds(end: FlowEnd, explain: (stderr: string) => Error | undefined): number {
  const { dump, compressor } = end;
  if (compressor !== undefined && !endedWell(compressor)) {
    throw new Failure('compressor_failed', describeExit(compressor), {
      remedy: 'Look at memory and limits of this machine, or choose another compression.',
    });
  }
  if (!endedWell(dump)) {
    throw (
      explain(dump.stderr) ??
      new Failure('dump_failed', describeExit(dump), {
        remedy: 'See the last lines of the dump tool; nothing was stored.',
      })
    );
  }
  if (end.plainBytes === undefined) {
    throw new Failure('compressor_failed', 'The compressor did not say how many bytes it had read.', {
      remedy: 'Install zstd 1.4.4 or newer, or choose another compression.',
    });
  }
  return end.plainBytes;
}

/** What the kernel says a process has read; undefined where it does not say. */
function bytesReadBy(pid: number | undefined): number | undefined {
  try {
    return Number(/^rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}
