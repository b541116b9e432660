import { Failure } from '../../../domain/failure.ts';
import type { Tool } from '../../../process/tools.ts';

/**
 * Settings that newer client programs put at the head of every restore and older servers do not know. Exactly these lines
 * are left out for such a server; any other error still stops the restore.
 */
export const UNKNOWN_SETTINGS: readonly {
  readonly line: string;
  readonly sinceClient: number;
  readonly sinceServer: number;
}[] = [{ line: 'SET transaction_timeout = 0;', sinceClient: 17, sinceServer: 17 }];

/** Lines to leave out when this client restores into a server of that major; empty when it may restore by itself. */
export function linesToDrop(client: number, server: number): string[] {
  return UNKNOWN_SETTINGS.filter(({ sinceClient, sinceServer }) => client >= sinceClient && server < sinceServer).map(
    ({ line }) => line,
  );
}

/** The head of a script ends where its first entry begins; a line like these further down is someone's data. */
const HEAD_END = /^--\n-- (?:TOC entry|Name: |Data for Name: |Dependencies: )/m;
const LONGEST_HEAD = 64 * 1024;

/** Passes a script on without the given lines in its head. */
export async function* withoutLines(script: AsyncIterable<Buffer>, lines: readonly string[]): AsyncGenerator<Buffer> {
  let head = '';
  let inHead = true;
  for await (const chunk of script) {
    if (!inHead) {
      yield chunk;
      continue;
    }
    head += chunk.toString('latin1');
    const end = HEAD_END.exec(head)?.index;
    if (end === undefined && head.length < LONGEST_HEAD) continue;
    inHead = false;
    yield Buffer.from(dropped(head.slice(0, end ?? 0), lines) + head.slice(end ?? 0), 'latin1');
  }
  if (inHead) yield Buffer.from(dropped(head, lines), 'latin1');
}

function dropped(head: string, lines: readonly string[]): string {
  return head
    .split('\n')
    .filter((line) => !lines.includes(line))
    .join('\n');
}

export function requireSqlClient(psql: Tool | undefined, restore: Tool): Tool {
  if (psql !== undefined) return psql;
  throw new Failure(
    'tool_missing',
    `There is no psql beside pg_restore ${restore.version}, and an older server needs it.`,
    {
      remedy: 'Install psql of the same version.',
    },
  );
}
