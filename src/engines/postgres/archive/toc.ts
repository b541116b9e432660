import { damaged, type Fields, intBytes, textBytes } from './fields.ts';

/** First bytes of every archive that pg_dump writes, except plain text and tar. */
export const MAGIC = 'PGDMP';

/** Archive format versions (1.x) of PostgreSQL 12 to 18. */
const OLDEST_FORMAT = 14;
const NEWEST_FORMAT = 16;
const CUSTOM = 1;
const MOST_ENTRIES = 50_000_000;

export type Compression = 'none' | 'gzip' | 'lz4' | 'zstd';
const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'lz4', 'zstd'];

export interface ArchiveHead {
  /** 14, 15 or 16 of format 1.x. */
  readonly format: number;
  readonly intSize: number;
  readonly offsetSize: number;
  readonly compression: Compression;
  readonly database: string | undefined;
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly entries: number;
}

/** One thing in an archive: what it is, how it is made and dropped, and whether data follow. */
export interface TocEntry {
  readonly id: number;
  readonly tag: string;
  /** `TABLE`, `TABLE DATA`, `ACL`, `COMMENT` … */
  readonly kind: string;
  readonly definition: string;
  readonly drop: string;
  readonly copy: string;
  readonly schema: string;
  readonly tablespace: string;
  readonly owner: string;
  readonly dependsOn: readonly number[];
  readonly hasData: boolean;
  /** The other fields as they were read, for writing the entry again. */
  readonly rest: {
    readonly hadDumper: number;
    readonly tableId: string | undefined;
    readonly objectId: string | undefined;
    readonly section: number;
    readonly method: string | undefined;
    readonly relationKind: number;
    readonly withOids: string | undefined;
    /** `undefined` texts in their order: which of definition, drop, copy, schema, tablespace, owner were absent. */
    readonly absent: readonly boolean[];
  };
}

export function readHead(fields: Fields): ArchiveHead {
  if (fields.bytes(MAGIC.length).toString('latin1') !== MAGIC) throw damaged('it does not begin like one');
  const format = readFormat(fields);
  const intSize = fields.byte();
  const offsetSize = fields.byte();
  if (intSize !== 4 || offsetSize < 4 || offsetSize > 8) throw damaged('its number sizes are impossible');
  fields.intSize = intSize;
  fields.offsetSize = offsetSize;
  if (fields.byte() !== CUSTOM) throw damaged('it is not in custom format');
  const compression = readCompression(fields, format);
  for (let part = 0; part < 7; part += 1) fields.int();
  const database = fields.text();
  const serverVersion = fields.text() ?? '';
  const toolVersion = fields.text() ?? '';
  const entries = fields.int();
  if (entries < 0 || entries > MOST_ENTRIES) throw damaged('its number of entries is impossible');
  return { format, intSize, offsetSize, compression, database, serverVersion, toolVersion, entries };
}

function readFormat(fields: Fields): number {
  const major = fields.byte();
  const format = fields.byte();
  fields.byte();
  if (major === 1 && format >= OLDEST_FORMAT && format <= NEWEST_FORMAT) return format;
  throw damaged(`its format ${major}.${format} is not one from 1.${OLDEST_FORMAT} to 1.${NEWEST_FORMAT}`);
}

function readCompression(fields: Fields, format: number): Compression {
  if (format < 15) return fields.int() === 0 ? 'none' : 'gzip';
  const compression = COMPRESSIONS[fields.byte()];
  if (compression === undefined) throw damaged('its compression is unknown');
  return compression;
}

export function readEntry(fields: Fields, head: ArchiveHead): TocEntry {
  const id = fields.int();
  if (id <= 0) throw damaged('an entry has no number');
  const hadDumper = fields.int();
  const tableId = fields.text();
  const objectId = fields.text();
  const tag = fields.text() ?? '';
  const kind = fields.text() ?? '';
  const section = fields.int();
  const definition = fields.text();
  const drop = fields.text();
  const copy = fields.text();
  const schema = fields.text();
  const tablespace = fields.text();
  const method = fields.text();
  const relationKind = head.format >= 16 ? fields.int() : 0;
  const owner = fields.text();
  const withOids = fields.text();
  const dependsOn = readDependencies(fields);
  const hasData = fields.offset() !== 'none';
  const absent = [definition, drop, copy, schema, tablespace, owner].map((text) => text === undefined);
  return {
    id,
    tag,
    kind,
    definition: definition ?? '',
    drop: drop ?? '',
    copy: copy ?? '',
    schema: schema ?? '',
    tablespace: tablespace ?? '',
    owner: owner ?? '',
    dependsOn,
    hasData,
    rest: { hadDumper, tableId, objectId, section, method, relationKind, withOids, absent },
  };
}

function readDependencies(fields: Fields): number[] {
  const ids: number[] = [];
  for (let text = fields.text(); text !== undefined; text = fields.text()) {
    const id = Number(text);
    if (!Number.isSafeInteger(id)) throw damaged('a dependency is no number');
    ids.push(id);
  }
  return ids;
}

/** The entry as it stands in an archive of this format, its data position unknown: readers then look for the data. */
export function entryBytes(entry: TocEntry, head: ArchiveHead): Buffer {
  const { rest } = entry;
  const int = (value: number) => intBytes(value, head.intSize);
  const text = (value: string | undefined) => textBytes(value, head.intSize);
  const kept = (value: string, index: number) => text(value === '' && rest.absent[index] ? undefined : value);
  return Buffer.concat([
    int(entry.id),
    int(rest.hadDumper),
    text(rest.tableId),
    text(rest.objectId),
    text(entry.tag),
    text(entry.kind),
    int(rest.section),
    kept(entry.definition, 0),
    kept(entry.drop, 1),
    kept(entry.copy, 2),
    kept(entry.schema, 3),
    kept(entry.tablespace, 4),
    text(rest.method),
    head.format >= 16 ? int(rest.relationKind) : Buffer.alloc(0),
    kept(entry.owner, 5),
    text(rest.withOids),
    ...entry.dependsOn.map((id) => text(String(id))),
    text(undefined),
    Buffer.from([entry.hasData ? 1 : 3, ...new Array<number>(head.offsetSize).fill(0)]),
  ]);
}
