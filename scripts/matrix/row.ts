/** What a row has to do for the matrix to be green. */
export type Expectation =
  /** The copy must be identical. */
  | 'works'
  /** Nothing may be restored, and the reason must be named. */
  | 'refused'
  /** Either, as long as nothing is lost without a word. */
  | 'honest';

/** One line of the table. A cell that was not reached is a dash. */
export interface Row {
  readonly server: string;
  readonly version: string;
  readonly tool: string;
  readonly backup: string;
  readonly level3: string;
  readonly restore: string;
  readonly seconds: number;
  readonly notes: string;
  /** Why the matrix is red because of this row. */
  readonly wrong: string | undefined;
}

export const HEADINGS = ['', 'server', 'version', 'tool', 'backup', 'level 3', 'restore', 'seconds', 'notes'] as const;

/** A row that came to nothing. */
export function failedRow(server: string, wrong: string): Row {
  return { server, ...BLANK_CELLS, version: '–', seconds: 0, wrong };
}

/** Cells of what was not reached. */
export const BLANK_CELLS = { tool: '–', backup: '–', level3: '–', restore: '–', notes: '', wrong: undefined } as const;

/** The row as cells under the headings. */
export function cellsOf(row: Row): string[] {
  const { server, version, tool, backup, level3, restore, seconds, notes, wrong } = row;
  const all = wrong === undefined ? notes : `${wrong}${notes === '' ? '' : `; ${notes}`}`;
  return [wrong === undefined ? '✔' : '✘', server, version, tool, backup, level3, restore, seconds.toFixed(1), all];
}

export interface Outcome {
  /** The code and sentence of a refusal; undefined where the restore was done. */
  readonly refusal: string | undefined;
  /** What the copy lacks or holds otherwise than the source: rows, content, objects. */
  readonly losses: readonly string[];
  /** Whether a refused restore left its database on the target. */
  readonly leftover: boolean;
}

/** Why this outcome is not what had to happen; undefined where it is. */
export function judge(expected: Expectation, { refusal, losses, leftover }: Outcome): string | undefined {
  if (leftover) return 'a refused restore left its database behind';
  if (refusal !== undefined) return expected === 'works' ? `must work, but ${refusal}` : undefined;
  if (expected === 'refused') return 'must be refused, but was accepted';
  return losses.length === 0 ? undefined : `lost without a word: ${shortList(losses)}`;
}

/** The first three, and how many more. */
export function shortList(items: readonly string[]): string {
  const more = items.length > 3 ? ` and ${items.length - 3} more` : '';
  return items.slice(0, 3).join(', ') + more;
}

const LONGEST = 240;

/** A message as one line that fits a table: its head, and what the tool itself calls the error. */
export function oneLine(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  const error = lines.find((line) => /^(?:ERROR|pg_restore: error|FATAL)/.test(line));
  const head = (lines[0] ?? '').split(': ').slice(0, 2).join(': ');
  const text = error === undefined || lines.length === 1 ? lines.join(' ') : `${head}: ${error}`;
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}
