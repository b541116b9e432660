import { Failure } from '../../../domain/failure.ts';
import type { Exit } from '../../../process/child.ts';
import { describeExit, endedWell, run } from '../../../process/run.ts';
import type { Origin, ParseReport, Plain, Workbench } from '../../engine.ts';
import { readThroughCommand } from '../commands.ts';
import { parseGlobals } from '../globals/parse.ts';
import { clientFor, majorOf } from '../programs.ts';
import { collectContents } from './contents.ts';
import { cutShort, damaged } from './fields.ts';
import { ArchiveScanner } from './scanner.ts';
import { countByScript } from './script-counts.ts';
import { MAGIC } from './toc.ts';

/** The archive format's oldest reader that is still maintained; newer ones read all older archives. */
const OLDEST_READER = 14;

/**
 * Reads a dump to its last byte, twice over in one pass: by pg_restore, whose format it is, and by a scanner of ours,
 * which counts and digests rows and is content with nothing but the exact end.
 */
export async function parse(bench: Workbench, plain: Plain, wish: Origin): Promise<ParseReport> {
  if (wish.type === 'globals') return parseGlobals(plain, wish);
  const tool = clientFor(bench.tools, 'pg_restore', majorOf(wish.toolVersion) || OLDEST_READER);
  const digests = wish.digests !== false;
  const contents = collectContents(digests);
  const scanner = new ArchiveScanner(contents.listener);
  const feed = sharedFeed(plain, scanner);
  try {
    const exit = await run(bench.runner, readThroughCommand(tool), { input: feed.chunks(), signal: bench.signal });
    // The tool stops reading where it has what it wants; what follows must still be right, and nothing may follow the end.
    await feed.drain();
    if (!endedWell(exit)) throw refused(exit);
  } finally {
    await feed.close();
  }
  if (scanner.head?.compression !== 'none') {
    return countByScript(bench, plain, { tool, digests, values: contents.values });
  }
  return { tables: contents.tables, values: contents.values, warnings: [] };
}

/** One pass over the dump that two readers share: each chunk is seen by the scanner before the tool gets it. */
function sharedFeed(plain: Plain, scanner: ArchiveScanner) {
  const source = plain.bytes()[Symbol.asyncIterator]();
  let done = false;
  let first = true;

  async function next(): Promise<Uint8Array | undefined> {
    const result = await source.next();
    if (result.done === true) {
      done = true;
      scanner.end();
      return undefined;
    }
    if (first) requireArchive(result.value);
    first = false;
    scanner.push(result.value);
    return result.value;
  }

  return {
    async *chunks() {
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
    },
    async drain(): Promise<void> {
      while (!done) await next();
    },
    async close(): Promise<void> {
      if (!done) await source.return?.();
    },
  };
}

/** An archive in custom format is what pg_dump writes for us; other forms are named with the way to get there. */
export function requireArchive(chunk: Uint8Array): void {
  const start = Buffer.from(chunk.subarray(0, MAGIC.length)).toString('latin1');
  if (start !== '' && MAGIC.startsWith(start)) return;
  if (/^[\s-]|^\\/.test(start)) {
    throw new Failure('usage', 'The dump is plain SQL, which may do anything to the server it is run on (F71).', {
      remedy: 'Make it again with pg_dump --format=custom; or review it and run it with psql yourself.',
    });
  }
  throw damaged('it is no archive in custom format');
}

function refused(exit: Exit): Failure {
  const words = describeExit(exit);
  return /end of file|could not read/i.test(words) ? cutShort(words) : damaged(words);
}
