export type BackupType = 'full' | 'schema' | 'data' | 'globals';

/** What was promised about the moment the dump shows. */
export type Consistency = 'snapshot' | 'partial' | 'fuzzy';

/**
 * How sure we are of a backup. `sealed`: object and manifest exist. `stored`: re-read, hashes equal (level 1).
 * `good`: decoded and parsed to the end (level 2) or restored and compared (level 3).
 */
export type BackupStatus = 'sealed' | 'stored' | 'good' | 'suspect' | 'lost' | 'archived' | 'deleted';

export type Level = 0 | 1 | 2 | 3;

/** The status a verified level stands for. Only levels 2 and 3 are `good`. */
export function statusOfLevel(level: Level): BackupStatus {
  if (level >= 2) return 'good';
  return level === 1 ? 'stored' : 'sealed';
}

const SLUG_LENGTH = 40;

/** A database's name as a safe, readable piece of an object key; the id behind it makes it unique. */
export function slug(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
  return plain.slice(0, SLUG_LENGTH) || 'database';
}

/** A destination, for people; of an entry that stands for all databases with the one that is meant, or with what belongs to none. */
export function copyName(destination: string, databaseName?: string): string {
  if (databaseName === undefined) return destination;
  return `${destination}, ${databaseName === '' ? 'roles and settings' : `database ${databaseName}`}`;
}

/** `2026/11/24T103000Z-<run>`: sorts by time within a database's folder. */
export function runFolder(startedAt: Date, run: string): string {
  const iso = startedAt.toISOString();
  const time = iso.slice(11, 19).replaceAll(':', '');
  return `${iso.slice(0, 4)}/${iso.slice(5, 7)}/${iso.slice(8, 10)}T${time}Z-${run}`;
}

/** `dump.pgc.zst.age` for one volume, `dump.pgc.zst.age.0001` … for several. */
export function volumeName(base: string, index: number): string {
  return index === 0 ? base : `${base}.${String(index).padStart(4, '0')}`;
}
