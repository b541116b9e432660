import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Catalog, TenantTransaction } from '../../src/catalog/catalog.ts';
import { insertBackup, type NewBackup } from '../../src/catalog/repositories/backups.ts';
import { judgeDatabase } from '../../src/catalog/repositories/databases.ts';
import { judgeDestination } from '../../src/catalog/repositories/destinations.ts';
import type { Role } from '../../src/contract/resources/people.ts';
import type { Route } from '../../src/contract/route.ts';
import { type RouteId, routes } from '../../src/contract/routes.ts';
import { Failure } from '../../src/domain/failure.ts';
import type { ManifestBody } from '../../src/domain/manifest.ts';
import type { Secret } from '../../src/domain/secret.ts';
import type { Probe } from '../../src/engines/engine.ts';
import { engines } from '../../src/engines/registry.ts';
import { bootstrapTenant } from '../../src/operations/bootstrap.ts';
import type { Asker } from '../../src/operations/operation.ts';
import { operations } from '../../src/operations/registry.ts';
import { signerOf } from '../../src/pipeline/seal.ts';
import type { DownloadRequest, SealPurpose, TimetableEntry } from '../../src/platform/platform.ts';
import type { DatabaseLook, Runtime } from '../../src/runtime/runtime.ts';
import { startCatalog, type TestCatalog } from './catalog.ts';

/** What the outside was asked to do, in order. */
export interface Outside {
  readonly started: { workflow: string; runId: string }[];
  readonly cancelled: string[];
  readonly lent: Map<string, Secret>;
  readonly timetable: Map<string, TimetableEntry>;
  readonly looks: DatabaseLook[];
  readonly links: DownloadRequest[];
  readonly log: string[];
  /** Set to make the launcher, or a look at a database, fail. */
  launcherDown: boolean;
  lookFails: Failure | undefined;
}

export interface World {
  readonly world: TestCatalog;
  readonly catalog: Catalog;
  readonly runtime: Runtime;
  readonly outside: Outside;
  stop(): Promise<void>;
}

const PROBE: Probe = {
  flavour: 'PostgreSQL',
  version: '15.20',
  major: 15,
  bytes: 1000,
  tables: ['public.a'],
  privileges: [],
  warnings: [],
  obstacles: [],
};

/** A real catalog, and around it nothing but notebooks. */
export async function startWorld(kind: 'one-machine' | 'aws' = 'one-machine'): Promise<World> {
  const world = await startCatalog();
  const outside: Outside = {
    started: [],
    cancelled: [],
    lent: new Map(),
    timetable: new Map(),
    looks: [],
    links: [],
    log: [],
    launcherDown: false,
    lookFails: undefined,
  };
  const runtime: Runtime = {
    catalog: world.catalog,
    ...platformOf(outside),
    engines,
    tools: { all: () => [] },
    signer: signerOf(generateKeyPairSync('ed25519').privateKey),
    trusted: [],
    identities: [],
    installation: {
      version: '0.0.0',
      publicUrl: 'http://127.0.0.1:8080',
      allowedRanges: [],
      principalArn: 'arn:aws:iam::111122223333:role/broker',
      kind,
    },
    openStorage: () => Promise.reject(new Failure('storage_unreachable', 'There is no store here.')),
    now: () => new Date(),
    log: (_level, fields, sentence) => outside.log.push(JSON.stringify({ ...fields, sentence })),
  };
  return { world, catalog: world.catalog, runtime, outside, stop: () => world.stop() };
}

function platformOf(outside: Outside) {
  const sealed = (purpose: SealPurpose) => Buffer.concat([randomBytes(24), Buffer.from(JSON.stringify(purpose))]);
  return {
    vault: {
      open: async () => undefined,
      seal: async (_secret: Secret, purpose: SealPurpose) => sealed(purpose),
      unseal: () => Promise.reject(new Error('nothing is unsealed by an operation')),
      lend: async (runId: string, secret: Secret) => void outside.lent.set(runId, secret),
      take: async (runId: string) => outside.lent.get(runId),
    },
    launcher: {
      start: async (workflow: string, { runId }: { runId: string }) => {
        if (outside.launcherDown) throw new Error('the launcher is away');
        outside.started.push({ workflow, runId });
      },
      cancel: async ({ runId }: { runId: string }) => void outside.cancelled.push(runId),
    },
    timetable: {
      put: async (entry: TimetableEntry) => void outside.timetable.set(entry.scheduleId, entry),
      remove: async ({ scheduleId }: { scheduleId: string }) => void outside.timetable.delete(scheduleId),
    },
    notices: { email: async () => undefined, webhook: async () => undefined },
    resolver: { addresses: async () => ['203.0.113.7'] },
    surveyor: {
      database: async (look: DatabaseLook) => {
        outside.looks.push(look);
        if (outside.lookFails !== undefined) throw outside.lookFails;
        return PROBE;
      },
      restore: async () => {
        if (outside.lookFails !== undefined) throw outside.lookFails;
        return [{ name: 'space', ok: true, detail: 'There is room.', blocks: false }];
      },
      destination: async () => ({ findings: [], capabilities: undefined }),
    },
    downloads: {
      link: async (request: DownloadRequest) => {
        outside.links.push(request);
        return `https://store.example/${encodeURIComponent(request.key)}?signature=abc`;
      },
    },
  };
}

export interface Input {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads any answer
export type Json = any;

/** Asks as the door does: the input checked by the route, and the answer too. */
export async function ask(
  runtime: Runtime,
  asker: Asker,
  request: { id: RouteId } & Input,
  // biome-ignore lint/suspicious/noExplicitAny: as above
): Promise<any> {
  const route: Route = routes[request.id];
  const input = {
    params: route.params?.parse(request.params ?? {}),
    query: route.query?.parse(request.query ?? {}),
    body: route.body?.parse(request.body ?? {}),
  };
  const operation = operations[request.id] as (runtime: Runtime, asker: Asker, input: unknown) => Promise<unknown>;
  const answer = await operation(runtime, asker, input);
  const text = JSON.stringify(answer);
  const json = text === undefined ? undefined : JSON.parse(text);
  if (route.response === undefined) return json;
  const checked = route.response.safeParse(json);
  if (!checked.success)
    throw new Error(`${request.id} answers against its contract: ${z.prettifyError(checked.error)}`);
  return json;
}

/** One person of one tenant, who asks. */
export class Person {
  readonly runtime: Runtime;
  readonly asker: Asker;

  constructor(runtime: Runtime, asker: Asker) {
    this.runtime = runtime;
    this.asker = asker;
  }

  get tenantId(): string {
    return this.asker.tenantId;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  ask(id: RouteId, input: Input = {}): Promise<any> {
    return ask(this.runtime, this.asker, { id, ...input });
  }

  with(change: Partial<Asker>): Person {
    return new Person(this.runtime, { ...this.asker, ...change });
  }

  within<T>(work: (trx: TenantTransaction) => Promise<T>): Promise<T> {
    return this.runtime.catalog.withTenant(this.tenantId, work);
  }
}

/** A new tenant's owner. */
export async function newOwner({ runtime }: Pick<World, 'runtime'>): Promise<Person> {
  const first = { name: `T ${randomUUID().slice(0, 8)}`, email: `${randomUUID()}@example.org` };
  const { tenantId, owner } = await bootstrapTenant(runtime, first);
  return new Person(runtime, askerOf(tenantId, 'owner', owner.id));
}

export function askerOf(tenantId: string, role: Role, memberId: string): Asker {
  return {
    tenantId,
    role,
    actor: `member ${memberId}`,
    memberId,
    via: 'session',
    origin: '203.0.113.9',
    requestId: 'req-1',
    ifMatch: undefined,
  };
}

export const DATABASE = {
  name: 'shop',
  engine: 'postgres',
  host: 'db.example.org',
  port: 5432,
  databaseName: 'shop',
  user: 'backup',
  credential: { kind: 'env', name: 'SHOP_PASSWORD' },
  environment: 'production',
};

export const FOLDER = { kind: 'filesystem', name: 'disk', filesystem: { path: '/srv/backups' } };

/** A verified database and destination, as after their probes. */
export async function verifiedPlaces(person: Person, database: object = {}) {
  const db = await person.ask('databases.create', { body: { ...DATABASE, ...database } });
  const destination = await person.ask('destinations.create', { body: FOLDER });
  await setVerified(person, db, destination);
  return { databaseId: db.id as string, destinationId: destination.id as string };
}

export async function setVerified(person: Person, database?: Json, destination?: Json): Promise<void> {
  await person.within(async (trx) => {
    if (database !== undefined) {
      const { id, version } = database;
      await judgeDatabase(trx, { id, version, ok: true, error: undefined, probe: undefined });
    }
    if (destination !== undefined) {
      const { id, version } = destination;
      const capabilities = { conditionalWrites: true, checksums: true, versioned: false };
      await judgeDestination(trx, { id, version, ok: true, error: undefined, probes: [], capabilities });
    }
  });
}

export function manifestOf(database: string, id: string): ManifestBody {
  return {
    format: 'database-dump/manifest',
    version: 1,
    backup: id,
    run: 'run1',
    attempt: 1,
    database: { id: database, name: 'shop', engine: 'postgres', host: 'db', port: 5432 },
    type: 'full',
    startedAt: '2026-11-24T10:11:12.000Z',
    snapshotAt: '2026-11-24T10:11:13.000Z',
    finishedAt: '2026-11-24T10:11:14.000Z',
    server: { flavour: 'PostgreSQL', version: '15.20' },
    tool: { program: 'pg_dump', version: '15.20' },
    options: {},
    consistency: 'snapshot',
    warnings: [],
    extension: 'pgc',
    compression: { algorithm: 'zstd', level: 3 },
    plain: { bytes: 10 },
    stored: { bytes: 5, sha256: 'a'.repeat(64) },
    volumes: [{ name: 'dump.pgc.zst', bytes: 5, sha256: 'a'.repeat(64), crc32: 'AAAAAA==' }],
    inventory: { objects: {}, tables: { 'public.a': { rows: 7 } }, values: {}, facts: {} },
    uncounted: [],
    parsedInStream: false,
  };
}

/** A backup as a run leaves it. */
export async function addBackup(
  person: Person,
  places: { databaseId?: string; destinationId: string },
  facts: Partial<NewBackup> & { createdAt?: Date } = {},
): Promise<string> {
  const id = facts.id ?? randomUUID();
  const { createdAt, ...given } = facts;
  const manifest = manifestOf(places.databaseId ?? 'gone', id);
  await person.within(async (trx) => {
    await insertBackup(trx, {
      tenantId: person.tenantId,
      id,
      manifestId: id,
      databaseId: places.databaseId,
      destinationId: places.destinationId,
      runId: undefined,
      key: `shop-1/2026/11/24T101112Z-${id}/manifest.json`,
      name: undefined,
      state: 'good',
      level: 2,
      identity: 'system 1',
      plainBytes: 10,
      storedBytes: 5,
      facts: {
        databaseName: 'shop',
        engine: 'postgres',
        type: 'full',
        consistency: 'snapshot',
        sha256: 'a'.repeat(64),
        encrypted: false,
        serverVersion: '15.20',
        toolVersion: '15.20',
        tables: 1,
        rows: 7,
        warnings: [],
      },
      manifest,
      tableRows: {},
      manifestSha256: 'b'.repeat(64),
      snapshotAt: createdAt ?? new Date(manifest.snapshotAt),
      verifiedAt: new Date(),
      ...given,
    });
  });
  return id;
}

/** The code of the Failure that a promise ends with. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    const answer = await promise;
    return `no refusal: ${JSON.stringify(answer)}`;
  } catch (error) {
    return error instanceof Failure ? error.code : `no Failure: ${String(error)}`;
  }
}
