import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertDatabase } from '../../src/catalog/repositories/databases.ts';
import { insertDestination } from '../../src/catalog/repositories/destinations.ts';
import { getRun, insertRun, type RunRow } from '../../src/catalog/repositories/runs.ts';
import { BackupRun } from '../../src/contract/resources/stored.ts';
import { FAILURES, Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import { makeRunner } from '../../src/process/child.ts';
import type { RunningTask, TaskStarter } from '../../src/runtime/local-platform.ts';
import type { Runtime, TaskRuntime } from '../../src/runtime/runtime.ts';
import { dump } from '../../src/workflows/backup/dump.ts';
import { catalogKeeper } from '../../src/workflows/catalog-keeper.ts';
import { doTask, type TaskInput, type TaskWork } from '../../src/workflows/task.ts';
import { startCatalog, type TestCatalog } from './catalog.ts';
import { MemoryStorage } from './memory-storage.ts';
import { noTools, signer } from './pipeline-bench.ts';
import { connectionTo, StubEngine, stubDatabase } from './stub-engine.ts';

/** What a task does at each of its attempts: its real work, a failure, waiting for its end, or dying without a word. */
export type Behaviour = 'good' | 'hang' | 'die' | Failure;

/** The real catalog and the real steps; clients' servers and stores are stand-ins in memory, tasks run in this process. */
export interface WorkflowWorld {
  readonly catalog: TestCatalog;
  readonly runtime: Runtime;
  readonly tasks: TaskStarter;
  readonly queueUrl: Secret;
  readonly engine: StubEngine;
  /** Of each destination. */
  readonly stores: Map<string, MemoryStorage>;
  /** By run, in the order of the attempts; the last one is for all that follow. */
  readonly behaviours: Map<string, readonly Behaviour[]>;
  readonly log: string[];
  /** Attempts of tasks that were started, by run. */
  readonly started: Map<string, number>;
  tenant(): Promise<Tenant>;
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
  const catalog = await startCatalog();
  await catalog.sql("alter role queue password 'queue'");
  const folder = mkdtempSync(join(tmpdir(), 'workflows-'));
  const engine = new StubEngine();
  engine.databases.set('shop', stubDatabase(20_000));
  const stores = new Map<string, MemoryStorage>();
  const log: string[] = [];
  const world = { catalog, engine, stores, behaviours: new Map(), started: new Map(), log };
  const runtime = runtimeOf(world);
  return {
    ...world,
    runtime,
    tasks: {
      start: async (name, { input, onLine }) => startTask({ ...world, runtime, folder }, { name, input, onLine }),
    },
    queueUrl: new Secret(`postgres://queue:queue@127.0.0.1:${catalog.server.port}/catalog`),
    tenant: () => makeTenant(world),
    run: async (tenantId, runId) => (await catalog.catalog.withTenant(tenantId, (trx) => getRun(trx, runId))) as RunRow,
    stop: async () => {
      await catalog.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type World = Pick<WorkflowWorld, 'catalog' | 'engine' | 'stores' | 'behaviours' | 'started' | 'log'>;

function openStore({ stores }: World, destinationId: string) {
  const store = stores.get(destinationId) ?? new MemoryStorage();
  stores.set(destinationId, store);
  return Promise.resolve(store);
}

function runtimeOf(world: World): Runtime {
  const refuse = () => Promise.reject(new Failure('database_unreachable', 'It is not there.'));
  return {
    catalog: world.catalog.catalog,
    vault: { open: refuse, seal: refuse, unseal: refuse, lend: refuse, take: async () => undefined },
    launcher: { start: async () => undefined, cancel: async () => undefined },
    timetable: { put: refuse, remove: refuse },
    notices: { email: refuse, webhook: refuse },
    resolver: { addresses: refuse },
    surveyor: { database: refuse, restore: refuse },
    downloads: { link: refuse },
    engines: [world.engine],
    tools: noTools,
    signer,
    trusted: [signer.publicKey],
    identities: [],
    installation: {
      version: '0',
      publicUrl: 'http://x',
      allowedRanges: [],
      principalArn: undefined,
      kind: 'one-machine',
    },
    openStorage: ({ destinationId }) => openStore(world, destinationId),
    now: () => new Date(),
    log: (level, fields, sentence) => void world.log.push(JSON.stringify({ level, sentence, ...fields })),
  };
}

interface Start {
  readonly name: string;
  readonly input: TaskInput;
  onLine(line: string): void;
}

/** A task as its process would do it, without the process. */
function startTask(world: World & { runtime: Runtime; folder: string }, { input, onLine }: Start): RunningTask {
  const { behaviours, started } = world;
  const { runId } = input;
  const attempt = (started.get(runId) ?? 0) + 1;
  started.set(runId, attempt);
  const list: readonly Behaviour[] = behaviours.get(runId) ?? ['good'];
  const behaviour = list[Math.min(attempt, list.length) - 1] ?? 'good';
  if (behaviour === 'die') return { ended: Promise.resolve({ code: null, stderr: '' }), stop: () => undefined };
  const stop = new AbortController();
  const place = {
    runtime: taskRuntime(world, input),
    signal: stop.signal,
    print: (line: unknown) => onLine(JSON.stringify(line)),
  };
  const done = doTask(place, input, workOf(behaviour));
  return {
    ended: done.then((code) => ({ code: code === undefined ? 0 : FAILURES[code].exit, stderr: '' })),
    stop: () => stop.abort(new Failure('cancelled', 'It was told to stop.')),
  };
}

function workOf(behaviour: Behaviour): TaskWork {
  if (behaviour === 'good') return dump;
  if (behaviour instanceof Failure) return () => Promise.reject(behaviour);
  return ({ bench: { signal } }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

function taskRuntime(world: World & { runtime: Runtime; folder: string }, input: TaskInput): TaskRuntime {
  const { engines, signer: own, trusted, identities, now, openStorage } = world.runtime;
  const runner = makeRunner({ folder: world.folder, user: undefined, setpriv: undefined, stdbuf: undefined });
  return {
    engines,
    signer: own,
    trusted,
    identities,
    now,
    openStorage,
    keeper: catalogKeeper(world.catalog.catalog, input),
    openBench: ({ runId, signal, note }) => {
      const folder = mkdtempSync(join(world.folder, 'run-'));
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

async function makeTenant(world: World): Promise<Tenant> {
  const { catalog } = world.catalog;
  const tenantId = await world.catalog.tenant();
  const [databaseId, destinationId] = [randomUUID(), randomUUID()];
  await catalog.withTenant(tenantId, async (trx) => {
    await insertDatabase(trx, {
      tenantId,
      id: databaseId,
      name: 'shop',
      engine: 'stub',
      settings: SETTINGS,
      sealed: undefined,
    });
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
