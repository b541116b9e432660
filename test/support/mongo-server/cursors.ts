/** Open cursors: what is still to be handed out, in batches of limited count and size. */
import { Long } from 'bson';
import { documentOf, embedded, embeddedArray, plain } from './raw.ts';
import { Refusal } from './refusal.ts';
import { replyOf } from './wire.ts';

const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const FIRST_BATCH = 101;

interface Cursor {
  readonly namespace: string;
  readonly documents: readonly Buffer[];
  at: number;
}

export class Cursors {
  readonly #open = new Map<string, Cursor>();
  #next = 4_611_686_018_427_387n;

  get open(): number {
    return this.#open.size;
  }

  /** The reply of a command that answers with a cursor. Batch size 0 opens it without handing out anything. */
  start(namespace: string, documents: readonly Buffer[], batch: { size?: number; single?: boolean } = {}): Buffer {
    const cursor = { namespace, documents, at: 0 };
    const first = take(cursor, batch.size ?? FIRST_BATCH);
    const more = cursor.at < documents.length && batch.single !== true;
    const id = more ? this.#keep(cursor) : 0n;
    return cursorReply(id, namespace, 'firstBatch', first);
  }

  more(id: bigint, namespace: string, size: number | undefined): Buffer {
    const cursor = this.#open.get(String(id));
    if (cursor === undefined) throw new Refusal(43, 'CursorNotFound', `cursor id ${id} not found`);
    if (cursor.namespace !== namespace) throw new Refusal(13, 'Unauthorized', `cursor ${id} is of another namespace`);
    const next = take(cursor, size ?? Number.POSITIVE_INFINITY);
    const ended = cursor.at >= cursor.documents.length;
    if (ended) this.#open.delete(String(id));
    return cursorReply(ended ? 0n : id, namespace, 'nextBatch', next);
  }

  kill(id: bigint): boolean {
    return this.#open.delete(String(id));
  }

  #keep(cursor: Cursor): bigint {
    this.#next += 1n;
    this.#open.set(String(this.#next), cursor);
    return this.#next;
  }
}

function take(cursor: Cursor, count: number): Buffer[] {
  const batch: Buffer[] = [];
  let bytes = 0;
  while (batch.length < count) {
    const document = cursor.documents[cursor.at];
    if (document === undefined) break;
    if (batch.length > 0 && bytes + document.length > MAX_BATCH_BYTES) break;
    batch.push(document);
    bytes += document.length;
    cursor.at += 1;
  }
  return batch;
}

function cursorReply(id: bigint, namespace: string, field: string, documents: readonly Buffer[]): Buffer {
  const cursor = documentOf([embeddedArray(field, documents), ...plain({ id: Long.fromBigInt(id), ns: namespace })]);
  return replyOf({}, [embedded('cursor', cursor)]);
}
