/** Documents: read, counted, written. */
import { ObjectId } from 'bson';
import { aggregateStages } from './aggregate.ts';
import { type Call, type CommandRule, checkPart, collectionName, documentPart, numberOption, part } from './command.ts';
import { batchOf } from './commands-schema.ts';
import { compileFilter, compileSort } from './filter.ts';
import { documentOf, documentsIn, elementNamed, elementsOf, plain, type RawElement } from './raw.ts';
import { badValue, Refusal, UnknownThing } from './refusal.ts';
import { type Collection, insertDocument } from './store.ts';
import { deleteOne, updateOne } from './update.ts';
import { replyOf } from './wire.ts';

/** The documents behind a name, natural order; a view runs its pipeline over what it stands on. */
function documentsOf(call: Call, name: string, depth = 0): Buffer[] {
  const collection = call.state.store.find(call.database, name);
  if (collection === undefined) return [];
  if (collection.type === 'collection') return [...collection.documents.values()];
  if (depth > 20) throw new Refusal(165, 'ViewDepthLimitExceeded', `View depth too deep: ${name}`);
  const on = elementNamed(collection.options, 'viewOn');
  const pipeline = elementNamed(collection.options, 'pipeline');
  const base = on === undefined ? '' : on.value.toString('utf8', 4, on.value.length - 1);
  const source = documentsOf(call, base, depth + 1);
  return pipeline === undefined ? source : aggregateStages(documentsIn(pipeline), source);
}

function sorted(documents: Buffer[], sort: Buffer | undefined): Buffer[] {
  if (sort === undefined) return documents;
  const order = compileSort(sort);
  if (order === 'natural') return documents;
  return order === 'reverse' ? documents.toReversed() : documents.toSorted(order);
}

function find(call: Call): Buffer {
  const name = collectionName(call);
  const filter = documentPart(call, 'filter');
  const matches = filter === undefined ? undefined : compileFilter(filter);
  const all = documentsOf(call, name);
  const found = sorted(matches === undefined ? all : all.filter(matches), documentPart(call, 'sort'));
  const skip = numberOption(call.options.skip, 0);
  const limit = numberOption(call.options.limit, 0);
  const page = found.slice(skip, limit === 0 ? undefined : skip + limit);
  const projection = documentPart(call, 'projection');
  const shown = projection === undefined ? page : page.map((document) => project(document, projection));
  const size = call.options.batchSize === undefined ? {} : { size: numberOption(call.options.batchSize, 101) };
  return call.state.cursors.start(`${call.database}.${name}`, shown, {
    ...size,
    single: call.options.singleBatch === true,
  });
}

/** Top-level inclusion (`_id` too unless it is switched off) or exclusion. */
function project(document: Buffer, projection: Buffer): Buffer {
  const rules = elementsOf(projection).map((rule) => {
    if (![0x01, 0x08, 0x10].includes(rule.type)) throw badValue(`unknown projection of ${rule.name}`);
    return { name: rule.name, shown: rule.value.some((byte) => byte !== 0) };
  });
  if (rules.length === 0) return document;
  const including = rules.some(({ name, shown }) => shown && name !== '_id');
  const kept = elementsOf(document).filter(({ name }) => {
    const rule = rules.find((candidate) => candidate.name === name);
    return rule?.shown ?? (!including || name === '_id');
  });
  return documentOf(kept);
}

function count(call: Call): Buffer {
  const query = documentPart(call, 'query');
  const all = documentsOf(call, collectionName(call));
  const found = query === undefined ? all.length : all.filter(compileFilter(query)).length;
  const left = Math.max(0, found - numberOption(call.options.skip, 0));
  const limit = numberOption(call.options.limit, 0);
  return replyOf({ n: limit === 0 ? left : Math.min(left, limit) });
}

/** `{aggregate: 1}` on `admin`: what runs now. */
function currentOperations(call: Call, pipeline: RawElement): Buffer {
  const [stage] = documentsIn(pipeline);
  const operation = stage === undefined ? undefined : elementNamed(stage, '$currentOp');
  if (call.database !== 'admin' || operation === undefined) throw badValue('{aggregate: 1} takes $currentOp on admin');
  checkPart('$currentOp', operation.value, ['allUsers', 'idleConnections']);
  const shown = call.state.operations.map((one) => documentOf(plain({ ...one })));
  return call.state.cursors.start('admin.$cmd.aggregate', shown);
}

function aggregate(call: Call): Buffer {
  const stages = part(call, 'pipeline');
  if (call.options.aggregate === 1 && stages !== undefined) return currentOperations(call, stages);
  const name = collectionName(call);
  const pipeline = part(call, 'pipeline');
  const cursor = documentPart(call, 'cursor');
  if (pipeline === undefined || cursor === undefined) throw badValue('aggregate needs pipeline and cursor');
  checkPart('aggregate.cursor', cursor, ['batchSize']);
  const namespace = `${call.database}.${name}`;
  const result = aggregateStages(documentsIn(pipeline), documentsOf(call, name), namespace);
  return call.state.cursors.start(namespace, result, batchOf(call.options.cursor));
}

type WriteError = Record<string, unknown>;

/** Runs writes one after another; an ordered command stops at the first that fails. */
function eachWrite(call: Call, writes: readonly Buffer[], write: (item: Buffer, index: number) => void): WriteError[] {
  const errors: WriteError[] = [];
  for (const [index, item] of writes.entries()) {
    try {
      write(item, index);
    } catch (error) {
      if (!(error instanceof Refusal) || error instanceof UnknownThing) throw error;
      errors.push({ index, code: error.code, errmsg: error.message });
      if (call.options.ordered !== false) break;
    }
  }
  return errors;
}

function list(call: Call, field: string): Buffer[] {
  const element = part(call, field);
  if (element === undefined) throw badValue(`${call.name} needs ${field}`);
  return documentsIn(element);
}

/** A server puts `_id` first and adds one where it is missing; every other byte stays. */
function withId(document: Buffer): Buffer {
  const elements = elementsOf(document);
  const [first] = elements;
  if (first?.name === '_id') return document;
  const id = elements.filter(({ name }) => name === '_id');
  const rest = elements.filter(({ name }) => name !== '_id');
  return documentOf([...(id.length > 0 ? id : plain({ _id: new ObjectId() })), ...rest]);
}

function writable(call: Call): Collection {
  return call.state.store.findOrCreate(call.database, collectionName(call));
}

function insert(call: Call): Buffer {
  const collection = writable(call);
  const documents = list(call, 'documents');
  let n = 0;
  const writeErrors = eachWrite(call, documents, (document) => {
    insertDocument(call.database, collection, withId(document));
    n += 1;
  });
  return replyOf({ n, ...(writeErrors.length > 0 ? { writeErrors } : {}) });
}

function update(call: Call): Buffer {
  const collection = writable(call);
  let n = 0;
  let nModified = 0;
  const upserted: unknown[] = [];
  const writeErrors = eachWrite(call, list(call, 'updates'), (statement, index) => {
    checkPart('update.updates', statement, ['q', 'u', 'multi', 'upsert', 'hint']);
    const result = updateOne(call.database, collection, statement);
    n += result.matched;
    nModified += result.modified;
    if (result.upserted !== undefined) upserted.push({ index, _id: result.upserted });
  });
  return replyOf({
    n,
    nModified,
    ...(upserted.length > 0 ? { upserted } : {}),
    ...(writeErrors.length > 0 ? { writeErrors } : {}),
  });
}

function remove(call: Call): Buffer {
  const collection = writable(call);
  let n = 0;
  const writeErrors = eachWrite(call, list(call, 'deletes'), (statement) => {
    checkPart('delete.deletes', statement, ['q', 'limit', 'hint']);
    n += deleteOne(collection, statement);
  });
  return replyOf({ n, ...(writeErrors.length > 0 ? { writeErrors } : {}) });
}

export const DATA_COMMANDS: Readonly<Record<string, CommandRule>> = {
  find: {
    fields: ['filter', 'sort', 'projection', 'hint', 'skip', 'limit', 'batchSize', 'singleBatch', 'noCursorTimeout'],
    run: find,
  },
  count: { fields: ['query', 'limit', 'skip', 'hint'], run: count },
  aggregate: { fields: ['pipeline', 'cursor', 'hint', 'allowDiskUse'], run: aggregate },
  insert: { fields: ['documents', 'ordered', 'bypassDocumentValidation', 'bypassEmptyTsReplacement'], run: insert },
  update: { fields: ['updates', 'ordered', 'bypassDocumentValidation', 'bypassEmptyTsReplacement'], run: update },
  delete: { fields: ['deletes', 'ordered'], run: remove },
};
