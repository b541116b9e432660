/** Updates and deletes, on raw bytes: what is not changed stays as it was. */
import { ObjectId } from 'bson';
import { compileFilter } from './filter.ts';
import { keyOf, numberOf } from './order.ts';
import { documentOf, documentsIn, element, elementNamed, elementsOf, plain, type RawElement } from './raw.ts';
import { badValue, UnknownThing } from './refusal.ts';
import { type Collection, idOf, insertDocument, replaceDocument } from './store.ts';

export interface Updated {
  readonly matched: number;
  readonly modified: number;
  readonly upserted?: ObjectId;
}

/** One statement of an `update` command. */
export function updateOne(database: string, collection: Collection, statement: Buffer): Updated {
  const query = required(statement, 'q');
  const change = required(statement, 'u');
  const matches = compileFilter(query.value);
  const found = [...collection.documents.values()].filter(matches);
  if (found.length === 0 && flag(statement, 'upsert')) return upsert(database, collection, { query, change });
  const chosen = flag(statement, 'multi') ? found : found.slice(0, 1);
  let modified = 0;
  for (const document of chosen) {
    const next = changed(document, change);
    if (next.equals(document)) continue;
    replaceDocument(database, collection, next);
    modified += 1;
  }
  return { matched: chosen.length, modified };
}

function upsert(database: string, collection: Collection, given: { query: RawElement; change: RawElement }): Updated {
  const equalities = elementsOf(given.query.value).filter(({ name, type }) => !name.startsWith('$') && type !== 0x03);
  const id = new ObjectId();
  const base = equalities.some(({ name }) => name === '_id') ? equalities : [...plain({ _id: id }), ...equalities];
  insertDocument(database, collection, changed(documentOf(base), given.change));
  return { matched: 1, modified: 0, upserted: id };
}

function required(statement: Buffer, name: string): RawElement {
  const found = elementNamed(statement, name);
  if (found === undefined) throw badValue(`an update without ${name}`);
  return found;
}

function flag(statement: Buffer, name: string): boolean {
  return elementNamed(statement, name)?.value.readUInt8(0) === 1;
}

function changed(document: Buffer, change: RawElement): Buffer {
  if (change.type === 0x04) return replacedByLiteral(document, change);
  const parts = elementsOf(change.value);
  if (!parts[0]?.name.startsWith('$')) {
    const id = elementsOf(document).filter(({ name }) => name === '_id');
    return documentOf([...id, ...parts.filter(({ name }) => name !== '_id')]);
  }
  return parts.reduce(applyOperator, document);
}

/** The one pipeline a restore sends: `[{$replaceRoot: {newRoot: {$literal: document}}}]`. */
function replacedByLiteral(document: Buffer, change: RawElement): Buffer {
  const [stage, ...others] = documentsIn(change);
  const root = stage === undefined ? undefined : elementNamed(stage, '$replaceRoot');
  const fresh = root === undefined ? undefined : elementNamed(root.value, 'newRoot');
  const literal = fresh === undefined ? undefined : elementNamed(fresh.value, '$literal');
  if (literal?.type !== 0x03 || others.length > 0)
    throw new UnknownThing(40324, 'Location40324', 'unknown pipeline update');
  const [was, will] = [idOf(document), idOf(literal.value)];
  if (was === undefined || will === undefined || keyOf(was) !== keyOf(will)) throw badValue('the _id would change');
  return literal.value;
}

function applyOperator(document: Buffer, operator: RawElement): Buffer {
  const targets = elementsOf(operator.value);
  switch (operator.name) {
    case '$set':
      return targets.reduce((current, target) => setPath(current, target.name.split('.'), () => target), document);
    case '$unset':
      return targets.reduce((current, target) => setPath(current, target.name.split('.'), () => undefined), document);
    case '$inc':
      return targets.reduce(
        (current, target) => setPath(current, target.name.split('.'), (old) => sum(old, target)),
        document,
      );
    default:
      throw new UnknownThing(9, 'FailedToParse', `Unknown modifier: ${operator.name}`);
  }
}

type Change = (old: RawElement | undefined) => Pick<RawElement, 'type' | 'value'> | undefined;

function setPath(document: Buffer, path: readonly string[], change: Change): Buffer {
  const [head = '', ...rest] = path;
  const elements = elementsOf(document);
  const old = elements.find(({ name }) => name === head);
  const next = rest.length === 0 ? change(old) : inner(old, rest, change);
  const whole = next === undefined ? [] : [element(head, next.type, next.value)];
  if (old === undefined) return documentOf([...elements, ...whole]);
  return documentOf(elements.flatMap((item) => (item === old ? whole : [item.whole])));
}

function inner(old: RawElement | undefined, rest: readonly string[], change: Change): ReturnType<Change> {
  if (old !== undefined && old.type !== 0x03) throw badValue(`cannot create a field in ${old.name}`);
  return { type: 0x03, value: setPath(old?.value ?? documentOf([]), rest, change) };
}

function sum(old: RawElement | undefined, by: RawElement): Pick<RawElement, 'type' | 'value'> {
  if (old === undefined) return by;
  if (old.type !== 0x10 || by.type !== 0x10) throw badValue('this server increments 32-bit integers only');
  const value = Buffer.alloc(4);
  value.writeInt32LE(Number(numberOf(old)) + Number(numberOf(by)));
  return { type: 0x10, value };
}

/** One statement of a `delete` command; answers how many went. */
export function deleteOne(collection: Collection, statement: Buffer): number {
  const matches = compileFilter(required(statement, 'q').value);
  const limit = Number(numberOf(required(statement, 'limit')));
  let gone = 0;
  for (const [key, document] of collection.documents) {
    if (!matches(document)) continue;
    collection.documents.delete(key);
    gone += 1;
    if (limit === 1) break;
  }
  return gone;
}
