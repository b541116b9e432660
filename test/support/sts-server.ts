import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AccessKey,
  type Authenticated,
  authenticate,
  type Session,
  type SessionAuthority,
} from './s3-server/identity.ts';
import { S3Error } from './s3-server/s3-error.ts';
import {
  assumeRole,
  callerIdentity,
  Refusal,
  type Role,
  type RoleBook,
  type StsReply,
  stsDocument,
} from './sts-assume-role.ts';

export interface StsServerOptions {
  readonly port?: number;
  readonly credentials?: AccessKey;
  readonly keys?: readonly AccessKey[];
  readonly roles?: readonly Role[];
  /** The real life of every session, whatever was asked: 1 or 2 seconds make renewals testable. */
  readonly lifetimeSeconds?: number;
}

/** How the server answers instead of working: 503, 400 Throttling, a reset, or never. */
export type Outage = 'unavailable' | 'throttled' | 'reset' | 'stall';

export interface StsCall {
  readonly index: number;
  readonly action: string;
  readonly at: number;
  readonly roleArn: string | undefined;
  readonly sessionName: string | undefined;
  readonly externalId: string | undefined;
  readonly accessKeyId: string | undefined;
  status: number;
  code: string | undefined;
}

export interface StsServer extends SessionAuthority {
  readonly endpoint: string;
  readonly credentials: AccessKey;
  readonly roles: Role[];
  lifetimeSeconds: number | undefined;
  /** Set to fail every call, or those for which the function says so; undefined works again. */
  outage: Outage | ((call: StsCall) => Outage | undefined) | undefined;
  clockOffsetMs: number;
  readonly log: readonly StsCall[];
  /** All sessions ever given out. */
  readonly sessions: readonly Session[];
  /** Ends every session now, as when a role is deleted. */
  expireAll(): void;
  close(): Promise<void>;
}

interface State extends RoleBook {
  readonly keys: readonly AccessKey[];
  readonly log: StsCall[];
  outage: StsServer['outage'];
}

/** Starts an STS with AssumeRole and GetCallerIdentity on 127.0.0.1; the S3 server takes it as its `sessions`. */
export async function startStsServer(options: StsServerOptions = {}): Promise<StsServer> {
  const credentials = options.credentials ?? {
    accessKeyId: 'AKIATESTBROKER000001',
    secretAccessKey: 'test-secret-of-the-broker-00000000000000000',
  };
  const state: State = {
    keys: [credentials, ...(options.keys ?? [])],
    roles: [...(options.roles ?? [])],
    sessions: new Map(),
    log: [],
    lifetimeSeconds: options.lifetimeSeconds,
    outage: undefined,
    clockOffsetMs: 0,
  };
  const server = createServer(
    { keepAliveTimeout: 60_000, requestTimeout: 0 },
    (request, response) => void serve(state, request, response),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return asServer(state, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials,
    close,
  });
}

function asServer(state: State, fixed: Pick<StsServer, 'endpoint' | 'credentials' | 'close'>): StsServer {
  return {
    ...fixed,
    roles: state.roles,
    log: state.log,
    get sessions() {
      return [...state.sessions.values()];
    },
    get lifetimeSeconds() {
      return state.lifetimeSeconds;
    },
    set lifetimeSeconds(seconds) {
      state.lifetimeSeconds = seconds;
    },
    get outage() {
      return state.outage;
    },
    set outage(outage) {
      state.outage = outage;
    },
    get clockOffsetMs() {
      return state.clockOffsetMs;
    },
    set clockOffsetMs(offset) {
      state.clockOffsetMs = offset;
    },
    findSession: (accessKeyId) => state.sessions.get(accessKeyId),
    isExpired: (session) => isExpired(state, session),
    expireAll() {
      for (const [id, session] of state.sessions) state.sessions.set(id, { ...session, expiresAt: 0 });
    },
  };
}

function isExpired(state: State, session: Session): boolean {
  return session.expiresAt <= Date.now() + state.clockOffsetMs;
}

async function serve(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const piece of request) body += piece;
  const form = new URLSearchParams(body);
  const call: StsCall = {
    index: state.log.length,
    action: form.get('Action') ?? 'Unknown',
    at: Date.now(),
    roleArn: form.get('RoleArn') ?? undefined,
    sessionName: form.get('RoleSessionName') ?? undefined,
    externalId: form.get('ExternalId') ?? undefined,
    accessKeyId: /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1],
    status: 0,
    code: undefined,
  };
  state.log.push(call);
  const outage = typeof state.outage === 'function' ? state.outage(call) : state.outage;
  if (outage === 'stall') return;
  if (outage === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  const reply = outage === undefined ? decide(state, { request, body, form, call }) : outageReply(outage);
  call.status = reply.status;
  call.code = reply.code;
  const date = new Date(Date.now() + state.clockOffsetMs).toUTCString();
  response.writeHead(reply.status, { 'content-type': 'text/xml', date }).end(reply.body);
}

function outageReply(outage: 'unavailable' | 'throttled'): StsReply {
  if (outage === 'throttled') return errorReply(400, 'Throttling', 'Rate exceeded');
  return errorReply(503, 'ServiceUnavailable', 'The service is unavailable. Please try again shortly.');
}

function errorReply(status: number, code: string, message: string): StsReply {
  const error = { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message };
  return { status, code, body: stsDocument('ErrorResponse', { Error: error }) };
}

interface Asked {
  readonly request: IncomingMessage;
  readonly body: string;
  readonly form: URLSearchParams;
  readonly call: StsCall;
}

function decide(state: State, asked: Asked): StsReply {
  try {
    const caller = authenticateCaller(state, asked);
    if (asked.call.action === 'AssumeRole') return assumeRole(state, asked.form, caller);
    if (asked.call.action === 'GetCallerIdentity') return callerIdentity(caller);
    return errorReply(400, 'InvalidAction', `Could not find operation ${asked.call.action}`);
  } catch (error) {
    if (error instanceof S3Error) return errorReply(403, STS_CODES[error.code] ?? error.code, error.message);
    if (error instanceof Refusal) return errorReply(error.status, error.code, error.message);
    throw error;
  }
}

// STS has its own names for what S3 calls otherwise.
const STS_CODES: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: 'InvalidClientTokenId',
  InvalidToken: 'InvalidClientTokenId',
  RequestTimeTooSkewed: 'SignatureDoesNotMatch',
};

/** STS signs the hash of the body without a header that carries it. */
function authenticateCaller(state: State, { request, body }: Asked): Authenticated {
  const payloadHash = createHash('sha256').update(body).digest('hex');
  return authenticate(
    { method: request.method ?? 'POST', target: request.url ?? '/', headers: request.headers, payloadHash },
    {
      keys: state.keys,
      sessions: { findSession: (id) => state.sessions.get(id), isExpired: (session) => isExpired(state, session) },
      now: Date.now() + state.clockOffsetMs,
    },
  );
}
