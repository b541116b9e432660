/** What a table or collection holds. */
export interface TableFacts {
  /** Exact row or document count. */
  readonly rows: number;
  /** Order-independent digest of the content, hex; absent where only counts were taken. */
  readonly digest?: string;
}

/**
 * Everything in a database that a backup must bring back, as plain names and digests: no content, no secret.
 * Two inventories of the same engine compare equal exactly when schema, values and content are equal.
 */
export interface Inventory {
  /** `<kind> <qualified name>` → digest (first 16 hex digits of SHA-256) of the object's definition, ACL and comment. */
  readonly objects: Readonly<Record<string, string>>;
  /** Qualified name → facts, for everything that holds rows or documents. */
  readonly tables: Readonly<Record<string, TableFacts>>;
  /** Values that live outside rows: `sequence public.s` → `41,true`. */
  readonly values: Readonly<Record<string, string>>;
  /** Database-level facts in clear: encoding, collation, owner, ACL, settings. */
  readonly facts: Readonly<Record<string, string>>;
}

export type DifferenceKind = 'missing' | 'extra' | 'changed';

/** One thing that is not the same on both sides. */
export interface Difference {
  readonly kind: DifferenceKind;
  /** `index public.orders_pkey`, `rows public.orders`, `content public.orders`, `value sequence public.s`, `fact owner`. */
  readonly what: string;
  readonly expected?: string;
  readonly found?: string;
}

/** Compares a copy with what was expected; an empty list means identical. Digests count only where both sides have one. */
export function differences(expected: Inventory, found: Inventory): Difference[] {
  return [
    ...mapDifferences('', expected.objects, found.objects),
    ...tableDifferences(expected.tables, found.tables),
    ...mapDifferences('value ', expected.values, found.values),
    ...mapDifferences('fact ', expected.facts, found.facts),
  ];
}

type Texts = Readonly<Record<string, string>>;

function mapDifferences(prefix: string, expected: Texts, found: Texts): Difference[] {
  const result: Difference[] = [];
  for (const name of sortedNames(expected, found)) {
    const want = own(expected, name);
    const have = own(found, name);
    if (want === have) continue;
    result.push(difference(`${prefix}${name}`, want, have));
  }
  return result;
}

function tableDifferences(expected: Inventory['tables'], found: Inventory['tables']): Difference[] {
  const result: Difference[] = [];
  for (const name of sortedNames(expected, found)) {
    const want = own(expected, name);
    const have = own(found, name);
    if (want?.rows !== have?.rows) {
      result.push(difference(`rows ${name}`, want?.rows.toString(), have?.rows.toString()));
    } else if (want?.digest !== undefined && have?.digest !== undefined && want.digest !== have.digest) {
      result.push(difference(`content ${name}`, want.digest, have.digest));
    }
  }
  return result;
}

/** Called with two different values, so never with two absent ones. */
function difference(what: string, expected: string | undefined, found: string | undefined): Difference {
  if (expected === undefined) return { kind: 'extra', what, found: String(found) };
  return found === undefined ? { kind: 'missing', what, expected } : { kind: 'changed', what, expected, found };
}

function sortedNames(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

/** Names come from databases: `__proto__` and `constructor` are names like any other. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
