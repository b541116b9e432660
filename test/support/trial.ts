import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure, messageOf } from '../../src/domain/failure.ts';
import { type Difference, differences } from '../../src/domain/inventory.ts';
import type { Connection, Engine } from '../../src/engines/engine.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { databaseFolder } from '../../src/pipeline/layout.ts';
import type { Needs, RestoreOutcome, TrustedManifest, VerifyOutcome } from '../../src/pipeline/pipeline.ts';
import { restore } from '../../src/pipeline/restore.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { signerOf } from '../../src/pipeline/seal.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { PROGRAMS, type Tool, type Toolbox } from '../../src/process/tools.ts';
import { namedVariable, readConfig } from '../../src/runtime/config.ts';
import { openWorkshop } from '../../src/runtime/workshop.ts';
import { openStorage } from '../../src/storage/registry.ts';
import { parseStoreUrl } from '../../src/storage/store-url.ts';

/** Everything a real backup needs, with a store in a folder of its own that is gone afterwards. */
export interface Trial {
  readonly tools: Toolbox;
  /** Programs below their security floor that are used all the same. */
  readonly overridden: readonly Tool[];
  needs(engine: Engine): Needs;
  close(): void;
}

export async function openTrial(options: { readonly belowFloor: boolean }): Promise<Trial> {
  const workshop = await openWorkshop(readConfig());
  const folder = mkdtempSync(join(tmpdir(), 'database-dump-trial-'));
  chmodSync(folder, 0o711);
  const storage = openStorage(parseStoreUrl(`file://${folder}`, namedVariable));
  const signer = signerOf(generateKeyPairSync('ed25519').privateKey);
  const tools = options.belowFloor ? trialsCountAsSound(workshop.tools) : workshop.tools;
  return {
    tools,
    overridden: options.belowFloor ? PROGRAMS.flatMap((name) => workshop.tools.all(name)).filter(isOverridden) : [],
    needs: (engine) => {
      const runId = randomBytes(6).toString('hex');
      return {
        storage,
        engine,
        bench: {
          tools,
          runner: workshop.runner,
          signal: new AbortController().signal,
          runId,
          folder: workshop.folder(runId),
          note: () => undefined,
        },
        signer,
        trusted: [signer.publicKey],
        identities: [],
        now: () => new Date(),
        progress: () => undefined,
      };
    },
    close: () => {
      workshop.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isOverridden({ ok, trial }: Tool): boolean {
  return trial && !ok;
}

/** The explicit override for programs that were unpacked for tests of old versions. Whoever uses it says so. */
function trialsCountAsSound(tools: Toolbox): Toolbox {
  const sound = (tool: Tool): Tool => ({ ...tool, ok: tool.ok || tool.trial });
  return { all: (name) => tools.all(name).map(sound) };
}

export async function backUp(trial: Trial, engine: Engine, source: Connection): Promise<TrustedManifest> {
  const needs = trial.needs(engine);
  const lease = await takeRunMarker(needs, databaseFolder(source));
  try {
    return await backup(needs, {
      source,
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
      inactivityMs: 120_000,
      lockWaitMs: 10_000,
      blockLimitMs: 0,
    });
  } finally {
    await lease.release();
  }
}

export function verifyFully(
  trial: Trial,
  engine: Engine,
  backedUp: { readonly manifest: TrustedManifest; readonly scratch?: Connection },
): Promise<VerifyOutcome> {
  const { manifest, scratch } = backedUp;
  return verify(trial.needs(engine), { manifest, level: 3, scratch, assertions: {} });
}

export function restoreAs(
  trial: Trial,
  engine: Engine,
  job: { readonly manifest: TrustedManifest; readonly target: Connection; readonly name: string },
): Promise<RestoreOutcome> {
  return restore(trial.needs(engine), job.manifest, {
    target: job.target,
    mode: { kind: 'new', name: job.name },
    type: 'full',
    only: [],
    owners: true,
    acls: true,
    roles: {},
  });
}

/** Schema, rows, content and values of two databases, read from both servers. */
export async function compareDatabases(
  trial: Trial,
  engine: Engine,
  { source, copy }: { readonly source: Connection; readonly copy: Connection },
): Promise<readonly Difference[]> {
  const expected = await engine.inventory(trial.needs(engine).bench, source, 'digests');
  const found = await engine.inventory(trial.needs(engine).bench, copy, 'digests');
  return differences(expected, found);
}

/** One line for a table: the code and the sentence of a refusal, or the message of anything else. */
export function lineOf(error: unknown): string {
  return error instanceof Failure ? `${error.code}: ${error.message}` : messageOf(error);
}
