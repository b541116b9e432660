/** The framing of the MongoDB wire protocol: OP_MSG both ways, OP_QUERY for the first hello of older drivers. */
import { documentOf, elementNamed, elementsOf, embeddedArray, plain, type RawElement } from './raw.ts';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 2;

export const MAX_MESSAGE_BYTES = 48_000_000;

export interface WireCommand {
  readonly requestId: number;
  readonly legacy: boolean;
  /** The client expects no answer. */
  readonly silent: boolean;
  /** Name of the command: its first element's. */
  readonly name: string;
  /** The command as sent, document sequences put in as arrays. */
  readonly body: Buffer;
  readonly database: string;
}

/** Cuts a byte stream into messages. Chunks are joined once per message, so that big ones do not cost their square. */
export class Incoming {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted = 16;

  /** Takes a chunk; answers the messages that are complete now. */
  add(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted) return [];
    const joined = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const messages: Buffer[] = [];
    let at = 0;
    this.#wanted = 16;
    while (joined.length - at >= 16) {
      const length = joined.readInt32LE(at);
      if (length < 16 || length > MAX_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes`);
      this.#wanted = length;
      if (joined.length - at < length) break;
      messages.push(joined.subarray(at, at + length));
      at += length;
      this.#wanted = 16;
    }
    const rest = joined.subarray(at);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return messages;
  }
}

/** Throws on any opcode but OP_MSG and OP_QUERY: compressed messages are never agreed on. */
export function parseCommand(message: Buffer): WireCommand {
  const opcode = message.readInt32LE(12);
  if (opcode === OP_MSG) return parseMessage(message);
  if (opcode === OP_QUERY) return parseQuery(message);
  throw new Error(`opcode ${opcode}`);
}

function parseMessage(message: Buffer): WireCommand {
  const flags = message.readUInt32LE(16);
  const end = message.length - (flags & CHECKSUM_PRESENT ? 4 : 0);
  let body: Buffer | undefined;
  const sequences: Buffer[] = [];
  let at = 20;
  while (at < end) {
    const kind = message.readUInt8(at);
    const size = message.readInt32LE(at + 1);
    const section = message.subarray(at + 1, at + 1 + size);
    if (kind === 0) body = section;
    else if (kind === 1) sequences.push(parseSequence(section));
    else throw new Error(`a section of kind ${kind}`);
    at += 1 + size;
  }
  if (body === undefined) throw new Error('a message without a body');
  const whole = sequences.length === 0 ? body : documentOf([...elementsOf(body), ...sequences]);
  const database = elementNamed(body, '$db');
  if (database === undefined) throw new Error('a message without $db');
  return {
    requestId: message.readInt32LE(4),
    legacy: false,
    silent: (flags & MORE_TO_COME) !== 0,
    name: firstName(body),
    body: whole,
    database: stringValue(database),
  };
}

function parseSequence(section: Buffer): Buffer {
  const nameEnd = section.indexOf(0, 4);
  const documents: Buffer[] = [];
  let at = nameEnd + 1;
  while (at < section.length) {
    const size = section.readInt32LE(at);
    documents.push(section.subarray(at, at + size));
    at += size;
  }
  return embeddedArray(section.toString('utf8', 4, nameEnd), documents);
}

function parseQuery(message: Buffer): WireCommand {
  const nameEnd = message.indexOf(0, 20);
  const namespace = message.toString('utf8', 20, nameEnd);
  if (!namespace.endsWith('.$cmd')) throw new Error(`OP_QUERY on ${namespace}`);
  const size = message.readInt32LE(nameEnd + 9);
  const body = message.subarray(nameEnd + 9, nameEnd + 9 + size);
  const database = namespace.slice(0, -'.$cmd'.length);
  return { requestId: message.readInt32LE(4), legacy: true, silent: false, name: firstName(body), body, database };
}

function firstName(body: Buffer): string {
  const first = elementsOf(body)[0];
  if (first === undefined) throw new Error('an empty command');
  return first.name;
}

export function stringValue(element: RawElement): string {
  if (element.type !== 0x02) throw new Error(`${element.name} must be a string`);
  return element.value.toString('utf8', 4, element.value.length - 1);
}

/** The answer to a command as one message. */
export function encodeReply(command: WireCommand, reply: Buffer, requestId: number): Buffer {
  const prefix = command.legacy ? Buffer.alloc(36) : Buffer.alloc(21);
  prefix.writeInt32LE(prefix.length + reply.length, 0);
  prefix.writeInt32LE(requestId, 4);
  prefix.writeInt32LE(command.requestId, 8);
  prefix.writeInt32LE(command.legacy ? OP_REPLY : OP_MSG, 12);
  // OP_REPLY: flags "await capable", no cursor, from 0, one document. OP_MSG: no flags, one section of kind 0.
  if (command.legacy) {
    prefix.writeInt32LE(8, 16);
    prefix.writeInt32LE(1, 32);
  }
  return Buffer.concat([prefix, reply]);
}

/** A reply from plain values followed by raw elements. */
export function replyOf(values: Record<string, unknown>, raw: readonly Buffer[] = []): Buffer {
  return documentOf([...raw, ...plain({ ...values, ok: 1 })]);
}

/** A reply that refuses. */
export function refusalOf(code: number, codeName: string, message: string): Buffer {
  return documentOf(plain({ ok: 0, errmsg: message, code, codeName }));
}
