import { Failure } from '../domain/failure.ts';
import type { DumpSession, Origin, Probe } from '../engines/engine.ts';
import { Channel } from './channel.ts';
import type { DumpWriter } from './copies.ts';
import { type FlowEnd, requireGoodEnds, startFlow } from './dump-flow.ts';
import { canDecrypt, encrypted } from './encrypt.ts';
import { type InStreamParse, startInStreamParse } from './in-stream-parse.ts';
import type { Consume } from './kernel-pipe.ts';
import type { BackupRequest, DumpNeeds } from './pipeline.ts';
import { type Stop, unlessStopped } from './stop.ts';
import type { StoredBytes } from './volume-writer.ts';
import { startWatchdog, tooBig } from './watchdog.ts';

export interface TransferJob {
  readonly request: BackupRequest;
  readonly session: DumpSession;
  readonly writer: DumpWriter;
  readonly stop: Stop;
  readonly probe: Probe;
}

/** What a dump that ended well has put into its parts; nothing of it is visible yet. */
export interface DumpedBytes {
  readonly plain: { readonly bytes: number; readonly sha256?: string };
  readonly stored: StoredBytes;
  /** Decoded and parsed to its end on the way. */
  readonly parsed: boolean;
}

/** Runs the dump into the writer. Resolves only when every process ended well and every part has landed. */
export async function transferDump(needs: DumpNeeds, job: TransferJob): Promise<DumpedBytes> {
  const { request, session, stop, writer } = job;
  const sink = await openSink(needs, job);
  try {
    const end = await runFlow(needs, job, sink);
    const plainBytes = requireGoodEnds(end, (stderr) => session.explain(stderr));
    requirePlausible({ ...end, plainBytes }, request, sink.bytes());
    await unlessStopped(stop.signal, sink.finish(plainBytes));
    const stored = await unlessStopped(stop.signal, writer.finish());
    const sha256 = end.plainSha256 === undefined ? {} : { sha256: end.plainSha256 };
    return { plain: { bytes: plainBytes, ...sha256 }, stored, parsed: sink.parsed };
  } catch (error) {
    stop.fail(error);
    await sink.fail(error);
    throw error;
  }
}

async function runFlow(needs: DumpNeeds, job: TransferJob, sink: Sink): Promise<FlowEnd> {
  const { request, session, stop, probe } = job;
  const { compression, rateLimit, plainHash } = request;
  const flow = await startFlow(needs.bench, {
    command: session.command,
    compression,
    rateLimit,
    plainHash,
    stop,
    consume: (chunk) => sink.write(chunk),
  });
  const end = startWatchdog({
    flow,
    request,
    stop,
    stored: () => sink.bytes(),
    progress: needs.progress,
    expected: probe.bytes,
  });
  try {
    return await flow.ended;
  } finally {
    end();
  }
}

interface GoodEnd extends FlowEnd {
  readonly plainBytes: number;
}

function requirePlausible(end: GoodEnd, { sizeCap }: BackupRequest, received: number): void {
  const { plainBytes } = end;
  if (plainBytes === 0) {
    throw new Failure('dump_incomplete', 'The dump tool ended well but wrote nothing (F5).', {
      remedy: 'Check what the backup user may see, and the include and exclude lists.',
    });
  }
  if (sizeCap !== undefined && plainBytes > sizeCap) throw tooBig(sizeCap);
  if (end.compressedBytes !== undefined && end.compressedBytes !== received) {
    throw new Failure('compressor_failed', `The compressor wrote ${end.compressedBytes} bytes, ${received} arrived.`, {
      remedy: 'Run the backup again; if this repeats, report it.',
    });
  }
}

/** Where compressed bytes go: straight into parts, or through encryption, and past a parser where nobody can parse later. */
interface Sink {
  readonly parsed: boolean;
  write: Consume;
  /** Compressed bytes taken so far. */
  bytes(): number;
  /** The compressed stream is whole. */
  finish(plainBytes: number): Promise<void>;
  fail(error: unknown): Promise<void>;
}

async function openSink(needs: DumpNeeds, job: TransferJob): Promise<Sink> {
  const { request, writer, stop } = job;
  if (request.recipients.length === 0) return directSink(writer, stop);
  const readable = await canDecrypt(request.recipients, needs.identities);
  const parse = readable ? undefined : startInStreamParse(needs, request.compression.algorithm, originOf(job));
  return encryptingSink(job, parse);
}

function directSink(writer: DumpWriter, stop: Stop): Sink {
  let bytes = 0;
  return {
    parsed: false,
    write(chunk) {
      bytes += chunk.length;
      const wait = writer.write(chunk);
      return wait === undefined ? undefined : unlessStopped(stop.signal, wait);
    },
    bytes: () => bytes,
    finish: async () => undefined,
    fail: async () => undefined,
  };
}

function encryptingSink({ request, writer, stop }: TransferJob, parse: InStreamParse | undefined): Sink {
  let bytes = 0;
  const channel = new Channel();
  const written = writeAll(encrypted(channel, request.recipients), writer);
  written.catch((error) => {
    stop.fail(error);
    channel.leave();
  });
  return {
    parsed: parse !== undefined,
    write(chunk) {
      bytes += chunk.length;
      // The reader's buffer is reused, and encryption and parser keep theirs for a while.
      const copy = Buffer.from(chunk);
      return unlessStopped(stop.signal, both(channel.write(copy), parse?.write(copy)));
    },
    bytes: () => bytes,
    async finish(plainBytes) {
      await Promise.all([channel.end(), parse?.finish(plainBytes)]);
      await written;
    },
    async fail(error) {
      channel.fail(error);
      await parse?.fail(error);
    },
  };
}

async function both(first: Promise<void>, second: Promise<void> | undefined): Promise<void> {
  await Promise.all([first, second]);
}

async function writeAll(source: AsyncIterable<Uint8Array>, writer: DumpWriter): Promise<void> {
  for await (const chunk of source) await writer.write(chunk);
}

function originOf({ request, session }: TransferJob): Origin {
  return {
    type: request.type,
    flavour: session.flavour,
    serverVersion: session.serverVersion,
    toolVersion: session.toolVersion,
    database: request.source.database,
    inventory: session.inventory,
  };
}
