import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDatabaseUrl } from '../domain/database-url.ts';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import type { Connection, Engine, Workbench } from '../engines/engine.ts';
import { engineById, engines } from '../engines/registry.ts';
import { loadSigningKey, makeSigningKey, parseTrustedKeys } from '../pipeline/keys.ts';
import type { Needs, Progress, Signer, TrustedKeys } from '../pipeline/pipeline.ts';
import { openStorage } from '../storage/registry.ts';
import type { Storage } from '../storage/storage.ts';
import { parseStoreUrl } from '../storage/store-url.ts';
import { type Config, namedVariable, readConfig } from './config.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

export interface RescueOptions {
  /** Undefined: the default of the configuration. */
  readonly dataDir: string | undefined;
  /** Public keys, or files that hold some. */
  readonly trust: readonly string[];
  /** Files with age identities. */
  readonly identities: readonly string[];
  readonly signal: AbortSignal;
  note(sentence: string): void;
  progress(event: Progress): void;
}

/** The assembly for one command that has nothing but a database URL and a store URL: no service, no catalog. */
export interface Rescue {
  readonly config: Config;
  readonly workshop: Workshop;
  readonly dataFolder: string;
  /** A database by its URL; `env:` and `file:` are the door's to resolve. */
  connect(url: string): { readonly engine: Engine; readonly connection: Connection };
  engine(id: string): Engine;
  /** `brisk` gives up on a store that does not answer while a person still waits; a run would be lost by that. */
  openStore(url: string, manner?: 'patient' | 'brisk'): Storage;
  /** The signing key; made where there is none yet. */
  signer(): Promise<{ readonly signer: Signer; readonly made: boolean }>;
  /** The keys that were given, and our own where there is one. */
  trusted(): Promise<TrustedKeys>;
  /** What one run is given; every call is a new run with its own id and folder. */
  needs(engine: Engine, storage: Storage): Promise<Needs>;
  bench(): Workbench;
  close(): void;
}

export const SIGNING_KEY_FILE = 'signing-key.pem';
const RUN_ID_BYTES = 6;

export async function openRescue(options: RescueOptions): Promise<Rescue> {
  const config = readConfig();
  const dataFolder = options.dataDir ?? config.dataFolder;
  const keyFile = join(dataFolder, SIGNING_KEY_FILE);
  const given = options.trust.flatMap((text) => trustedKeys(text));
  const identities = options.identities.flatMap((file) => readIdentities(file));
  const workshop = await openWorkshop(config);
  const bench = () => makeBench(workshop, options);
  const signer = async () => {
    const loaded = await loadSigningKey(keyFile);
    return loaded === undefined
      ? { signer: await makeSigningKey(keyFile), made: true }
      : { signer: loaded, made: false };
  };
  const trusted = async () => {
    const own = await loadSigningKey(keyFile);
    return own === undefined ? given : [...new Set([own.publicKey, ...given])];
  };
  return {
    config,
    workshop,
    dataFolder,
    connect: (url) => {
      const connection = parseDatabaseUrl(url, engines);
      return { connection, engine: engineById(connection.engine) };
    },
    engine: engineById,
    // Without the signal: after a cancel the pipeline still has to remove what it wrote and to give its marker back.
    openStore: (url, manner = 'patient') =>
      openStorage(parseStoreUrl(url, namedVariable), manner === 'brisk' ? { retry: { attempts: 4 } } : {}),
    signer,
    trusted,
    bench,
    needs: async (engine, storage) => {
      const own = await loadSigningKey(keyFile);
      const keys = [...(await trusted())];
      return {
        storage,
        engine,
        bench: bench(),
        signer: own ?? makeWhenUsed(signer, keys),
        trusted: keys,
        identities,
        now: () => new Date(),
        progress: options.progress,
      };
    },
    close: workshop.close,
  };
}

function makeBench(workshop: Workshop, { signal, note }: RescueOptions): Workbench {
  const runId = randomBytes(RUN_ID_BYTES).toString('hex');
  return { tools: workshop.tools, runner: workshop.runner, signal, runId, folder: workshop.folder(runId), note };
}

/** Reading needs no key of our own; one is made when something is sealed, and what it signed is trusted from then on. */
function makeWhenUsed(signer: Rescue['signer'], trusted: string[]): Signer {
  return {
    publicKey: '',
    sign: async (canonical) => {
      const { signer: own } = await signer();
      if (!trusted.includes(own.publicKey)) trusted.push(own.publicKey);
      return own.sign(canonical);
    },
  };
}

function trustedKeys(given: string): TrustedKeys {
  const text = readSmall(given);
  return parseTrustedKeys(text ?? given);
}

function readIdentities(file: string): Secret[] {
  const text = readSmall(file);
  const lines = (text ?? '').split('\n').map((line) => line.trim());
  const identities = lines.filter((line) => line.startsWith('AGE-SECRET-KEY-')).map((line) => new Secret(line));
  if (identities.length > 0) return identities;
  const why = text === undefined ? 'cannot be read' : 'holds no age identity';
  throw new Failure('usage', `The identity file ${file} ${why}.`, {
    remedy: 'Give a file with a line AGE-SECRET-KEY-1…, as age-keygen writes it.',
  });
}

const LONGEST_FILE = 1024 * 1024;

function readSmall(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return text.length <= LONGEST_FILE ? text : undefined;
  } catch {
    return undefined;
  }
}
