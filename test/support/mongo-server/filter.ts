/** The part of the query language that dumps, restores and tests need; anything else is refused. */
import { compareValues, type RawValue, rank, valueAt } from './order.ts';
import { elementsOf, type RawElement } from './raw.ts';
import { UnknownThing } from './refusal.ts';

export type Predicate = (document: Buffer) => boolean;

const NULL: RawValue = { type: 0x0a, value: Buffer.alloc(0) };
const COMPARISONS: Record<string, (order: number) => boolean> = {
  $eq: (order) => order === 0,
  $gt: (order) => order > 0,
  $gte: (order) => order >= 0,
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
};

export function compileFilter(filter: Buffer): Predicate {
  const tests = elementsOf(filter).map(compileElement);
  return (document) => tests.every((test) => test(document));
}

function compileElement(element: RawElement): Predicate {
  if (element.name === '$and' || element.name === '$or') return compileList(element);
  if (element.name.startsWith('$')) throw unknownOperator(element.name);
  const operators = operatorsIn(element);
  if (operators === undefined) return (document) => matches('$eq', valueAt(document, element.name), element);
  const tests = operators.map((operator) => compileOperator(element.name, operator));
  return (document) => tests.every((test) => test(document));
}

function compileList(element: RawElement): Predicate {
  const parts = elementsOf(element.value).map((item) => compileFilter(item.value));
  if (element.name === '$and') return (document) => parts.every((part) => part(document));
  return (document) => parts.some((part) => part(document));
}

function operatorsIn(element: RawElement): RawElement[] | undefined {
  if (element.type !== 0x03) return undefined;
  const inner = elementsOf(element.value);
  return inner[0]?.name.startsWith('$') && inner[0].name !== '$ref' ? inner : undefined;
}

function compileOperator(path: string, operator: RawElement): Predicate {
  if (operator.name in COMPARISONS) return (document) => matches(operator.name, valueAt(document, path), operator);
  if (operator.name === '$ne') return (document) => !matches('$eq', valueAt(document, path), operator);
  if (operator.name === '$exists') {
    const wanted = operator.value.some((byte) => byte !== 0);
    return (document) => (valueAt(document, path) !== undefined) === wanted;
  }
  if (operator.name === '$in') {
    const items = elementsOf(operator.value);
    return (document) => items.some((item) => matches('$eq', valueAt(document, path), item));
  }
  throw unknownOperator(operator.name);
}

function matches(operator: string, found: RawValue | undefined, wanted: RawValue): boolean {
  const actual = found ?? NULL;
  const candidates = actual.type === 0x04 && wanted.type !== 0x04 ? elementsOf(actual.value) : [actual];
  return candidates.some(
    (candidate) => rank(candidate) === rank(wanted) && COMPARISONS[operator]?.(compareValues(candidate, wanted)),
  );
}

function unknownOperator(name: string): UnknownThing {
  return new UnknownThing(2, 'BadValue', `unknown operator: ${name}`);
}

/** A sort specification as a comparison; `undefined` when natural order is asked for. */
export function compileSort(sort: Buffer): ((a: Buffer, b: Buffer) => number) | 'natural' | 'reverse' {
  const keys = elementsOf(sort).map((key) => ({ path: key.name, down: isNegative(key) }));
  if (keys.length === 0) return 'natural';
  if (keys[0]?.path === '$natural') return keys[0].down ? 'reverse' : 'natural';
  return (a, b) => {
    for (const { path, down } of keys) {
      const order = compareValues(valueAt(a, path) ?? NULL, valueAt(b, path) ?? NULL);
      if (order !== 0) return down ? -order : order;
    }
    return 0;
  };
}

function isNegative(key: RawElement): boolean {
  if (key.type === 0x10) return key.value.readInt32LE(0) < 0;
  if (key.type === 0x12) return key.value.readBigInt64LE(0) < 0n;
  if (key.type === 0x01) return key.value.readDoubleLE(0) < 0;
  throw new UnknownThing(15974, 'Location15974', `Illegal key in $sort specification: ${key.name}`);
}
