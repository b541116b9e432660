import type { BackupStatus, BackupType, Level } from '../domain/backup.ts';
import type { Difference, TableFacts } from '../domain/inventory.ts';
import type { ManifestBody, SignatureBlock } from '../domain/manifest.ts';
import type { Secret } from '../domain/secret.ts';
import type { Connection, Engine, PlanItem, Workbench } from '../engines/engine.ts';
import type { Storage } from '../storage/storage.ts';

/** Signs what we seal. On AWS this is the broker's KMS key; here a key file. Signs only while the lease is live. */
export interface Signer {
  /** Public key, base64 of the raw 32 bytes. */
  readonly publicKey: string;
  sign(canonical: string): Promise<SignatureBlock>;
}

/** Public keys the reader was given, base64 of the raw 32 bytes. A key that travels with a manifest is not one of them. */
export type TrustedKeys = readonly string[];

/** The right to write one database's backup. Every check throws a Failure `lease_lost` once it is gone (F51, F52). */
export interface Lease {
  readonly attempt: number;
  check(): Promise<void>;
  /** Never rejects: what came of the run counts, and a marker that could not be taken away goes stale by itself. */
  release(): Promise<void>;
}

/** One NDJSON line of progress on standard output of a worker, one bar on a terminal. */
export interface Progress {
  readonly phase: 'probe' | 'dump' | 'seal' | 'fetch' | 'decode' | 'restore' | 'compare' | 'upload';
  readonly storedBytes?: number;
  readonly plainBytes?: number;
  /** Expected end of the leading count, where known. */
  readonly totalBytes?: number;
  readonly note?: string;
}

/** What every long operation is given. */
export interface Needs {
  readonly storage: Storage;
  readonly engine: Engine;
  readonly bench: Workbench;
  readonly signer: Signer;
  readonly trusted: TrustedKeys;
  /** age identities that can read encrypted backups. */
  readonly identities: readonly Secret[];
  now(): Date;
  progress(event: Progress): void;
}

/** What concerns the source and not where its dump goes. */
export type DumpNeeds = Omit<Needs, 'storage'>;

export interface Compression {
  readonly algorithm: 'zstd' | 'gzip' | 'none';
  readonly level: number;
}

export interface BackupRequest {
  readonly source: Connection;
  /** The database's id in the catalog; without a catalog it is derived from the address. */
  readonly databaseId?: string;
  /** The database's folder in every store; derived from its name and id unless told. */
  readonly folder?: string;
  readonly lease: Lease;
  readonly type: BackupType;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly compression: Compression;
  /** age recipients; empty means no encryption by us. */
  readonly recipients: readonly string[];
  /** Raw bytes per second that may be taken from the source; undefined = no limit. */
  readonly rateLimit: number | undefined;
  /** Raw bytes after which the run fails (never cut). */
  readonly sizeCap: number | undefined;
  readonly plainHash: boolean;
  readonly sourceDigest: boolean;
  readonly passwordHashes: boolean;
  /** Milliseconds without one byte from the source after which the run ends as `stalled` (F23). */
  readonly inactivityMs: number;
  readonly lockWaitMs: number;
  readonly blockLimitMs: number;
}

/** A manifest whose signature was checked, and where it lies. */
export interface TrustedManifest {
  readonly body: ManifestBody;
  /** Store key of `manifest.json`. */
  readonly key: string;
  /** SHA-256 of the canonical signed text, hex. */
  readonly sha256: string;
  /** False only where the reader accepted an unsigned or unknown signature by typed confirmation. */
  readonly signed: boolean;
}

export interface VerifyRequest {
  readonly manifest: TrustedManifest;
  readonly level: 1 | 2 | 3;
  /** A server the caller names; else a private throwaway server is started. */
  readonly scratch: Connection | undefined;
  /** Name → statement; each must return exactly one row whose first column is true, t or 1. */
  readonly assertions: Readonly<Record<string, string>>;
}

export interface VerifyOutcome {
  readonly status: BackupStatus;
  readonly reached: Level;
  readonly reason: string | undefined;
  readonly plainBytes: number | undefined;
  readonly plainSha256: string | undefined;
  readonly tables: Readonly<Record<string, TableFacts>>;
  readonly differences: readonly Difference[];
  readonly notices: readonly string[];
  readonly restoreSeconds: number | undefined;
}

/** One backup as the store shows it: its manifest and the best and newest signed report about it. */
export interface BackupSummary {
  readonly manifest: TrustedManifest;
  readonly status: BackupStatus;
  readonly level: Level;
  readonly verifiedAt: Date | undefined;
  readonly reason: string | undefined;
  /** Every table, by the report that decides; by the manifest alone where there is none. */
  readonly tables: Readonly<Record<string, { readonly rows: number }>>;
}

export type RestoreMode =
  /** A new database beside the target; stays there unless swapped. */
  | { readonly kind: 'new'; readonly name: string }
  /** A new database that then takes the target's name; the old one is kept as `<name>_before_<time>`. */
  | { readonly kind: 'swap'; readonly confirm: string; readonly disconnect: boolean }
  /** Into the existing database, after a safety backup. */
  | { readonly kind: 'in-place'; readonly confirm: string };

export interface RestoreJob {
  readonly target: Connection;
  readonly mode: RestoreMode;
  readonly type: 'full' | 'schema' | 'data';
  readonly only: readonly string[];
  readonly owners: boolean;
  readonly acls: boolean;
  readonly roles: Readonly<Record<string, string>>;
  /** The right to write to the target, where a service gives one; else a marker in the store is. */
  readonly lease?: Lease;
  /** The target's id in the catalog, for the safety backup. */
  readonly databaseId?: string;
}

export interface RestorePlan {
  readonly sourceDatabase: string;
  readonly targetDatabase: string;
  readonly finalDatabase: string;
  readonly plainBytes: number | undefined;
  readonly items: readonly PlanItem[];
  /** What will be replaced, one sentence each. */
  readonly replaces: readonly string[];
}

export interface RestoreOutcome {
  readonly database: string;
  /** The name the old database has now, after a swap. */
  readonly kept: string | undefined;
  readonly tables: Readonly<Record<string, TableFacts>>;
  readonly differences: readonly Difference[];
  readonly notices: readonly string[];
  readonly seconds: number;
}
