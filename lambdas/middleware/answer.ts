import { createHash } from 'node:crypto';
import middy from '@middy/core';
import type { Role } from '../../src/contract/resources/people.ts';
import type { Route } from '../../src/contract/route.ts';
import { Failure } from '../../src/domain/failure.ts';
import { canonicalJson } from '../../src/domain/manifest.ts';
import { withIdempotency } from '../../src/operations/idempotency.ts';
import { type Asker, nobody } from '../../src/operations/operation.ts';
import type { Door } from './door.ts';
import { tagged, versionWanted } from './entity-tag.ts';
import { cookieOf, type HttpEvent, type HttpResult, headerOf } from './event.ts';
import { jsonBody, noBody } from './json-body.ts';
import { SESSION_COOKIE } from './known-host.ts';
import { refuseWhenEmpty } from './rate-limit.ts';
import { type Input, readInput } from './read-input.ts';
import { cookieJar } from './session-cookie.ts';

/** An operation as a door sees it: what it is given was checked against the contract, what it answers will be. */
export type AnyOperation = (runtime: Door['runtime'], asker: Asker, input: never) => Promise<unknown>;

export interface Answering {
  readonly route: Route;
  readonly operation: AnyOperation;
}

/** One route from the event to the answer. Who asks is settled before a byte of the body is looked at. */
export function answerWith(door: Door, answering: Answering): (event: HttpEvent) => Promise<HttpResult> {
  const { route } = answering;
  const handle = middy<HttpEvent, HttpResult>()
    .before(({ event }) => settleAsker(door, route, event))
    .use(route.body === undefined ? noBody() : jsonBody())
    .handler((event: HttpEvent) => answer(door, answering, event));
  return (event) => handle(event, CONTEXT);
}

// Nothing of Lambda's context is used: the door on one machine has none.
const CONTEXT = {} as Parameters<ReturnType<typeof middy>>[1];

async function settleAsker(door: Door, route: Route, event: HttpEvent): Promise<void> {
  const { asked } = event;
  asked.route = route.id;
  const address = `address ${asked.origin ?? ''}`;
  if (route.role === 'public') {
    asked.rate = door.limiter.take(address, door.limits.stranger);
    refuseWhenEmpty(asked.rate);
    const bearer = bearerOf(event);
    if (bearer !== undefined) asked.subject = await door.verifier.subjectOf(bearer);
    return;
  }
  try {
    asked.identity = await door.verifier.verify({
      bearer: bearerOf(event),
      session: cookieOf(event, SESSION_COOKIE),
      tenantId: headerOf(event, 'x-tenant-id'),
    });
  } catch (error) {
    // Only those who cannot prove themselves use up what strangers have: guessing is slow, working is not.
    asked.rate = door.limiter.take(address, door.limits.stranger);
    refuseWhenEmpty(asked.rate);
    throw error;
  }
  asked.rate = door.limiter.take(`${asked.identity.tenantId} ${asked.identity.actor}`, door.limits.asker);
  refuseWhenEmpty(asked.rate);
  requireRole(route, asked.identity.role);
}

function bearerOf(event: HttpEvent): string | undefined {
  const header = headerOf(event, 'authorization');
  if (header === undefined) return undefined;
  // Another scheme is no proof, and must not fall back to the cookie.
  return /^Bearer ([\x21-\x7e]+)$/i.exec(header)?.[1] ?? '';
}

const RANKS: readonly Role[] = ['viewer', 'operator', 'admin', 'owner'];

function requireRole({ role }: Route, actual: Role): void {
  if (role === 'public' || role === 'member' || RANKS.indexOf(actual) >= RANKS.indexOf(role)) return;
  throw new Failure('forbidden', `This needs the role ${role}; yours is ${actual}.`, {
    remedy: 'Ask an owner or admin for the role, or to do it.',
  });
}

async function answer(door: Door, { route, operation }: Answering, event: HttpEvent): Promise<HttpResult> {
  const jar = cookieJar(door.secure);
  const asker = { ...askerOf(route, event), cookie: jar };
  const input = readInput(route, event);
  const work = (holder: Asker) => operation(door.runtime, holder, input as never);
  const key = keyOf(route, event);
  const { answer: output, replayed } =
    key === undefined
      ? { answer: await work(asker), replayed: false }
      : await withIdempotency(door.runtime, asker, { ...requestOf(route, input), key, work });
  const result = resultOf(route, output);
  return tagged(event, output, {
    ...result,
    headers: { ...result.headers, ...(replayed ? { 'Idempotency-Replayed': 'true' } : {}) },
    ...(jar.cookies.length > 0 ? { cookies: [...jar.cookies] } : {}),
  });
}

function askerOf(route: Route, event: HttpEvent): Asker {
  const { identity, subject, origin, requestId } = event.asked;
  if (identity === undefined) return nobody({ origin, requestId, subject });
  return { ...identity, origin, requestId, ifMatch: versionWanted(route, event) };
}

/** Only what changes something for somebody is worth a key. */
function keyOf(route: Route, event: HttpEvent): string | undefined {
  const key = headerOf(event, 'idempotency-key');
  if (route.method !== 'POST' || key === undefined || event.asked.identity === undefined) return undefined;
  if (/^[\x20-\x7e]{1,200}$/.test(key)) return key;
  throw new Failure('usage', 'The Idempotency-Key cannot be taken.', {
    remedy: 'Send 1 to 200 printable ASCII characters, a UUID for instance.',
  });
}

function requestOf(route: Route, { params, query, body }: Input) {
  const facts = { params: params ?? null, query: query ?? null, body: withoutPasswords(body) ?? null };
  const requestHash = createHash('sha256').update(canonicalJson(facts)).digest('hex');
  return { route: route.id, status: route.status, requestHash };
}

/** A hash of a short password would be a copy of it. */
function withoutPasswords(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPasswords);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name, inner]) => name !== 'password' && inner !== undefined);
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutPasswords(inner)]));
}

/** What does not fit the contract is a fault of ours and is not sent: it might be more than the asker may see. */
function resultOf(route: Route, output: unknown): HttpResult {
  const statusCode = route.status;
  if (statusCode === 204) return { statusCode };
  const headers = { 'Cache-Control': 'no-store' };
  if (route.contentType !== undefined)
    return {
      statusCode,
      headers: { ...headers, 'Content-Type': `${route.contentType}; charset=utf-8` },
      body: String(output),
    };
  const read = route.response?.safeParse(output);
  if (read?.success !== true) {
    const where = read?.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`).join(', ');
    throw new Error(`the answer of ${route.id} does not fit its contract: ${where}`);
  }
  return { statusCode, headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(read.data) };
}
