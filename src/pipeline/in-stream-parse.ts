import { Failure } from '../domain/failure.ts';
import type { Origin, ParseReport, Plain } from '../engines/engine.ts';
import { Channel } from './channel.ts';
import { decoded, decodedInto } from './decoder.ts';
import type { Compression, Needs } from './pipeline.ts';

/** Decodes and parses a backup while it is being written, for readers who will never be able to (product.md §6). */
export interface InStreamParse {
  /** Compressed bytes, before encryption; resolves when they have been taken. */
  write(chunk: Uint8Array): Promise<void>;
  /** The stream is whole: waits for the parser. A Failure when it does not decode or parse to `plainBytes`. */
  finish(plainBytes: number): Promise<ParseReport>;
  /** The stream will never be whole. */
  fail(error: unknown): Promise<void>;
}

type ParseNeeds = Pick<Needs, 'bench' | 'engine'>;

export function startInStreamParse(
  needs: ParseNeeds,
  algorithm: Compression['algorithm'],
  origin: Origin,
): InStreamParse {
  const channel = new Channel();
  const counted = { bytes: 0 };
  const report = needs.engine.parse(needs.bench, plainOnce(needs, { channel, algorithm, counted }), origin);
  // Met in `finish`; a parser that failed early lets the bytes run past it.
  report.catch(() => channel.leave());
  return {
    write: (chunk) => channel.write(chunk),
    async finish(plainBytes) {
      await channel.end();
      const result = await report;
      if (counted.bytes === plainBytes) return result;
      throw new Failure(
        'dump_incomplete',
        `Only ${counted.bytes} of ${plainBytes} bytes could be decoded and parsed.`,
        {
          remedy: 'Run the backup again; nothing was stored of this one.',
        },
      );
    },
    async fail(error) {
      channel.fail(error);
      await report.catch(() => undefined);
    },
  };
}

interface Once {
  readonly channel: Channel;
  readonly algorithm: Compression['algorithm'];
  readonly counted: { bytes: number };
}

function plainOnce({ bench }: ParseNeeds, { channel, algorithm, counted }: Once): Plain {
  let opened = false;
  const open = () => {
    if (opened) throw new Failure('internal', 'A stream that is being written can be parsed only once.');
    opened = true;
    return channel;
  };
  return {
    async *bytes() {
      for await (const chunk of decoded(bench, open(), algorithm)) {
        counted.bytes += chunk.length;
        yield chunk;
      }
    },
    async into(command) {
      const { stderr, plainBytes } = await decodedInto(bench, open(), { algorithm, command });
      counted.bytes = plainBytes ?? 0;
      return { stderr };
    },
  };
}
