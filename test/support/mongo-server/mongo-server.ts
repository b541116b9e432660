/**
 * A MongoDB server for tests: speaks the wire protocol to the official driver, mongodump and mongorestore, and keeps
 * documents, options and index specifications byte for byte. What it does not know it refuses and writes down in
 * `refused`; what it is told to do wrong it does wrong. A standalone: no replica set, no oplog, no transactions.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  type Call,
  type CommandRule,
  checkFields,
  decodeOptions,
  type Operation,
  type ReplicaSet,
  type ServerState,
  type Session,
} from './command.ts';
import { DATA_COMMANDS } from './commands-data.ts';
import { SCHEMA_COMMANDS } from './commands-schema.ts';
import { SESSION_COMMANDS } from './commands-session.ts';
import { Cursors } from './cursors.ts';
import { type Fault, FaultScript, type Misbehaviour } from './faults.ts';
import { documentOf, elementsOf } from './raw.ts';
import { Refusal, UnknownThing, unknownCommand } from './refusal.ts';
import { accountOf, type User } from './scram.ts';
import { type Database, insertDocument, Store } from './store.ts';
import { encodeReply, Incoming, parseCommand, refusalOf, type WireCommand } from './wire.ts';

const COMMANDS: Readonly<Record<string, CommandRule>> = { ...SESSION_COMMANDS, ...SCHEMA_COMMANDS, ...DATA_COMMANDS };

export interface MongoServerOptions {
  /** With users every command but the handshake needs a login; without, none does. */
  readonly users?: readonly User[];
  /** What `buildInfo` reports; 7.0.14 unless said otherwise. */
  readonly version?: string;
  readonly wireVersion?: number;
  readonly faults?: readonly Fault[];
  /** What `hello` claims of a replica set and where its members are. */
  readonly replicaSet?: ReplicaSet;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Of 127.0.0.1; any free one unless said otherwise. */
  readonly port?: number;
  /** Needs a login though there is no user yet; the first one may be made without. */
  readonly auth?: boolean;
}

export interface MongoServer {
  /** `mongodb://127.0.0.1:port/`, without user. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** What is stored, to look at. */
  readonly databases: ReadonlyMap<string, Database>;
  /** One line for each unknown command, field or option that was refused. */
  readonly refused: readonly string[];
  /** Every command received, in order: `name` or `name collection`. */
  readonly received: readonly string[];
  /** Operations that `$currentOp` shows; put in what a test needs. */
  readonly operations: Operation[];
  /** Stores documents as they are, for bytes that a driver would not send. */
  put(database: string, collection: string, documents: readonly Buffer[]): void;
  /** Replaces the script of misbehaviour; counting starts anew. */
  misbehave(faults: readonly Fault[]): void;
  readonly openCursors: () => number;
  close(): Promise<void>;
}

/** Starts on an ephemeral port of 127.0.0.1. */
export async function startMongoServer(options: MongoServerOptions = {}): Promise<MongoServer> {
  const host = new Host(options);
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, host);
  };
  const server: Server = options.tls === undefined ? createServer(accept) : createTlsServer(options.tls, accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `mongodb://127.0.0.1:${port}/`,
    host: '127.0.0.1',
    port,
    databases: host.state.store.databases,
    refused: host.refused,
    received: host.received,
    operations: host.state.operations,
    put: (database, name, documents) => {
      const collection = host.state.store.findOrCreate(database, name);
      for (const document of documents) insertDocument(database, collection, document);
    },
    misbehave: (faults) => host.script.set(faults),
    openCursors: () => host.state.cursors.open,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Host {
  readonly state: ServerState;
  readonly script = new FaultScript();
  readonly refused: string[] = [];
  readonly received: string[] = [];
  readonly #auth: boolean;
  #replies = 0;

  constructor(options: MongoServerOptions) {
    const { users = [], version = '7.0.14', wireVersion = 21, faults = [], replicaSet, auth = false } = options;
    this.#auth = auth || users.length > 0;
    this.state = {
      store: new Store(),
      cursors: new Cursors(),
      accounts: users.map(accountOf),
      version,
      wireVersion,
      address: '127.0.0.1',
      replicaSet,
      operations: [],
    };
    this.script.set(faults);
  }

  nextReplyId(): number {
    this.#replies += 1;
    return this.#replies;
  }

  /** Carries a command out; anything it will not do becomes a refusing reply. */
  answer(command: WireCommand, session: Session): Buffer {
    try {
      return this.#run(command, session);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error instanceof UnknownThing) this.refused.push(`${command.name}: ${error.message}`);
      return refusalOf(error.code, error.codeName, error.message);
    }
  }

  #run(command: WireCommand, session: Session): Buffer {
    const { name, database, body } = command;
    const rule = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (rule === undefined) throw unknownCommand(name);
    const isFirstUser = name === 'createUser' && this.state.accounts.length === 0;
    if (this.#auth && session.user === undefined && rule.open !== true && !isFirstUser) {
      throw new Refusal(13, 'Unauthorized', `Command ${name} requires authentication`);
    }
    const call: Call = { name, database, body, state: this.state, session, options: optionsOf(body) };
    checkFields(call, rule);
    return rule.run(call);
  }
}

const DOCUMENT_LISTS = new Set(['documents', 'updates', 'deletes']);

/** Documents to be stored are not decoded: JavaScript could not hold some of them, and it takes long. */
function optionsOf(body: Buffer): Call['options'] {
  return decodeOptions(documentOf(elementsOf(body).filter(({ name }) => !DOCUMENT_LISTS.has(name))));
}

function serve(socket: Socket, host: Host): void {
  const session: Session = { user: undefined, conversation: undefined };
  const incoming = new Incoming();
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    try {
      const messages = incoming.add(chunk);
      for (const message of messages) handle(socket, { host, session, command: parseCommand(message) });
    } catch (error) {
      host.refused.push(`connection closed: ${error instanceof Error ? error.message : error}`);
      socket.destroy();
    }
  });
}

function handle(socket: Socket, work: { host: Host; session: Session; command: WireCommand }): void {
  const { host, session, command } = work;
  const collection = collectionOf(command);
  host.received.push(collection === undefined ? command.name : `${command.name} ${collection}`);
  const fault = host.script.next(command.name, collection);
  if (fault === 'drop') return void socket.destroy();
  if (fault === 'stall') return;
  const reply = scripted(fault) ?? host.answer(command, session);
  if (command.silent) return;
  const bytes = encodeReply(command, reply, host.nextReplyId());
  if (fault === 'cut') return void socket.end(bytes.subarray(0, bytes.length >> 1));
  socket.write(bytes);
}

function scripted(fault: Misbehaviour | undefined): Buffer | undefined {
  if (fault === 'not-primary') return refusalOf(10107, 'NotWritablePrimary', 'not primary');
  return typeof fault === 'object' ? refusalOf(fault.code, fault.codeName, fault.message) : undefined;
}

function collectionOf({ name, body }: WireCommand): string | undefined {
  const options = optionsOf(body);
  const value: unknown = name === 'getMore' ? options.collection : options[name];
  return typeof value === 'string' ? value : undefined;
}
