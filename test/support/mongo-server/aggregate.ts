/** The few aggregation stages that counts, statistics and plain views need. */
import { type Document, deserialize } from 'bson';
import { compileFilter } from './filter.ts';
import { documentOf, elementsOf, plain, type RawElement } from './raw.ts';
import { UnknownThing } from './refusal.ts';

type Stage = (documents: Buffer[], value: RawElement, namespace: string) => Buffer[];

const STAGES: Readonly<Record<string, Stage>> = {
  $match: (documents, { value }) => documents.filter(compileFilter(value)),
  $skip: (documents, element) => documents.slice(numberIn(element)),
  $limit: (documents, element) => documents.slice(0, numberIn(element)),
  $count: (documents, { value }) =>
    documents.length === 0
      ? []
      : [documentOf(plain({ [value.toString('utf8', 4, value.length - 1)]: documents.length }))],
  $group: (documents, { value }) => countAll(documents, deserialize(value)),
  $project: (documents, { value }) => documents.map((document) => include(document, value)),
  $collStats: (documents, _, namespace) => [documentOf(plain(statistics(documents, namespace)))],
};

export function aggregateStages(stages: readonly Buffer[], documents: Buffer[], namespace = ''): Buffer[] {
  let current = documents;
  for (const stage of stages) {
    const [element, ...others] = elementsOf(stage);
    const run = element === undefined ? undefined : STAGES[element.name];
    if (element === undefined || run === undefined || others.length > 0) {
      throw new UnknownThing(40324, 'Location40324', `Unrecognized pipeline stage name: '${element?.name}'`);
    }
    current = run(current, element, namespace);
  }
  return current;
}

function numberIn(element: RawElement): number {
  return element.type === 0x12 ? Number(element.value.readBigInt64LE(0)) : element.value.readInt32LE(0);
}

/** `{_id: constant, n: {$sum: 1}}`: what countDocuments sends. */
function countAll(documents: readonly Buffer[], group: Document): Buffer[] {
  const [[name, sum] = ['', undefined], ...others] = Object.entries(group).filter(([key]) => key !== '_id');
  if (others.length > 0 || JSON.stringify(sum) !== '{"$sum":1}') {
    throw new UnknownThing(15952, 'Location15952', 'this server groups to count, nothing else');
  }
  return documents.length === 0 ? [] : [documentOf(plain({ _id: group._id ?? null, [name]: documents.length }))];
}

function include(document: Buffer, projection: Buffer): Buffer {
  const names = elementsOf(projection).map(({ name, type, value }) => {
    if (type === 0x10 && value.readInt32LE(0) === 1) return name;
    throw new UnknownThing(31272, 'Location31272', 'this server projects by inclusion only');
  });
  return documentOf(elementsOf(document).filter(({ name }) => name === '_id' || names.includes(name)));
}

function statistics(documents: readonly Buffer[], namespace: string): Record<string, unknown> {
  const size = documents.reduce((sum, document) => sum + document.length, 0);
  return { ns: namespace, count: documents.length, storageStats: { count: documents.length, size, storageSize: size } };
}
