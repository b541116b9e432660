import type { z } from 'zod';
import { Failure, messageOf } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import { failureOf, type Received, retryAfterMs, unreachable } from './client-answer.ts';
import type { Route } from './route.ts';
import { type RouteId, routes } from './routes.ts';

type Routes = typeof routes;
type Empty = Record<never, never>;

/** Any text of a body may be given as a Secret: it is revealed on its way out and nowhere else. */
type Sendable<T> = T extends string
  ? string extends T
    ? T | Secret
    : T
  : T extends readonly (infer Item)[]
    ? readonly Sendable<Item>[]
    : T extends object
      ? { readonly [Field in keyof T]: Sendable<T[Field]> }
      : T;

type Needed<R extends Route> = (R['params'] extends z.ZodType ? { readonly params: z.input<R['params']> } : Empty) &
  (R['query'] extends z.ZodType ? { readonly query?: z.input<R['query']> } : Empty) &
  (R['body'] extends z.ZodType ? { readonly body: Sendable<z.input<R['body']>> } : Empty) &
  /** The version that an update is based on. */
  (R['ifMatch'] extends true ? { readonly version: number } : Empty);

/** What a route must be given. */
export type Given<Id extends RouteId> = Needed<Routes[Id] & Route>;

/** What a route answers, once read. */
export type Answer<Id extends RouteId> = Routes[Id] extends { readonly response: infer R extends z.ZodType }
  ? z.output<R>
  : Routes[Id] extends { readonly contentType: 'text/plain' }
    ? string
    : undefined;

/** Routes that answer a page with a cursor. */
export type ListId = {
  [Id in RouteId]: Answer<Id> extends { items: readonly unknown[]; next?: string | undefined } ? Id : never;
}[RouteId];
export type Item<Id extends ListId> = Answer<Id> extends { items: readonly (infer One)[] } ? One : never;

export interface ClientOptions {
  /** `https://backups.example.org`, with a path where a proxy puts the service below one. */
  readonly baseUrl: string;
  /** API key or access token; undefined: the browser's own session. */
  readonly bearer?: Secret | undefined;
  readonly tenantId?: string;
  /** Milliseconds for one attempt. */
  readonly timeoutMs?: number;
  /** Ends every request that is at work. */
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** How many attempts at most, where a second one is safe. */
  readonly attempts?: number;
  pause?(milliseconds: number): Promise<void>;
}

/** One reading of something that is read again and again. */
export interface Reading<T> {
  /** Undefined: it is as it was. */
  readonly value: T | undefined;
  readonly etag: string | undefined;
}

/** The API, one function for all routes. Every problem is thrown as the Failure that it tells of. */
export interface Client {
  call<Id extends RouteId>(id: Id, ...given: Empty extends Given<Id> ? [Given<Id>?] : [Given<Id>]): Promise<Answer<Id>>;
  /** Every item of a list, page by page, as they are asked for. */
  each<Id extends ListId>(
    id: Id,
    ...given: Empty extends Given<Id> ? [Given<Id>?] : [Given<Id>]
  ): AsyncGenerator<Item<Id>, void, undefined>;
  /** A GET that costs nothing where nothing changed. */
  look<Id extends RouteId>(id: Id, given: Given<Id>, etag: string | undefined): Promise<Reading<Answer<Id>>>;
}

interface AnyGiven {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly version?: number;
}

interface Request {
  readonly route: Route;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const TIMEOUT_MS = 30_000;
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
const PAGE = 200;

export function makeClient(options: ClientOptions): Client {
  const ask = async (id: RouteId, given: AnyGiven, etag?: string) => {
    const request = requestOf(options, routes[id], given);
    const headers = etag === undefined ? request.headers : { ...request.headers, 'if-none-match': etag };
    return { route: request.route, response: await send(options, { ...request, headers }) };
  };
  const call = async (id: RouteId, given: AnyGiven = {}) => {
    const { route, response } = await ask(id, given);
    return read(route, response);
  };
  async function* each(id: RouteId, given: AnyGiven = {}) {
    let cursor: string | undefined;
    do {
      const query = { limit: PAGE, ...given.query, ...(cursor === undefined ? {} : { cursor }) };
      const page = (await call(id, { ...given, query })) as { items: unknown[]; next?: string };
      yield* page.items;
      cursor = page.next;
    } while (cursor !== undefined);
  }
  const look = async (id: RouteId, given: AnyGiven, etag: string | undefined) => {
    const { route, response } = await ask(id, given, etag);
    const tag = response.headers.get('etag') ?? undefined;
    if (response.status === 304) return { value: undefined, etag: tag ?? etag };
    return { value: read(route, response), etag: tag };
  };
  // The types of a route are those of its data: what goes in was checked by the compiler, what comes out by `read`.
  return { call, each, look } as Client;
}

function requestOf(options: ClientOptions, route: Route, given: AnyGiven): Request {
  const body = route.body === undefined ? undefined : revealed(given.body ?? {});
  const headers = {
    accept: 'application/json, application/problem+json',
    authorization: options.bearer === undefined ? undefined : `Bearer ${options.bearer.reveal()}`,
    'x-tenant-id': options.tenantId,
    'content-type': body === undefined ? undefined : 'application/json',
    'idempotency-key': route.method === 'POST' ? crypto.randomUUID() : undefined,
    'if-match': given.version === undefined ? undefined : `"${given.version}"`,
  };
  return { route, url: urlOf(options.baseUrl, route, given), headers: withoutMissing(headers), body };
}

function urlOf(baseUrl: string, route: Route, { params = {}, query = {} }: AnyGiven): string {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams(withoutMissing(query)).toString();
  return `${baseUrl.replace(/\/+$/, '')}${path}${search === '' ? '' : `?${search}`}`;
}

function withoutMissing(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there.map(([name, value]) => [name, String(value)]));
}

function revealed(body: unknown): string {
  return JSON.stringify(body, function (this: Readonly<Record<string, unknown>>, field, value) {
    const original = this[field];
    return original instanceof Secret ? original.reveal() : value;
  });
}

/**
 * A GET may be sent again, and so may a POST: its Idempotency-Key makes the second one the same request (F59). An update or
 * removal that got no answer may have been done, and is not repeated. Whoever is told to wait was not served: that may
 * always be sent again.
 */
async function send(options: ClientOptions, request: Request, attempt = 1): Promise<Received> {
  const outcome = await sendOnce(options, request);
  if (!(outcome instanceof Failure) && outcome.status < 400) return outcome;
  const wait = waitMs(outcome, { attempt, repeatable: isRepeatable(request.route) });
  if (attempt >= (options.attempts ?? ATTEMPTS) || wait === undefined || wait > LONGEST_PAUSE_MS)
    throw outcome instanceof Failure ? outcome : failureOf(outcome);
  await pause(options, wait);
  return send(options, request, attempt + 1);
}

function isRepeatable({ method, role }: Route): boolean {
  return method === 'GET' || (method === 'POST' && role !== 'public');
}

interface Try {
  readonly attempt: number;
  readonly repeatable: boolean;
}

/** How long until it may be sent again; undefined: never. */
function waitMs(outcome: Received | Failure, { attempt, repeatable }: Try): number | undefined {
  if (outcome instanceof Failure) return repeatable ? pauseMs(attempt) : undefined;
  const { status, headers } = outcome;
  const asked = retryAfterMs(headers.get('retry-after'));
  if (asked !== undefined && [429, 503].includes(status)) return asked;
  // What a proxy says of a service that is away or being replaced.
  const ofProxy = !(headers.get('content-type') ?? '').startsWith('application/problem+json');
  return ofProxy && repeatable && [502, 503, 504].includes(status) ? pauseMs(attempt) : undefined;
}

function pauseMs(attempt: number): number {
  return FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
}

async function pause({ pause: given, signal }: ClientOptions, milliseconds: number): Promise<void> {
  await (given?.(milliseconds) ?? new Promise((resolve) => setTimeout(resolve, milliseconds)));
  signal?.throwIfAborted();
}

/** An answer to its last byte, or why there is none. No redirect is followed: the key would go with it. */
async function sendOnce(options: ClientOptions, { route, url, headers, body }: Request): Promise<Received | Failure> {
  const { signal, timeoutMs = TIMEOUT_MS } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const { origin } = new URL(url);
  try {
    const response = await (options.fetch ?? fetch)(url, {
      method: route.method,
      headers,
      redirect: 'error',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(body === undefined ? {} : { body }),
    });
    return { origin, status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    return unreachable(origin, timeout.aborted ? `no answer in ${timeoutMs / 1000} s` : reasonOf(error), error);
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : messageOf(cause);
}

/** The answer as the contract says it is. A newer service may say more than we know: that is no fault. */
function read(route: Route, { origin, text }: Received): unknown {
  if (route.status === 204) return undefined;
  if (route.response === undefined) return text;
  const value = parsed(text, origin);
  const checked = route.response.safeParse(value);
  if (checked.success) return checked.data;
  const wrong = checked.error.issues.find(({ code }) => code !== 'unrecognized_keys');
  if (wrong === undefined) return value;
  throw unreachable(origin, `its answer to ${route.id} is not what the contract says: ${wrong.path.join('.')}`);
}

function parsed(text: string, origin: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreachable(origin, 'what answers there is not this service', error);
  }
}
