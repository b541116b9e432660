import { Failure } from '../../../domain/failure.ts';
import { shownQualified } from '../names.ts';

export interface Named {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
}

export interface Filter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Whether a filter names anything. */
export function isFiltered({ include, exclude }: Filter): boolean {
  return include.length > 0 || exclude.length > 0;
}

/**
 * The tables that a pattern means. A pattern that is a table's very name (`schema.name`, as inventories write it, or the
 * bare name) means that one, whatever characters it holds; otherwise `*` and `?` stand for any characters or one.
 */
export function matching<Item extends Named>(pattern: string, tables: readonly Item[]): Item[] {
  const exact = tables.filter((table) => spellings(table).includes(pattern));
  if (exact.length > 0 || !/[*?]/.test(pattern)) return exact;
  const expression = new RegExp(`^${[...pattern].map(toExpression).join('')}$`, 'su');
  return tables.filter((table) => spellings(table).some((spelling) => expression.test(spelling)));
}

/**
 * The tables to keep of all; parts go with what they are part of. A pattern that means none is refused: a typing error
 * must not become an empty backup.
 */
export function selected<Item extends Named & { readonly partOf: readonly string[] }>(
  tables: readonly Item[],
  filter: Filter,
): Item[] {
  const included = filter.include.length === 0 ? tables : tables.filter(among(filter.include, tables));
  const excluded = among(filter.exclude, tables);
  return included.filter((table) => !excluded(table));
}

function among(patterns: readonly string[], tables: readonly Named[]) {
  const ids = new Set(patterns.flatMap((pattern) => requireMatch(pattern, tables).map(({ id }) => id)));
  return ({ id, partOf }: { readonly id: string; readonly partOf: readonly string[] }) =>
    ids.has(id) || partOf.some((whole) => ids.has(whole));
}

function requireMatch<Item extends Named>(pattern: string, tables: readonly Item[]): Item[] {
  const found = matching(pattern, tables);
  if (found.length > 0) return found;
  throw new Failure('usage', `No table matches ${JSON.stringify(pattern)}.`, {
    remedy: 'Give schema.table, exactly as it is spelt, or a pattern with * and ?.',
  });
}

function spellings({ schema, name }: Named): string[] {
  return [shownQualified(schema, name), `${schema}.${name}`, name];
}

function toExpression(character: string): string {
  if (character === '*') return '.*';
  if (character === '?') return '.';
  return character.replace(/[\\^$.|+()[\]{}/]/, '\\$&');
}

/** A name in pg_dump's pattern language that means exactly itself. */
export function exactPattern({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `"${schema.replaceAll('"', '""')}"."${name.replaceAll('"', '""')}"`;
}
