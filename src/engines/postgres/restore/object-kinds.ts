import type { TocEntry } from '../archive/toc.ts';
import { shownName, shownQualified } from '../names.ts';

/** An archive's words for kinds → an inventory's. What is not here is its archive name in lower case. */
const KINDS: Readonly<Record<string, string>> = {
  'FK CONSTRAINT': 'constraint',
  'CHECK CONSTRAINT': 'constraint',
  'PROCEDURAL LANGUAGE': 'language',
  SERVER: 'foreign server',
  'PUBLICATION TABLES IN SCHEMA': 'publication schema',
  'SHELL TYPE': 'base type',
};

/** Types are one kind in an archive and several in an inventory. */
const TYPE_KINDS = ['enum', 'range', 'composite type', 'base type'] as const;
const BARE = new Set([
  'SCHEMA',
  'EXTENSION',
  'PROCEDURAL LANGUAGE',
  'ACCESS METHOD',
  'EVENT TRIGGER',
  'FOREIGN DATA WRAPPER',
  'SERVER',
  'PUBLICATION',
  'SUBSCRIPTION',
]);
const ON_TABLE = new Set(['CONSTRAINT', 'FK CONSTRAINT', 'CHECK CONSTRAINT', 'TRIGGER', 'RULE', 'POLICY']);
const ROUTINES = new Set(['FUNCTION', 'PROCEDURE', 'AGGREGATE']);
const LARGE_OBJECTS = new Set(['BLOB', 'BLOBS', 'BLOB METADATA']);

/** Finds for an archive's entries the names that an inventory has for them. */
export class Naming {
  readonly #byId: ReadonlyMap<number, TocEntry>;

  constructor(entries: readonly TocEntry[]) {
    this.#byId = new Map(entries.map((entry) => [entry.id, entry]));
  }

  /** Inventory names of the object itself; several where the archive does not tell which. */
  names(entry: TocEntry): string[] {
    const kind = KINDS[entry.kind] ?? entry.kind.toLowerCase();
    if (entry.kind === 'TYPE') return TYPE_KINDS.map((type) => `${type} ${shownQualified(entry.schema, entry.tag)}`);
    if (LARGE_OBJECTS.has(entry.kind)) return ['large objects'];
    if (BARE.has(entry.kind)) return [`${kind} ${shownName(entry.tag)}`];
    if (ON_TABLE.has(entry.kind)) return [this.#onTable(kind, entry)];
    if (ROUTINES.has(entry.kind)) return routineNames(entry);
    return [special(entry) ?? `${kind} ${shownQualified(entry.schema, entry.tag)}`];
  }

  /** Everything that an inventory says of an object, for one that is not there. */
  everything(entry: TocEntry): string[] {
    return ['', 'owner ', 'acl ', 'comment ', 'query ', 'version of ', 'tablespace '].flatMap((part) =>
      this.part(entry, part),
    );
  }

  /** `owner table public.t` and the like. */
  part(entry: TocEntry, prefix: string): string[] {
    return this.names(entry).map((name) => `${prefix}${name}`);
  }

  /** The object that a comment, an access list or a label hangs on. */
  object(entry: TocEntry): TocEntry | undefined {
    return entry.dependsOn.map((id) => this.#byId.get(id)).find((found) => found !== undefined);
  }

  /** The entry's tag is the table's name, a space and its own. */
  #onTable(kind: string, entry: TocEntry): string {
    const candidates = entry.dependsOn
      .map((id) => this.#byId.get(id)?.tag ?? '')
      .filter((tag) => entry.tag.startsWith(`${tag} `));
    const table = candidates.sort((a, b) => b.length - a.length)[0] ?? entry.tag.split(' ')[0] ?? '';
    return `${kind} ${shownName(entry.tag.slice(table.length + 1))} on ${shownQualified(entry.schema, table)}`;
  }
}

/** `add(integer, integer)` → `app.add(integer,integer)`; a window function is a function in an archive. */
function routineNames({ kind, schema, tag }: TocEntry): string[] {
  const open = tag.lastIndexOf('(');
  const types = tag
    .slice(open + 1, -1)
    .replaceAll(', ', ',')
    .replace(/^\*$/, '');
  const name = `${shownQualified(schema, tag.slice(0, open))}(${types})`;
  return kind === 'FUNCTION' ? [`function ${name}`, `window function ${name}`] : [`${kind.toLowerCase()} ${name}`];
}

/** Kinds whose inventory name stands in the tag or definition in another form. */
function special(entry: TocEntry): string | undefined {
  const { kind, tag, schema, definition } = entry;
  const option = (word: string) =>
    new RegExp(`\\b${word} = ([^,\\n]+?),?\\n`).exec(`${definition}\n`)?.[1]?.replace(/\s*\);?$/, '');
  const method = /\bUSING (\S+?)[\s;]/.exec(definition)?.[1] ?? '';
  switch (kind) {
    case 'OPERATOR':
      return `operator ${shownName(schema)}.${tag}(${option('LEFTARG') ?? ''},${option('RIGHTARG') ?? ''})`;
    case 'OPERATOR CLASS':
    case 'OPERATOR FAMILY':
      return `${kind.toLowerCase()} ${shownQualified(schema, tag)} using ${method}`;
    case 'CAST':
      return `cast ${tag.replace(/^CAST /, '')}`;
    case 'TRANSFORM':
      return tag.replace(/^TRANSFORM FOR (.*) LANGUAGE "?(.*?)"?$/s, 'transform for $1 language $2');
    case 'USER MAPPING':
      return tag.replace(/^USER MAPPING (.*) SERVER (.*)$/s, 'user mapping $1 on $2');
    case 'PUBLICATION TABLE':
      return `publication table ${shownQualified(schema, tag.slice(tag.indexOf(' ') + 1))} in ${tag.split(' ')[0]}`;
    case 'PUBLICATION TABLES IN SCHEMA':
      return `publication schema ${tag.slice(tag.indexOf(' ') + 1)} in ${tag.split(' ')[0]}`;
    case 'DEFAULT ACL':
      return 'default acl *';
    default:
      return undefined;
  }
}

/** For people: `table public.orders`. */
export function words(entry: TocEntry): string {
  const place = entry.schema === '' || entry.schema === '-' ? '' : `${entry.schema}.`;
  return `${entry.kind.toLowerCase()} ${place}${entry.tag}`;
}
