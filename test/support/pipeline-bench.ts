import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Workbench } from '../../src/engines/engine.ts';
import { databaseFolder } from '../../src/pipeline/layout.ts';
import type { BackupRequest, Lease, Needs, Progress } from '../../src/pipeline/pipeline.ts';
import { signerOf } from '../../src/pipeline/seal.ts';
import { makeRunner, type Runner } from '../../src/process/child.ts';
import { findTools, type Toolbox } from '../../src/process/tools.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { MemoryStorage } from './memory-storage.ts';
import { connectionTo, StubEngine, stubDatabase } from './stub-engine.ts';

/** No programs at all: compression then happens in this process. */
export const noTools: Toolbox = { all: () => [] };

let found: Promise<Toolbox> | undefined;

/** The real programs of this machine. */
export function realTools(): Promise<Toolbox> {
  found ??= findTools({ path: process.env.PATH ?? '', caches: [] });
  return found;
}

export const signer = signerOf(generateKeyPairSync('ed25519').privateKey);

export interface StubBench {
  readonly needs: Needs & { engine: StubEngine; storage: Storage };
  readonly engine: StubEngine;
  readonly storage: MemoryStorage;
  readonly notes: string[];
  readonly progress: Progress[];
  readonly controller: AbortController;
  readonly lease: Lease;
  readonly request: BackupRequest;
  /** Key folder of the stub database. */
  readonly folder: string;
  close(): void;
}

export interface StubBenchOptions {
  readonly storage?: MemoryStorage;
  readonly tools?: Toolbox;
  readonly databaseBytes?: number;
  readonly runId?: string;
  readonly runner?: (runner: Runner) => Runner;
  readonly request?: Partial<BackupRequest>;
  readonly engine?: StubEngine;
  now?(): Date;
}

let runs = 0;

/** A stand-in engine, a store in memory, and everything else real. */
export function stubBench(options: StubBenchOptions = {}): StubBench {
  const folder = mkdtempSync(join(tmpdir(), 'pipeline-test-'));
  runs += 1;
  const plain = makeRunner({ folder, user: undefined, setpriv: undefined, stdbuf: undefined });
  const runner = options.runner?.(plain) ?? plain;
  const controller = new AbortController();
  const notes: string[] = [];
  const progress: Progress[] = [];
  const engine = options.engine ?? new StubEngine();
  if (!engine.databases.has('shop')) engine.databases.set('shop', stubDatabase(options.databaseBytes ?? 200_000));
  const storage = options.storage ?? new MemoryStorage();
  const bench: Workbench = {
    tools: options.tools ?? noTools,
    runner,
    signal: controller.signal,
    runId: options.runId ?? `run${runs}`,
    folder,
    note: (sentence) => void notes.push(sentence),
  };
  const needs = {
    storage,
    engine,
    bench,
    signer,
    trusted: [signer.publicKey],
    identities: [],
    now: options.now ?? (() => new Date()),
    progress: (event: Progress) => void progress.push(event),
  };
  const lease: Lease = { attempt: 1, check: async () => undefined, release: async () => undefined };
  const source = connectionTo('shop');
  return {
    needs,
    engine,
    storage,
    notes,
    progress,
    controller,
    lease,
    request: { ...requestOf(lease), source, ...options.request },
    folder: databaseFolder(source),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function requestOf(lease: Lease): BackupRequest {
  return {
    source: connectionTo('shop'),
    lease,
    type: 'full',
    include: [],
    exclude: [],
    compression: { algorithm: 'zstd', level: 3 },
    recipients: [],
    rateLimit: undefined,
    sizeCap: undefined,
    plainHash: false,
    sourceDigest: false,
    passwordHashes: false,
    inactivityMs: 30_000,
    lockWaitMs: 1000,
    blockLimitMs: 0,
  };
}
