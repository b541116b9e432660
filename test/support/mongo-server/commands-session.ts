/** Handshake, login, and what a server says about itself. */
import { Binary, Long } from 'bson';
import type { Call, CommandRule, ServerState } from './command.ts';
import { numberOption, part } from './command.ts';
import { documentOf, embedded, embeddedArray, plain } from './raw.ts';
import { badValue, Refusal } from './refusal.ts';
import { accountOf, finishConversation, startConversation } from './scram.ts';
import { insertDocument } from './store.ts';
import { MAX_MESSAGE_BYTES, replyOf } from './wire.ts';

const HELLO_FIELDS = [
  'helloOk',
  'client',
  'compression',
  'saslSupportedMechs',
  'speculativeAuthenticate',
  'topologyVersion',
  'maxAwaitTimeMS',
  'loadBalanced',
  'backpressure',
];

function hello(call: Call): Buffer {
  const { state, options } = call;
  const modern = call.name === 'hello';
  const writable = state.replicaSet?.secondary !== true;
  const extra: Buffer[] = [];
  if (typeof options.saslSupportedMechs === 'string') extra.push(...plain({ saslSupportedMechs: ['SCRAM-SHA-256'] }));
  const speculative = speculate(call);
  if (speculative !== undefined) extra.push(embedded('speculativeAuthenticate', speculative));
  return replyOf(
    {
      ...(modern ? { isWritablePrimary: writable } : { ismaster: writable }),
      helloOk: true,
      maxBsonObjectSize: 16 * 1024 * 1024,
      maxMessageSizeBytes: MAX_MESSAGE_BYTES,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      logicalSessionTimeoutMinutes: 30,
      connectionId: 1,
      minWireVersion: 0,
      maxWireVersion: state.wireVersion,
      readOnly: false,
      ...membership(state),
    },
    extra,
  );
}

function membership({ replicaSet }: ServerState): Record<string, unknown> {
  if (replicaSet === undefined) return {};
  const { name, hosts, secondary = false } = replicaSet;
  return { setName: name, setVersion: 1, hosts, me: hosts[0], primary: hosts[secondary ? 1 : 0], secondary };
}

/** A failed guess is no error: the client logs in the long way and fails there. */
function speculate(call: Call): Buffer | undefined {
  const wanted: unknown = call.options.speculativeAuthenticate;
  if (typeof wanted !== 'object' || wanted === null || !('db' in wanted)) return undefined;
  if (!('mechanism' in wanted) || wanted.mechanism !== 'SCRAM-SHA-256') return undefined;
  try {
    return documentOf(plain(begin(call, wanted as Record<string, unknown>, String(wanted.db))));
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function begin(call: Call, request: Record<string, unknown>, database: string): Record<string, unknown> {
  const conversation = startConversation(call.state.accounts, database, payloadOf(request.payload));
  call.session.conversation = conversation;
  return { conversationId: 1, done: false, payload: new Binary(Buffer.from(conversation.serverFirst)) };
}

function payloadOf(payload: unknown): Buffer {
  if (payload instanceof Binary) return Buffer.from(payload.value());
  throw badValue('payload must be binary');
}

function saslStart(call: Call): Buffer {
  if (call.options.mechanism !== 'SCRAM-SHA-256') {
    throw new Refusal(334, 'MechanismUnavailable', `mechanism '${call.options.mechanism}' is not enabled`);
  }
  return replyOf(begin(call, call.options, call.database));
}

function saslContinue(call: Call): Buffer {
  const { session } = call;
  if (session.conversation === undefined) throw new Refusal(17, 'ProtocolError', 'No SASL session state found');
  if (session.conversation.verified)
    return replyOf({ conversationId: 1, done: true, payload: new Binary(Buffer.alloc(0)) });
  const final = finishConversation(session.conversation, payloadOf(call.options.payload));
  session.user = session.conversation.account.user;
  return replyOf({ conversationId: 1, done: true, payload: new Binary(Buffer.from(final)) });
}

function buildInfo({ state }: Call): Buffer {
  const versionArray = [...state.version.split('.').map(Number), 0].slice(0, 4);
  return replyOf({
    version: state.version,
    versionArray,
    bits: 64,
    debug: false,
    maxBsonObjectSize: 16 * 1024 * 1024,
    modules: [],
  });
}

function connectionStatus({ session, options }: Call): Buffer {
  const { user } = session;
  const database = user?.database ?? 'admin';
  const authenticatedUsers = user === undefined ? [] : [{ user: user.name, db: database }];
  const privileges = options.showPrivileges === true ? { authenticatedUserPrivileges: [] } : {};
  return replyOf({ authInfo: { authenticatedUsers, authenticatedUserRoles: user?.roles ?? [], ...privileges } });
}

function usersInfo(call: Call): Buffer {
  const accounts = call.state.accounts.map(({ user }) => ({
    _id: `${user.database ?? 'admin'}.${user.name}`,
    user: user.name,
    db: user.database ?? 'admin',
    roles: user.roles ?? [],
    mechanisms: ['SCRAM-SHA-256'],
  }));
  return replyOf({ users: accounts });
}

/** With a password in clear, as drivers send it; every user may do everything. */
function createUser({ state, options, database }: Call): Buffer {
  const { createUser: name, pwd: password, roles = [] } = options;
  if (typeof name !== 'string' || typeof password !== 'string') throw badValue('a user has a name and a password');
  if (state.accounts.some(({ user }) => user.name === name && (user.database ?? 'admin') === database)) {
    throw new Refusal(51003, 'Location51003', `User "${name}@${database}" already exists`);
  }
  state.accounts.push(accountOf({ name, password, database, roles }));
  return replyOf({});
}

function createRole({ state, options, database }: Call): Buffer {
  const { createRole: role, privileges = [], roles = [] } = options;
  const id = `${database}.${role}`;
  const collection = state.store.findOrCreate('admin', 'system.roles');
  insertDocument('admin', collection, documentOf(plain({ _id: id, role, db: database, privileges, roles })));
  return replyOf({});
}

/** Roles that users made: the documents of `admin.system.roles`. */
function rolesInfo(call: Call): Buffer {
  const documents = call.state.store.find('admin', 'system.roles')?.documents.values() ?? [];
  return replyOf({}, [embeddedArray('roles', [...documents])]);
}

function getParameter({ options }: Call): Buffer {
  if (options.featureCompatibilityVersion !== undefined) {
    return replyOf({ featureCompatibilityVersion: { version: '7.0' } });
  }
  throw new Refusal(72, 'InvalidOptions', 'no option found to get');
}

function killCursors(call: Call): Buffer {
  const ids = part(call, 'cursors');
  const asked: unknown = call.options.cursors;
  if (ids === undefined || !Array.isArray(asked)) throw badValue('cursors must be an array');
  const killed = asked.map((id) => Long.fromValue(id)).filter((id) => call.state.cursors.kill(id.toBigInt()));
  const missed = asked.map((id) => Long.fromValue(id)).filter((id) => !killed.some((other) => other.eq(id)));
  return replyOf({ cursorsKilled: killed, cursorsNotFound: missed, cursorsAlive: [], cursorsUnknown: [] });
}

function getMore(call: Call): Buffer {
  const id = part(call, 'getMore');
  if (id?.type !== 0x12) throw badValue('cursor id must be a long');
  const size = call.options.batchSize === undefined ? undefined : numberOption(call.options.batchSize, 0);
  const namespace = `${call.database}.${call.options.collection}`;
  return call.state.cursors.more(id.value.readBigInt64LE(0), namespace, size === 0 ? undefined : size);
}

function killOp({ state, options }: Call): Buffer {
  const index = state.operations.findIndex(({ opid }) => opid === options.op);
  if (index >= 0) state.operations.splice(index, 1);
  return replyOf({ info: 'attempting to kill op' });
}

const notReplicated = (): Buffer => {
  throw new Refusal(76, 'NoReplicationEnabled', 'not running with --replSet');
};

export const SESSION_COMMANDS: Readonly<Record<string, CommandRule>> = {
  hello: { fields: HELLO_FIELDS, open: true, run: hello },
  ismaster: { fields: HELLO_FIELDS, open: true, run: hello },
  isMaster: { fields: HELLO_FIELDS, open: true, run: hello },
  saslStart: { fields: ['mechanism', 'payload', 'options', 'autoAuthorize'], open: true, run: saslStart },
  saslContinue: { fields: ['conversationId', 'payload'], open: true, run: saslContinue },
  ping: { fields: [], open: true, run: () => replyOf({}) },
  buildInfo: { fields: [], open: true, run: buildInfo },
  buildinfo: { fields: [], open: true, run: buildInfo },
  connectionStatus: { fields: ['showPrivileges'], open: true, run: connectionStatus },
  endSessions: { fields: [], open: true, run: () => replyOf({}) },
  createUser: { fields: ['pwd', 'roles', 'mechanisms', 'digestPassword'], run: createUser },
  createRole: { fields: ['privileges', 'roles', 'authenticationRestrictions'], run: createRole },
  usersInfo: { fields: ['showPrivileges', 'showCredentials', 'filter'], run: usersInfo },
  rolesInfo: { fields: ['showPrivileges', 'showBuiltinRoles'], run: rolesInfo },
  getParameter: { fields: ['featureCompatibilityVersion'], run: getParameter },
  hostInfo: { fields: [], run: ({ state }) => replyOf({ system: { hostname: state.address } }) },
  serverStatus: {
    fields: [],
    run: ({ state }) =>
      replyOf({ host: state.address, version: state.version, process: 'mongod', localTime: new Date() }),
  },
  killOp: { fields: ['op'], run: killOp },
  replSetGetStatus: { fields: [], run: notReplicated },
  getMore: { fields: ['collection', 'batchSize', 'term', 'lastKnownCommittedOpTime'], run: getMore },
  killCursors: { fields: ['cursors'], run: killCursors },
};
