import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { insertDatabase } from '../../src/catalog/repositories/databases.ts';
import { insertDestination } from '../../src/catalog/repositories/destinations.ts';
import { getRun, insertRun, type RunRow } from '../../src/catalog/repositories/runs.ts';
import { BackupRun } from '../../src/contract/resources/stored.ts';
import { FAILURES, Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { Signer } from '../../src/pipeline/pipeline.ts';
import { makeRunner } from '../../src/process/child.ts';
import type { RunningTask, TaskStarter } from '../../src/runtime/local-platform.ts';
import type { Runtime, TaskRuntime } from '../../src/runtime/runtime.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { dump } from '../../src/workflows/backup/dump.ts';
import { catalogKeeper } from '../../src/workflows/catalog-keeper.ts';
import { doTask, type TaskInput, type TaskWork } from '../../src/workflows/task.ts';
import { startCatalog, type TestCatalog } from './catalog.ts';
import { MemoryStorage } from './memory-storage.ts';
import { noTools, signer } from './pipeline-bench.ts';
import { connectionTo, StubEngine, stubDatabase } from './stub-engine.ts';

/** What a task does at each of its attempts: its real work, a failure, waiting for its end, or dying without a word. */
export type Behaviour = 'good' | 'hang' | 'die' | 'seal, then die' | Failure;

/** What stands in for clients' servers and stores, and how tasks behave. */
export interface StandIns {
  readonly catalog: Catalog;
  readonly engine: StubEngine;
  readonly signer: Signer;
  /** A folder of its own. */
  readonly folder: string;
  /** By run, in the order of the attempts; the last one is for all that follow. */
  readonly behaviours: Map<string, readonly Behaviour[]>;
  /** Attempts of tasks that were started, by run. */
  readonly started: Map<string, number>;
  readonly log: string[];
  openStore(destinationId: string): Storage;
  /** What a good task does. */
  readonly work: TaskWork;
}

/** The real catalog and the real steps; clients' servers and stores are stand-ins, tasks run in this process. */
export interface WorkflowWorld extends Omit<StandIns, 'catalog'> {
  readonly world: TestCatalog;
  readonly runtime: Runtime;
  readonly tasks: TaskStarter;
  readonly queueUrl: Secret;
  /** Of each destination. */
  readonly stores: Map<string, MemoryStorage>;
  tenant(): Promise<Tenant>;
  /** Another database of the tenant of that number. */
  tenantOf(n: number): Promise<Tenant>;
  run(tenantId: string, runId: string): Promise<RunRow>;
  stop(): Promise<void>;
}

export interface Tenant {
  readonly tenantId: string;
  readonly databaseId: string;
  readonly destinationId: string;
  /** Queues a backup; returns the run's id. */
  backup(request?: Partial<BackupRun>): Promise<string>;
}

export async function startWorkflowWorld(): Promise<WorkflowWorld> {
  const world = await startCatalog();
  await world.sql("alter role queue password 'queue'");
  const stores = new Map<string, MemoryStorage>();
  const parts = standIns({
    catalog: world.catalog,
    signer,
    openStore: (id) => {
      const store = stores.get(id) ?? new MemoryStorage();
      stores.set(id, store);
      return store;
    },
  });
  const runtime = stubRuntime(parts);
  const numbered = new Map<number, Promise<string>>();
  return {
    ...parts,
    world,
    stores,
    runtime,
    tasks: stubTasks(parts, runtime),
    queueUrl: new Secret(`postgres://queue:queue@127.0.0.1:${world.server.port}/catalog`),
    tenant: async () => makeTenant(world.catalog, await world.tenant()),
    tenantOf: async (n) => {
      const tenantId = numbered.get(n) ?? world.tenant();
      numbered.set(n, tenantId);
      return makeTenant(world.catalog, await tenantId);
    },
    run: async (tenantId, runId) => (await world.catalog.withTenant(tenantId, (trx) => getRun(trx, runId))) as RunRow,
    stop: async () => {
      await world.stop();
      rmSync(parts.folder, { recursive: true, force: true });
    },
  };
}

export function standIns(given: Pick<StandIns, 'catalog' | 'signer' | 'openStore'> & Partial<StandIns>): StandIns {
  const engine = new StubEngine();
  engine.databases.set('shop', stubDatabase(20_000));
  const folder = mkdtempSync(join(tmpdir(), 'workflows-'));
  return { engine, folder, behaviours: new Map(), started: new Map(), log: [], work: dump, ...given };
}

export function stubRuntime(parts: StandIns): Runtime {
  const refuse = () => Promise.reject(new Failure('database_unreachable', 'It is not there.'));
  return {
    catalog: parts.catalog,
    vault: { open: refuse, seal: refuse, unseal: refuse, lend: refuse, take: async () => undefined },
    launcher: { start: async () => undefined, cancel: async () => undefined },
    timetable: { put: refuse, remove: refuse },
    notices: { email: refuse, webhook: refuse },
    resolver: { addresses: refuse },
    surveyor: { database: refuse, restore: refuse, destination: refuse },
    downloads: { link: refuse },
    engines: [parts.engine],
    tools: noTools,
    signer: parts.signer,
    trusted: [parts.signer.publicKey],
    identities: [],
    installation: {
      version: '0',
      publicUrl: 'http://x',
      allowedRanges: [],
      principalArn: undefined,
      kind: 'one-machine',
    },
    openStorage: async ({ destinationId }) => parts.openStore(destinationId),
    now: () => new Date(),
    log: (level, fields, sentence) => void parts.log.push(JSON.stringify({ level, sentence, ...fields })),
  };
}

/** Tasks as their processes would do them, without the processes. */
export function stubTasks(parts: StandIns, runtime: Runtime): TaskStarter {
  return { start: async (_name, { input, onLine }) => startTask(parts, runtime, { input, onLine }) };
}

interface Start {
  readonly input: TaskInput;
  onLine(line: string): void;
}

function startTask(parts: StandIns, runtime: Runtime, { input, onLine }: Start): RunningTask {
  const { behaviours, started } = parts;
  const { runId } = input;
  const attempt = (started.get(runId) ?? 0) + 1;
  started.set(runId, attempt);
  const list: readonly Behaviour[] = behaviours.get(runId) ?? ['good'];
  const behaviour = list[Math.min(attempt, list.length) - 1] ?? 'good';
  if (behaviour === 'die') return { ended: Promise.resolve({ code: null, stderr: '' }), stop: () => undefined };
  const stop = new AbortController();
  const place = {
    runtime: taskRuntime(parts, runtime, input),
    signal: stop.signal,
    print: (line: unknown) => onLine(JSON.stringify(line)),
  };
  const done = doTask(place, input, workOf(parts, behaviour));
  return {
    ended: done.then((code) => {
      if (behaviour === 'seal, then die') return { code: null, stderr: '' };
      return { code: code === undefined ? 0 : FAILURES[code].exit, stderr: '' };
    }),
    stop: () => stop.abort(new Failure('cancelled', 'It was told to stop.')),
  };
}

function workOf({ work }: StandIns, behaviour: Behaviour): TaskWork {
  if (behaviour === 'good' || behaviour === 'seal, then die') return work;
  if (behaviour instanceof Failure) return () => Promise.reject(behaviour);
  return ({ bench: { signal } }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

function taskRuntime(parts: StandIns, runtime: Runtime, input: TaskInput): TaskRuntime {
  const { engines, signer: own, trusted, identities, now, openStorage } = runtime;
  const runner = makeRunner({ folder: parts.folder, user: undefined, setpriv: undefined, stdbuf: undefined });
  return {
    ...{ engines, signer: own, trusted, identities, now, openStorage },
    keeper: catalogKeeper(parts.catalog, input),
    openBench: ({ runId, signal, note }) => {
      const folder = mkdtempSync(join(parts.folder, 'run-'));
      return { bench: { tools: noTools, runner, signal, runId, folder, note }, close: async () => undefined };
    },
    openDatabase: async () => ({ connection: connectionTo('shop'), close: async () => undefined }),
  };
}

const SETTINGS = {
  host: 'db.example',
  port: 1,
  databaseName: 'shop',
  allDatabases: false,
  user: 'u',
  credential: { kind: 'none' },
  tls: { mode: 'disable' },
  environment: 'development',
} as const;

async function makeTenant(catalog: Catalog, tenantId: string): Promise<Tenant> {
  const [databaseId, destinationId] = [randomUUID(), randomUUID()];
  await catalog.withTenant(tenantId, async (trx) => {
    const database = { tenantId, id: databaseId, name: 'shop', engine: 'stub', settings: SETTINGS, sealed: undefined };
    await insertDatabase(trx, database);
    const place = { path: '/nowhere' };
    await insertDestination(trx, { tenantId, id: destinationId, kind: 'filesystem', name: 'disk', labels: {}, place });
  });
  return {
    tenantId,
    databaseId,
    destinationId,
    backup: async (given = {}) => {
      const request = BackupRun.parse({ destinationIds: [destinationId], ...given });
      const run = { tenantId, id: randomUUID(), kind: 'backup', trigger: 'manual', databaseId, request } as const;
      return (await catalog.withTenant(tenantId, (trx) => insertRun(trx, run))).id;
    },
  };
}
