import type { IncomingMessage, ServerResponse } from 'node:http';
import { actionOf, targetOf } from './actions.ts';
import { consume, Unanswered } from './body.ts';
import { openExchange } from './exchange.ts';
import type { Call, Fault } from './faults.ts';
import { dispatch } from './handlers.ts';
import { type AccessKey, authenticate, type SessionAuthority } from './identity.ts';
import type { Reply, World } from './model.ts';
import { errorReply, sendReply } from './reply.ts';
import { S3Error } from './s3-error.ts';
import { queryOf, readClaim } from './sigv4.ts';

export interface LogEntry extends Call {
  /** Milliseconds since 1970 at arrival, by the machine's clock. */
  readonly at: number;
  /** The access key named in the request, right or wrong. */
  accessKeyId: string | undefined;
  status: number;
  /** The S3 error code of the reply. */
  code: string | undefined;
  fault: Fault['kind'] | undefined;
  bytesIn: number;
  bytesOut: number;
  durationMs: number;
  /** A mistake of this server, which the client saw as InternalError. */
  crash: string | undefined;
}

export interface Service {
  readonly world: World;
  readonly keys: readonly AccessKey[];
  readonly sessions: SessionAuthority | undefined;
  readonly deny: Set<string>;
  readonly log: LogEntry[];
  readonly attempts: Map<string, number>;
  decide: (call: Call) => Fault | undefined;
}

interface Turn {
  readonly service: Service;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: ReadonlyMap<string, string>;
  readonly entry: LogEntry;
  readonly fault: Fault | undefined;
}

/** Answers one request, or leaves it unanswered in the way its fault asks for. Never rejects. */
export async function serveRequest(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => undefined);
  const turn = openTurn(service, request, response);
  const started = performance.now();
  try {
    await answer(turn);
  } catch (error) {
    if (!(error instanceof Unanswered)) turn.entry.crash = error instanceof Error ? error.stack : String(error);
    if (!(error instanceof Unanswered && error.how === 'stall')) request.socket.resetAndDestroy();
    turn.entry.status = 0;
  } finally {
    turn.entry.durationMs = performance.now() - started;
  }
}

function openTurn(service: Service, request: IncomingMessage, response: ServerResponse): Turn {
  const { call, query } = readCall(service, request);
  const fault = service.decide(call);
  const entry: LogEntry = {
    ...call,
    at: Date.now(),
    accessKeyId: undefined,
    status: 0,
    code: undefined,
    fault: fault?.kind,
    bytesIn: 0,
    bytesOut: 0,
    durationMs: 0,
    crash: undefined,
  };
  service.log.push(entry);
  return { service, request, response, query, entry, fault };
}

function readCall(service: Service, request: IncomingMessage): { call: Call; query: ReadonlyMap<string, string> } {
  const { method = 'GET', url = '/' } = request;
  let query: ReadonlyMap<string, string> = new Map();
  let target = targetOf('/');
  let action = 'Unknown';
  try {
    query = queryOf(url);
    target = targetOf(url);
    action = actionOf(method, target, query);
  } catch {
    // A path that is not percent-encoded UTF-8 stays Unknown and is refused later.
  }
  const partNumber = query.get('partNumber');
  const named = {
    action,
    ...target,
    uploadId: query.get('uploadId'),
    partNumber: partNumber === undefined ? undefined : Number(partNumber),
  };
  const id = [action, target.bucket, target.key, partNumber].join('\n');
  const attempt = (service.attempts.get(id) ?? 0) + 1;
  service.attempts.set(id, attempt);
  return { call: { index: service.log.length, ...named, attempt }, query };
}

async function answer(turn: Turn): Promise<void> {
  const { service, request, response, entry, fault } = turn;
  let reply: Reply;
  try {
    reply = await replyFor(turn);
  } catch (error) {
    if (error instanceof Unanswered) throw error;
    const known =
      error instanceof S3Error
        ? error
        : new S3Error('InternalError', 'We encountered an internal error. Please try again.');
    if (known !== error) entry.crash = error instanceof Error ? error.stack : String(error);
    entry.code = known.code;
    reply = errorReply(known, request.url ?? '/');
    // A client that still waits to send its body, or still sends it, must not reuse the connection.
    if (request.headers.expect !== undefined || known.code === 'RequestTimeout')
      response.setHeader('connection', 'close');
  }
  if (fault?.kind === 'drop-reply') throw new Unanswered('reset');
  entry.status = reply.status;
  const onBytes = (count: number) => {
    entry.bytesOut += count;
  };
  await sendReply(response, reply, { fault, isHead: request.method === 'HEAD', now: service.world.now(), onBytes });
}

async function replyFor(turn: Turn): Promise<Reply> {
  const { service, request, response, query, entry, fault } = turn;
  await failEarly(turn);
  const signed = { method: request.method ?? 'GET', target: request.url ?? '/', headers: request.headers };
  entry.accessKeyId = readClaim(signed)?.accessKeyId;
  const authenticated = authenticate(signed, {
    keys: service.keys,
    sessions: service.sessions,
    now: service.world.now(),
  });
  const exchange = openExchange({
    world: service.world,
    request,
    call: entry,
    fault,
    query,
    authenticated,
    deny: service.deny,
    startBody: () => {
      if (request.headers.expect !== undefined) response.writeContinue();
    },
    onBytes: (count) => {
      entry.bytesIn += count;
    },
  });
  if (fault?.kind !== 'error-in-200') return dispatch(exchange, authenticated.claim.region);
  if (fault.applied === true) await dispatch(exchange, authenticated.claim.region);
  else await exchange.text();
  entry.code = 'InternalError';
  return {
    ...errorReply(
      new S3Error('InternalError', 'We encountered an internal error. Please try again.'),
      request.url ?? '/',
    ),
    status: 200,
  };
}

const ERRORS: Partial<Record<Fault['kind'], readonly [code: string, message: string]>> = {
  'internal-error': ['InternalError', 'We encountered an internal error. Please try again.'],
  'slow-down': ['SlowDown', 'Please reduce your request rate.'],
  'request-timeout': [
    'RequestTimeout',
    'Your socket connection to the server was not read from or written to within the timeout period.',
  ],
  'expired-token': ['ExpiredToken', 'The provided token has expired.'],
  'access-denied': ['AccessDenied', 'Access Denied'],
  'no-such-upload': ['NoSuchUpload', 'The specified upload does not exist.'],
  'conditional-conflict': [
    'ConditionalRequestConflict',
    'The conditional request cannot succeed due to a conflicting operation against this resource.',
  ],
};

/** The faults that strike before the request is looked at. */
async function failEarly({ service, request, entry, fault }: Turn): Promise<void> {
  if (fault === undefined) return;
  const hasBody =
    Number(request.headers['content-length'] ?? 0) > 0 || request.headers['transfer-encoding'] !== undefined;
  if (fault.kind === 'stall') throw new Unanswered('stall');
  if (fault.kind === 'reset-before-body' || (fault.kind === 'reset-mid-body' && !hasBody))
    throw new Unanswered('reset');
  const error = ERRORS[fault.kind];
  if (error === undefined) return;
  if (fault.kind === 'conditional-conflict')
    service.world.buckets.get(entry.bucket ?? '')?.uploads.delete(entry.uploadId ?? '');
  // S3 mostly fails after it took the body; only the timeout answers while the body is still on its way.
  if (hasBody && fault.kind !== 'request-timeout' && request.headers.expect === undefined)
    await consume(request, () => undefined);
  throw new S3Error(error[0], error[1]);
}
