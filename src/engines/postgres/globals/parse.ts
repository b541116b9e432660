import { Failure } from '../../../domain/failure.ts';
import type { Origin, ParseReport, Plain } from '../../engine.ts';
import { cutShort, damaged } from '../archive/fields.ts';
import { type GlobalsScript, readScript } from './script.ts';

const END_MARK = '-- PostgreSQL database cluster dump complete';
/** Roles of a server, not rows of a table: more is not one. */
const LARGEST = 64 * 1024 * 1024;

/** A script of globals, whole: its end mark is there. Throws `dump_incomplete` or `backup_damaged`. */
export async function readGlobalsScript(plain: Plain): Promise<GlobalsScript> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of plain.bytes()) {
    bytes += chunk.length;
    if (bytes > LARGEST) throw damaged(`it is larger than ${LARGEST} bytes, which no script of roles is`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (!text.trimEnd().endsWith(`\n--\n${END_MARK}\n--`)) throw cutShort('its end mark is missing');
  return readScript(text);
}

/** Level 2 of globals: the script is whole, and holds every role, membership and tablespace that the server named. */
export async function parseGlobals(plain: Plain, origin: Origin): Promise<ParseReport> {
  const script = await readGlobalsScript(plain);
  const held = new Set([
    ...script.roles.map(({ name }) => `role ${name}`),
    ...script.members.map(({ role, member }) => `member ${member} of ${role}`),
    ...script.tablespaces.map((name) => `tablespace ${name}`),
  ]);
  const missing = Object.keys(origin.inventory?.objects ?? {}).filter((name) => !held.has(name));
  if (missing.length > 0) {
    throw new Failure(
      'schema_changed',
      `The script does not hold what the server named: ${missing.slice(0, 5).join(', ')}.`,
      {
        remedy: 'Roles changed while they were saved: run the backup again.',
        details: { missing: missing.slice(0, 100) },
      },
    );
  }
  const warnings = script.unknown.map((head) => `The script holds a statement that pg_dumpall does not write: ${head}`);
  return { tables: {}, values: {}, warnings };
}
