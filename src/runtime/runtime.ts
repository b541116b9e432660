import type { Catalog } from '../catalog/catalog.ts';
import type { DatabaseSettings } from '../contract/resources/places.ts';
import type { AllowedRanges } from '../domain/address.ts';
import type { Secret } from '../domain/secret.ts';
import type { Connection, Engine, Origin, PlanItem, Probe, RestoreRequest, Workbench } from '../engines/engine.ts';
import type { Signer, TrustedKeys } from '../pipeline/pipeline.ts';
import type { DownloadDoor, Launcher, Notices, Resolver, Timetable, Vault } from '../platform/platform.ts';
import type { Toolbox } from '../process/tools.ts';
import type { Storage, Survey } from '../storage/storage.ts';

/** What a session on a destination may do; each purpose has a role of its own (write cannot read or delete). */
export type StoragePurpose = 'write' | 'read' | 'delete';

export interface StorageRequest {
  readonly tenantId: string;
  readonly destinationId: string;
  readonly purpose: StoragePurpose;
  /** Seen in the client's CloudTrail as the session's name. */
  readonly runId: string;
}

/** A database as the catalog or a registration form describes it, to be looked at now. */
export interface DatabaseLook {
  readonly tenantId: string;
  readonly externalId: string;
  readonly engine: string;
  readonly settings: DatabaseSettings;
  /** Given with the request; undefined: by the credential's reference. */
  readonly password: Secret | undefined;
  /** For a sealed credential of a registered database. */
  readonly sealed: { readonly databaseId: string; readonly secret: Uint8Array } | undefined;
}

/**
 * Looks at a client's server for somebody who waits. The address is checked and pinned, the tunnel used, and nothing stays.
 * A server that cannot be reached or that refuses is a Failure of its kind.
 */
export interface Surveyor {
  database(look: DatabaseLook): Promise<Probe>;
  /** The engine's free checks before a restore. `database`: the name of the target on that server. */
  restore(
    look: DatabaseLook,
    plan: {
      readonly database: string;
      readonly origin: Origin;
      readonly request: Omit<RestoreRequest, 'target'>;
    },
  ): Promise<readonly PlanItem[]>;
  /** Tries at a destination what runs need and what its roles must be refused. One that cannot even be asked is a Failure. */
  destination(request: Omit<StorageRequest, 'purpose'>): Promise<Survey>;
}

/** Facts of this installation. */
export interface Installation {
  readonly version: string;
  /** Where people reach the console, for links and for Host and Origin checks. */
  readonly publicUrl: string;
  /** Private ranges that the operator allowed for clients' databases, stores and webhooks (F87). */
  readonly allowedRanges: AllowedRanges;
  /** Principal that the client's roles must trust: the broker's role, or this machine's. */
  readonly principalArn: string | undefined;
  /** `one-machine` allows file, env and command credentials and filesystem destinations. */
  readonly kind: 'one-machine' | 'aws';
}

/** Everything a step or operation may use. Assembled in aws.ts and local.ts, and for tests in test/support. */
export interface Runtime {
  readonly catalog: Catalog;
  readonly vault: Vault;
  readonly launcher: Launcher;
  readonly timetable: Timetable;
  readonly notices: Notices;
  readonly resolver: Resolver;
  readonly surveyor: Surveyor;
  readonly downloads: DownloadDoor;
  readonly engines: readonly Engine[];
  readonly tools: Toolbox;
  readonly signer: Signer;
  readonly trusted: TrustedKeys;
  readonly identities: readonly Secret[];
  readonly installation: Installation;
  openStorage(request: StorageRequest): Promise<Storage>;
  now(): Date;
  log(level: 'info' | 'warn' | 'error', fields: Readonly<Record<string, unknown>>, sentence: string): void;
}

/** A workbench of one run; closing it removes its folder and what the run left there. */
export interface OpenBench {
  readonly bench: Workbench;
  close(): Promise<void>;
}

/** A client's database that may be dialled: address checked and pinned, credential read, tunnel up until it is closed. */
export interface OpenDatabase {
  readonly connection: Connection;
  close(): Promise<void>;
}

/** One attempt at a run as its task sees it: on one machine the catalog itself, elsewhere the broker. */
export interface RunKeeper {
  /** All that the task needs to know; ids and settings. */
  job(): Promise<unknown>;
  /** A sign of life. `held: false`: stop at once. */
  renew(): Promise<{ readonly held: boolean; readonly cancelRequested: boolean }>;
  /** A Failure `lease_lost` when this attempt does not hold the run any more. */
  check(): Promise<void>;
  /** What the steps after the task go by; kept only while the run is held. */
  report(report: Readonly<Record<string, unknown>>): Promise<void>;
}

/** What a long step runs with: an engine's programs, one run, and nothing of the catalog. */
export interface TaskRuntime
  extends Pick<Runtime, 'engines' | 'signer' | 'trusted' | 'identities' | 'openStorage' | 'now'> {
  readonly keeper: RunKeeper;
  openBench(wish: Pick<Workbench, 'runId' | 'signal' | 'note'>): OpenBench;
  openDatabase(look: DatabaseLook, wish: { readonly runId: string; readonly bench: Workbench }): Promise<OpenDatabase>;
}
