/** How a command looks to the functions that carry it out, and the checks that come before. */
import { type Document, deserialize } from 'bson';
import type { Cursors } from './cursors.ts';
import { elementNamed, elementsOf, type RawElement } from './raw.ts';
import { badValue, unknownField } from './refusal.ts';
import type { Account, Conversation, User } from './scram.ts';
import type { Store } from './store.ts';

/** What commands share. */
export interface ServerState {
  readonly store: Store;
  readonly cursors: Cursors;
  /** `createUser` puts one in. */
  readonly accounts: Account[];
  readonly version: string;
  readonly wireVersion: number;
  readonly address: string;
  /** Claimed in `hello`; nothing else of a replica set is there. */
  readonly replicaSet: ReplicaSet | undefined;
  /** What `$currentOp` shows; `killOp` takes one away. */
  readonly operations: Operation[];
}

export interface ReplicaSet {
  readonly name: string;
  readonly hosts: readonly string[];
  /** Not the primary, as `hello` tells it; writes are taken all the same. */
  readonly secondary?: boolean;
}

/** An operation in progress, as far as anyone asks. */
export interface Operation {
  readonly opid: number;
  readonly ns: string;
  readonly client: string;
  readonly appName: string;
  readonly op: string;
}

/** What one connection remembers. */
export interface Session {
  user: User | undefined;
  conversation: Conversation | undefined;
}

export interface Call {
  readonly name: string;
  readonly database: string;
  readonly body: Buffer;
  readonly state: ServerState;
  readonly session: Session;
  /** Decoded with JavaScript numbers; for options, never for documents that are kept. */
  readonly options: Document;
}

export interface CommandRule {
  /** Fields it takes besides its own name and the generic ones. */
  readonly fields: readonly string[];
  /** May be sent before logging in. */
  readonly open?: boolean;
  readonly run: (call: Call) => Buffer;
}

const GENERIC = new Set([
  '$db',
  'lsid',
  '$readPreference',
  '$clusterTime',
  'maxTimeMS',
  'comment',
  'readConcern',
  'writeConcern',
]);

export function checkFields(call: Call, rule: CommandRule): void {
  for (const { name } of elementsOf(call.body)) {
    if (name !== call.name && !GENERIC.has(name) && !rule.fields.includes(name)) throw unknownField(call.name, name);
  }
}

/** Refuses names inside a part of a command (a cursor's options, an index specification) that the list does not hold. */
export function checkPart(command: string, part: Buffer, known: readonly string[]): void {
  for (const { name } of elementsOf(part)) {
    if (!known.includes(name)) throw unknownField(command, name);
  }
}

export function decodeOptions(body: Buffer): Document {
  return deserialize(body, { promoteValues: true, promoteLongs: true, bsonRegExp: true, useBigInt64: false });
}

/** The collection a command names as its value. */
export function collectionName(call: Call): string {
  const name: unknown = call.options[call.name];
  if (typeof name !== 'string') throw badValue(`collection name has invalid type in ${call.name}`);
  return name;
}

export function part(call: Call, name: string): RawElement | undefined {
  return elementNamed(call.body, name);
}

/** A sub-document of the command, byte for byte; the empty one where it is left out. */
export function documentPart(call: Call, name: string): Buffer | undefined {
  const element = part(call, name);
  if (element === undefined || element.type === 0x0a) return undefined;
  if (element.type !== 0x03) throw badValue(`${call.name}.${name} must be an object`);
  return element.value;
}

/** A whole, not negative number; `fallback` where it is left out. */
export function numberOption(value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw badValue(`not a whole number: ${value}`);
  return value;
}
