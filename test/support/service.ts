import { randomUUID } from 'node:crypto';
import { type ApiHandler, apiHandler } from '../../lambdas/middleware/api-handler.ts';
import type { Door } from '../../lambdas/middleware/door.ts';
import type { HttpResult } from '../../lambdas/middleware/event.ts';
import { memoryLimiter } from '../../lambdas/middleware/rate-limit.ts';
import { everyRoute } from '../../local/api.ts';
import { insertMember } from '../../src/catalog/repositories/members.ts';
import type { Role } from '../../src/contract/resources/people.ts';
import { Failure } from '../../src/domain/failure.ts';
import { engines } from '../../src/engines/registry.ts';
import { makeKey } from '../../src/operations/api-keys.ts';
import { bootstrapTenant } from '../../src/operations/bootstrap.ts';
import { accessTokens, type Issuer } from '../../src/operations/identity/access-token.ts';
import { makeSignInLink } from '../../src/operations/identity/sign-in.ts';
import { makeVerifier } from '../../src/operations/identity/verifier.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { startCatalog, type TestCatalog } from './catalog.ts';
import { type Ask, eventOf, HOST, ORIGIN } from './events.ts';

export interface TestTenant {
  readonly tenantId: string;
  readonly ownerId: string;
  /** API keys by role. */
  readonly keys: Readonly<Record<Role, string>>;
  /** A new one-time link's token for the owner. */
  link(): Promise<string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly text: string;
  /** Parsed where it is JSON. */
  readonly json: Record<string, unknown>;
}

/** The API on a real catalog: everything but clients' servers and stores, which answer that they are not there. */
export interface TestService {
  readonly world: TestCatalog;
  readonly runtime: Runtime;
  readonly handler: ApiHandler;
  readonly door: Door;
  /** What was logged, as it would be written. */
  readonly log: readonly string[];
  tenant(): Promise<TestTenant>;
  ask(request: Ask & { readonly key?: string }): Promise<Answer>;
  stop(): Promise<void>;
}

export interface ServiceWish {
  readonly issuers?: readonly Issuer[];
  readonly limits?: Door['limits'];
  readonly publicUrl?: string;
  now?(): Date;
}

const ENDLESS = { perSecond: 1e9, burst: 1e9 };

export async function startService(wish: ServiceWish = {}): Promise<TestService> {
  const world = await startCatalog();
  const log: string[] = [];
  const now = wish.now ?? (() => new Date());
  const publicUrl = wish.publicUrl ?? ORIGIN;
  const runtime: Runtime = {
    ...nothingOutside(),
    catalog: world.catalog,
    engines,
    tools: { all: () => [] },
    signer: { publicKey: 'A'.repeat(43), sign: () => Promise.reject(new Error('nothing is sealed here')) },
    trusted: [],
    identities: [],
    installation: { version: '0.0.0-test', publicUrl, allowedRanges: [], principalArn: undefined, kind: 'one-machine' },
    now,
    log: (level, fields, sentence) =>
      log.push(
        JSON.stringify({
          level,
          sentence,
          ...fields,
          ...(fields.error === undefined ? {} : { error: String((fields.error as Error).cause ?? fields.error) }),
        }),
      ),
  };
  const verifier = makeVerifier({ catalog: world.catalog, tokens: accessTokens(wish.issuers ?? [], now), now });
  const door: Door = {
    runtime,
    verifier,
    limiter: memoryLimiter(),
    limits: wish.limits ?? { asker: ENDLESS, stranger: ENDLESS },
    policy: { hosts: [HOST], origins: [ORIGIN] },
    secure: false,
  };
  const handler = apiHandler(door, everyRoute);
  return {
    world,
    runtime,
    handler,
    door,
    log,
    tenant: () => makeTenant(runtime),
    ask: async ({ key, ...request }) =>
      answerOf(
        await handler(
          eventOf({
            ...request,
            headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...request.headers },
          }),
        ),
      ),
    stop: () => world.stop(),
  };
}

export function answerOf({ statusCode, headers, body, cookies }: HttpResult): Answer {
  const text = body ?? '';
  const lower = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]);
  return {
    status: statusCode ?? 200,
    headers: Object.fromEntries(lower),
    cookies: cookies ?? [],
    text,
    json: text.startsWith('{') ? JSON.parse(text) : {},
  };
}

async function makeTenant(runtime: Runtime): Promise<TestTenant> {
  const name = `T ${randomUUID().slice(0, 8)}`;
  const { tenantId, owner, key } = await bootstrapTenant(runtime, { name, email: `${randomUUID()}@example.org` });
  const asker = {
    tenantId,
    role: 'owner',
    actor: 'test',
    memberId: owner.id,
    via: 'api-key',
    origin: undefined,
    requestId: 'test',
    ifMatch: undefined,
  } as const;
  const keyOf = async (role: Role) =>
    (
      await runtime.catalog.withTenant(tenantId, (trx) =>
        makeKey(trx, asker, { name: role, role, expiresAt: undefined }),
      )
    ).key;
  const keys = {
    owner: key,
    admin: await keyOf('admin'),
    operator: await keyOf('operator'),
    viewer: await keyOf('viewer'),
  };
  return { tenantId, ownerId: owner.id, keys, link: () => makeSignInLink(runtime, owner) };
}

/** Clients' servers, stores and mail: whoever asks for them is refused as where nothing is reachable. */
function nothingOutside() {
  const unreachable = (what: string) => () =>
    Promise.reject(new Failure('database_unreachable', `${what} cannot be reached.`, { remedy: 'It is a test.' }));
  const done = async () => undefined;
  return {
    vault: {
      open: unreachable('The vault'),
      seal: async () => Buffer.from('sealed'),
      unseal: unreachable('The vault'),
      lend: done,
      take: done,
    },
    launcher: { start: done, cancel: done },
    timetable: { put: done, remove: done },
    notices: { email: unreachable('Mail'), webhook: unreachable('The webhook') },
    resolver: { addresses: async () => ['203.0.113.7'] },
    surveyor: {
      database: unreachable('The server'),
      restore: unreachable('The server'),
      destination: unreachable('The store'),
    },
    downloads: { link: unreachable('The store') },
    openStorage: unreachable('The store'),
  };
}

/** A tenant's person with that subject. */
export async function addPerson(service: TestService, tenantId: string, subject: string): Promise<string> {
  const id = randomUUID();
  await service.world.catalog.withTenant(tenantId, (trx) =>
    insertMember(trx, { tenantId, id, subject, email: `${id}@example.org`, name: 'P', role: 'operator' }),
  );
  return id;
}
