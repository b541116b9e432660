import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync, zstdDecompressSync } from 'node:zlib';

/** Where a secret was found, and in which form. */
export interface Sighting {
  readonly where: string;
  readonly form: string;
}

/** A secret as anybody may have written it down: each form by its name. */
export function formsOf(secret: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(secret, 'utf8');
  const text = (value: string) => Buffer.from(value, 'utf8');
  const forms = new Map<string, Buffer>([
    ['as it is', bytes],
    ['reversed', Buffer.from(bytes).reverse()],
    ['UTF-16LE', Buffer.from(secret, 'utf16le')],
    ['UTF-16BE', Buffer.from(secret, 'utf16le').swap16()],
    ['hex', text(bytes.toString('hex'))],
    ['HEX', text(bytes.toString('hex').toUpperCase())],
    ['URL', text(encodeURIComponent(secret))],
    ['JSON', text(JSON.stringify(secret).slice(1, -1))],
    ['JSON, ASCII only', text(escaped(secret))],
    ['JSON in JSON', text(JSON.stringify(JSON.stringify(secret)).slice(3, -3))],
    ['SQL', text(secret.replaceAll("'", "''"))],
    ['backslashes doubled', text(secret.replaceAll('\\', '\\\\'))],
    ['XML', text(secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'))],
    ['decimal bytes', text([...bytes].join(','))],
    ['rot13', text(rot13(secret))],
  ]);
  // Three places in which the same bytes may begin within base64, without the signs that neighbours have a part in.
  for (const shift of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const first = shift === 0 ? 0 : shift + 1;
    const inner = whole.slice(first, (bytes.length + shift) % 3 === 0 ? undefined : -1);
    forms.set(`base64 at ${shift}`, text(inner));
    forms.set(`base64url at ${shift}`, text(inner.replaceAll('+', '-').replaceAll('/', '_')));
  }
  return forms;
}

function escaped(secret: string): string {
  const json = JSON.stringify(secret).slice(1, -1);
  return [...json].map((sign) => (sign > '~' ? unicode(sign) : sign)).join('');
}

function unicode(sign: string): string {
  return Array.from({ length: sign.length }, (_, at) => `\\u${sign.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
    '',
  );
}

function rot13(text: string): string {
  return text.replace(/[a-z]/gi, (sign) => {
    const base = sign <= 'Z' ? 65 : 97;
    return String.fromCharCode(((sign.charCodeAt(0) - base + 13) % 26) + base);
  });
}

/** What follows the compressed bytes in a file is passed over: hence the raw forms, from behind each header. */
const MAGIC = [
  {
    name: 'gzip',
    head: Buffer.from([0x1f, 0x8b, 0x08]),
    open: (bytes: Buffer) => raw(bytes.subarray(behindGzipHeader(bytes))),
  },
  { name: 'zlib', head: Buffer.from([0x78, 0x9c]), open: (bytes: Buffer) => raw(bytes.subarray(2)) },
  {
    name: 'zstd',
    head: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    open: (bytes: Buffer) => zstdDecompressSync(bytes, MOST),
  },
] as const;
const DEEPEST = 3;
const MOST = { maxOutputLength: 256 * 1024 * 1024 };

function raw(bytes: Buffer): Buffer {
  return inflateRawSync(bytes, MOST);
}

/** Ten bytes, and a file name where the flags say so. */
function behindGzipHeader(bytes: Buffer): number {
  return ((bytes[3] ?? 0) & 8) === 0 ? 10 : bytes.indexOf(0, 10) + 1;
}

/** Every form of the secret in these bytes, also inside what is compressed in them. */
export function sightingsIn(bytes: Buffer, secret: string, where: string): Sighting[] {
  return look(bytes, formsOf(secret), { where, depth: 0 });
}

function look(
  bytes: Buffer,
  forms: ReadonlyMap<string, Buffer>,
  { where, depth }: { readonly where: string; readonly depth: number },
): Sighting[] {
  const seen = [...forms].flatMap(([form, value]) => (bytes.includes(value) ? [{ where, form }] : []));
  if (depth >= DEEPEST) return seen;
  const inside = MAGIC.flatMap(({ name, head, open }) => {
    const found: Sighting[] = [];
    for (let at = bytes.indexOf(head); at >= 0; at = bytes.indexOf(head, at + 1)) {
      const unpacked = tryOpen(open, bytes.subarray(at));
      if (unpacked !== undefined) {
        found.push(...look(unpacked, forms, { where: `${where} > ${name} at ${at}`, depth: depth + 1 }));
      }
    }
    return found;
  });
  return [...seen, ...inside];
}

function tryOpen(open: (bytes: Buffer) => Buffer, bytes: Buffer): Buffer | undefined {
  try {
    return open(bytes);
  } catch {
    return undefined;
  }
}

export interface Scan {
  readonly sightings: readonly Sighting[];
  /** How much was looked at, so that a scan of nothing is not taken for a clean one. */
  readonly files: number;
  readonly bytes: number;
}

/** Everything below these folders, names included. Links are not followed; what cannot be read throws. */
export function scanFolders(folders: readonly string[], secret: string): Scan {
  const total = { sightings: [] as Sighting[], files: 0, bytes: 0 };
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      total.sightings.push(...sightingsIn(Buffer.from(path), secret, `the name ${path}`));
      if (!entry.isFile()) continue;
      // Files of a server that runs may be gone by now.
      const content = readIfThere(path);
      if (content === undefined) continue;
      total.files += 1;
      total.bytes += content.length;
      total.sightings.push(...sightingsIn(content, secret, path));
    }
  }
  return total;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path) : undefined;
  } catch (error) {
    if (error instanceof Error || typeof error === 'object') {
      const { code } = error as { readonly code?: string };
      if (code === 'ENOENT') return undefined;
    }
    throw error;
  }
}

const HEX = /^\\x(?:[0-9a-f]{2})*$/;

/** A value as the driver gave it; bytea that came as text is what it stands for. */
function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return HEX.test(text) ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text);
}

/** All rows of all tables in all schemas that a client may read, the system's own included; `files` counts values. */
export async function scanTables(
  query: (statement: string) => Promise<readonly Record<string, unknown>[]>,
  secret: string,
): Promise<Scan & { readonly tables: number }> {
  const tables = await query(
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema <> 'information_schema' order by 1`,
  );
  const total = { sightings: [] as Sighting[], files: 0, bytes: 0, tables: tables.length };
  for (const { name } of tables) {
    const rows = await query(`select * from ${String(name)}`);
    const values = rows.flatMap((row) => Object.values(row)).filter((value) => value !== null && value !== undefined);
    const bytes = Buffer.concat(values.flatMap((value) => [bytesOf(value), Buffer.of(0)]));
    total.files += values.length;
    total.bytes += bytes.length;
    total.sightings.push(...sightingsIn(bytes, secret, `a row of ${String(name)}`));
  }
  return total;
}
