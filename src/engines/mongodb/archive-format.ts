/** The documents of the archive format itself: its header, its list of collections, the headers of its blocks. */
import { deserialize, Int32, Long, serialize } from 'bson';
import { damaged } from './archive-units.ts';

const FORMAT_VERSION = '0.1';

export interface ArchiveHeader {
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly concurrentCollections: number;
}

/** What the prelude says of a collection. */
export interface ArchivedCollection {
  readonly database: string;
  readonly collection: string;
  /** `view`, `timeseries`, `collection`, or empty for what has no metadata (users, roles, the oplog). */
  readonly type: string;
  /** Canonical extended JSON with `options`, `indexes`, `uuid`, as mongodump wrote it. */
  readonly metadata: string;
  /** How many documents the server estimated before the dump. */
  readonly estimate: number;
}

export function parseHeader(unit: Buffer): ArchiveHeader {
  const fields = decode(unit, 'header');
  const { version, server_version, tool_version, concurrent_collections } = fields;
  if (version !== FORMAT_VERSION) throw damaged(`its format version ${JSON.stringify(version)} is not known`);
  if (
    typeof server_version !== 'string' ||
    typeof tool_version !== 'string' ||
    !(concurrent_collections instanceof Int32)
  ) {
    throw damaged('its header does not say who wrote it');
  }
  return {
    serverVersion: server_version,
    toolVersion: tool_version,
    concurrentCollections: concurrent_collections.value,
  };
}

export function parseCollection(unit: Buffer): ArchivedCollection {
  const { db, collection, metadata, size, type } = decode(unit, 'list of collections');
  if (
    typeof db !== 'string' ||
    typeof collection !== 'string' ||
    typeof metadata !== 'string' ||
    typeof type !== 'string'
  ) {
    throw damaged('its list of collections has an entry without a name');
  }
  if (!(size instanceof Int32 || size instanceof Long))
    throw damaged('its list of collections has an entry without a size');
  return { database: db, collection, type, metadata, estimate: Number(size.toString()) };
}

interface NamespaceHeader {
  readonly database: string;
  readonly collection: string;
  readonly eof: boolean;
  readonly crc: bigint;
}

export function parseNamespace(unit: Buffer): NamespaceHeader {
  const { db, collection, EOF, CRC } = decode(unit, 'block header');
  if (typeof db !== 'string' || typeof collection !== 'string' || typeof EOF !== 'boolean' || !(CRC instanceof Long)) {
    throw damaged('a block header does not say whose block it is');
  }
  return { database: db, collection, eof: EOF, crc: BigInt.asUintN(64, CRC.toBigInt()) };
}

/** Decodes a document of the format itself; it must be exactly what its content would be written as. */
function decode(unit: Buffer, what: string): Record<string, unknown> {
  let fields: Record<string, unknown>;
  try {
    fields = deserialize(unit, { promoteValues: false });
    if (Buffer.from(serialize(fields)).equals(unit)) return fields;
  } catch (cause) {
    throw Object.assign(damaged(`its ${what} cannot be decoded`), { cause });
  }
  throw damaged(`its ${what} is not written as mongodump writes it`);
}
