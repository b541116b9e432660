import { isDeepStrictEqual } from 'node:util';

export type Fields = Readonly<Record<string, unknown>>;

/** One difference between a file and the service. */
export interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface Change {
  readonly action: 'create' | 'update' | 'verify' | 'remove';
  readonly kind: 'destination' | 'database' | 'schedule' | 'channel';
  readonly name: string;
  readonly fields: readonly FieldChange[];
}

/** A change, and how it is made. What it made that is shown only once is what it gives back. */
export interface Step extends Change {
  make(): Promise<Fields | undefined>;
}

/** Fields that differ; a missing one is undefined. Nested ones of `within` are compared one by one. */
export function differences(before: Fields, after: Fields): FieldChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((field) => {
    const change = { field, before: plain(before[field]), after: plain(after[field]) };
    return isDeepStrictEqual(change.before, change.after) ? [] : [change];
  });
}

/** As it travels: without what is undefined. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** The body of an update: what is gone is null. */
export function updateOf(changes: readonly FieldChange[]): Record<string, unknown> {
  return Object.fromEntries(changes.map(({ field, after }) => [field, after ?? null]));
}

const MARKS = { create: '+', update: '~', verify: '?', remove: '-' } as const;

/** As `--dry-run` prints it. */
export function changeLines({ action, kind, name, fields }: Change): string[] {
  return [
    `${MARKS[action]} ${action} ${kind} ${name}`,
    ...fields.map(({ field, before, after }) => `    ${field}: ${shown(before)} → ${shown(after)}`),
  ];
}

function shown(value: unknown): string {
  return value === undefined ? '(nothing)' : JSON.stringify(value);
}
