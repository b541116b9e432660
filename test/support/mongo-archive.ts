/** Writes archives as mongodump does, and as it never would. */
import { Int32, Long, serialize } from 'bson';
import { Crc64 } from '../../src/engines/mongodb/crc64.ts';

export const MAGIC_BYTES = Buffer.from('6de29981', 'hex');
export const TERMINATOR_BYTES = Buffer.from('ffffffff', 'hex');

export function headerBytes(changes: Record<string, unknown> = {}): Buffer {
  const header = {
    concurrent_collections: new Int32(4),
    version: '0.1',
    server_version: '7.0.14',
    tool_version: '100.12.2',
  };
  return Buffer.from(serialize({ ...header, ...changes }));
}

export function announcement(collection: string, type = 'collection', db = 'db'): Buffer {
  const metadata = JSON.stringify({ indexes: [], uuid: '', collectionName: collection, type });
  return Buffer.from(serialize({ db, collection, metadata, size: new Int32(0), type }));
}

export function block(collection: string, documents: readonly Buffer[], db = 'db'): Buffer {
  const header = serialize({ db, collection, EOF: false, CRC: Long.ZERO });
  return Buffer.concat([header, ...documents, TERMINATOR_BYTES]);
}

/** The end-of-file block of a collection that held these documents. */
export function endOf(collection: string, documents: readonly Buffer[], db = 'db'): Buffer {
  const crc = new Crc64();
  for (const document of documents) crc.update(document);
  return endBlock(collection, crc.value(), db);
}

export function endBlock(collection: string, crc: bigint, db = 'db'): Buffer {
  const header = serialize({ db, collection, EOF: true, CRC: Long.fromBigInt(BigInt.asIntN(64, crc)) });
  return Buffer.concat([header, TERMINATOR_BYTES]);
}

export function prelude(...collections: readonly Buffer[]): Buffer {
  return Buffer.concat([MAGIC_BYTES, headerBytes(), ...collections, TERMINATOR_BYTES]);
}

/** A whole archive of one collection. */
export function archiveOf(db: string, collection: string, documents: readonly Buffer[]): Buffer {
  const announced = prelude(announcement(collection, 'collection', db));
  return Buffer.concat([announced, block(collection, documents, db), endOf(collection, documents, db)]);
}
