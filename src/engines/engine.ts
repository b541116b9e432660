import type { BackupType, Consistency } from '../domain/backup.ts';
import type { Inventory, TableFacts } from '../domain/inventory.ts';
import type { Secret } from '../domain/secret.ts';
import type { Command, Runner } from '../process/child.ts';
import type { Toolbox } from '../process/tools.ts';

export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

/** Where a database is and who may ask it. `database` is empty where the whole server is meant. */
export interface Connection {
  readonly engine: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly database: string;
  readonly tls: { readonly mode: TlsMode; readonly caFile?: string };
  /** Only names on the engine's allow-list (F83). */
  readonly options: Readonly<Record<string, string>>;
  /** The address that was checked and must be dialled; the name is kept for TLS (F88). */
  readonly address?: string;
  /** The server's own port, where that of a tunnel is dialled. */
  readonly ownPort?: number;
}

/** What an engine's functions need of this machine. Handed in, so that they start nothing by themselves. */
export interface Workbench {
  readonly tools: Toolbox;
  readonly runner: Runner;
  /** Aborted on cancel; every wait ends when it does. */
  readonly signal: AbortSignal;
  /** Reaches the database's list of sessions (application_name and the like), so that leftovers can be ended (F11). */
  readonly runId: string;
  /** An empty folder that only this run's children and we may enter; removed after the run. */
  readonly folder: string;
  /** A fixed sentence for the person watching; goes to progress, never contains content. */
  note(sentence: string): void;
}

export interface Privilege {
  readonly name: string;
  readonly granted: boolean;
  /** The exact statement that grants it. */
  readonly remedy: string;
}

/** What a first look at a database says. A database that cannot be reached is a Failure, not a Probe. */
export interface Probe {
  /** `PostgreSQL`, `MariaDB`, `MySQL`, `MongoDB`. */
  readonly flavour: string;
  /** As the server says it, `15.20`. */
  readonly version: string;
  readonly major: number;
  /** Bytes on the server, where it can be asked. */
  readonly bytes: number | undefined;
  readonly tables: readonly string[];
  readonly privileges: readonly Privilege[];
  /** What will not be consistent or will be missing, one sentence each (F14, F16, F18, F19). */
  readonly warnings: readonly string[];
  /** Refuses a dump when not empty: each sentence names cause and remedy (F6, F24). */
  readonly obstacles: readonly string[];
}

export interface DumpRequest {
  readonly type: BackupType;
  /** Literal qualified names or shell-like patterns (`*`, `?`) of tables or collections; empty means all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Milliseconds to wait for a table lock before failing as `dump_blocked` (F9). */
  readonly lockWaitMs: number;
  /** Milliseconds a dump may hold up someone else's statement before it is ended (F10); 0 = never end it. */
  readonly blockLimitMs: number;
  /** Also digest the source's content, in the dump's snapshot: a second read of everything. */
  readonly sourceDigest: boolean;
  /** Role password hashes in a `globals` dump. */
  readonly passwordHashes: boolean;
}

/** An open dump: the source's snapshot is held until `close`. */
export interface DumpSession {
  /** Its standard output is the dump. */
  readonly command: Command;
  readonly flavour: string;
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly consistency: Consistency;
  /** One sentence for each thing the consistency class or the content does not cover. */
  readonly warnings: readonly string[];
  /** When the snapshot was taken, by the server's clock. */
  readonly snapshotAt: Date;
  readonly snapshotId: string | undefined;
  /** Taken in the dump's own snapshot. Rows are left out above a stated cost and then come from the decoded dump. */
  readonly inventory: Inventory;
  /** Tables whose rows were not counted in the snapshot because that would have cost too much. */
  readonly uncounted: readonly string[];
  /** Ends with a Failure as soon as something outside the tool says that the dump must stop (F10, F12); else when closed. */
  readonly watch: Promise<void>;
  /** A better Failure than the bare exit code, from the tool's own last words (F9, F12, F13); undefined to keep it. */
  explain(stderr: string): Error | undefined;
  close(): Promise<void>;
}

/** A decoded dump, which can be opened anew for each pass. No pass succeeds unless the stored bytes' hash was right at its end. */
export interface Plain {
  /** The dump in chunks. Throws a Failure when the bytes end early, do not decode, or hash wrong. */
  bytes(): AsyncIterable<Uint8Array>;
  /** Runs a command with the dump as its standard input, no byte passing through JavaScript; both must end well. */
  into(command: Command): Promise<{ readonly stderr: string }>;
}

/** What the manifest says of the dump's origin; what parse and restore need to know. */
export interface Origin {
  readonly type: BackupType;
  readonly flavour: string;
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly database: string;
  /** Undefined for a foreign dump. */
  readonly inventory: Inventory | undefined;
  /** False: nothing will be compared with digests of content, so an engine may spare itself a hash for every row. */
  readonly digests?: boolean;
}

/** Level 2: what the dump itself says when it is read to its end by the engine's own reader. */
export interface ParseReport {
  readonly tables: Readonly<Record<string, TableFacts>>;
  /** Sequence values and the like, as the dump sets them; same names as in an Inventory. */
  readonly values: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

export interface RestoreRequest {
  /** An existing database; empty unless `inPlace`. */
  readonly target: Connection;
  readonly type: 'full' | 'schema' | 'data';
  /** Replace what is there, in one transaction where the engine can. */
  readonly inPlace: boolean;
  /** Only these tables or collections; empty means all. */
  readonly only: readonly string[];
  readonly owners: boolean;
  readonly acls: boolean;
  /** Old role → new role, for owners, ACLs and definers. */
  readonly roles: Readonly<Record<string, string>>;
}

export interface RestoreReport {
  /** One sentence for each object that was not restored as it was: mapped, skipped, or given another owner. Never silent. */
  readonly notices: readonly string[];
  /** Inventory names (or `<kind> *` patterns) the notices account for; a later comparison does not count them as differences. */
  readonly accounted: readonly string[];
}

/** One thing of a whole server: a role, an account, a membership, a grant. */
export interface GlobalsItem {
  /** `role app`, `member app of readers`, `user app@%`, `grants of app@%`. */
  readonly name: string;
  /** `missing`: it would be made. `exists`: it was there before and stays as it is. `refused`: it is not there afterwards. */
  readonly outcome: 'missing' | 'restored' | 'exists' | 'refused';
  /** One sentence where there is more to know; for what was refused, why, and the statement to run by hand where there is one. */
  readonly detail: string;
}

export interface GlobalsJob {
  readonly origin: Origin;
  readonly target: Connection;
  /** False: says what would be done, and leaves the server as it was. */
  readonly apply: boolean;
}

/** A throwaway server of the right flavour and major, reachable only from this machine. */
export interface Scratch {
  /** A superuser's connection to an empty database. */
  readonly connection: Connection;
  stop(): Promise<void>;
}

/** Whole-database operations around a restore. All names are literal. */
export interface DatabaseAdmin {
  list(server: Connection): Promise<readonly string[]>;
  exists(server: Connection, name: string): Promise<boolean>;
  isEmpty(server: Connection, name: string): Promise<boolean>;
  /** Makes an empty database with the origin's encoding, collation and the like (facts of its inventory). */
  create(server: Connection, name: string, facts: Readonly<Record<string, string>>): Promise<void>;
  drop(server: Connection, name: string): Promise<void>;
  /** One line per open session on that database, not counting our own. */
  sessions(server: Connection, name: string): Promise<readonly string[]>;
  disconnect(server: Connection, name: string): Promise<void>;
  /** Gives `current` the name `kept` and `fresh` the name `current`; on failure everything has its old name. */
  swap(server: Connection, names: SwapNames): Promise<void>;
}

export interface SwapNames {
  readonly current: string;
  readonly fresh: string;
  readonly kept: string;
}

export interface PlanItem {
  readonly name: string;
  readonly ok: boolean;
  /** Cause and remedy where it is not ok. */
  readonly detail: string;
  /** Whether the restore is refused because of it, or only warns. */
  readonly blocks: boolean;
}

/** What the service asks for when a database of this family is registered. */
export interface EngineRegistration {
  /** `user`: the password may be missing. */
  readonly login: 'user-and-password' | 'user' | 'both-or-neither';
  /** Modes its programs can keep; the best one first. */
  readonly tls: readonly TlsMode[];
  /** Those of them that its programs keep when they dial another address than the name's own, as through a tunnel; left out: all. */
  readonly tunnelTls?: readonly TlsMode[];
  /** Programs of this machine that it uses, of whichever flavour the server is. */
  readonly tools: readonly string[];
  /** Statements that make a backup user with the least rights. */
  readonly guide: string;
}

/** One family of databases. Everything that differs between engines is behind this; nothing else may ask which engine it is. */
export interface Engine {
  readonly id: string;
  readonly label: string;
  /** URL schemes with colon, `postgres:`. */
  readonly schemes: readonly string[];
  readonly defaultPort: number;
  /** Query parameters of a URL that are kept as Connection.options; any other is refused (F83). */
  readonly options: readonly string[];
  readonly types: readonly BackupType[];
  /** File extension of a plain dump without dot: `pgc`, `sql`, `archive`. */
  readonly extension: string;
  readonly registration: EngineRegistration;

  probe(bench: Workbench, source: Connection): Promise<Probe>;
  openDump(bench: Workbench, source: Connection, request: DumpRequest): Promise<DumpSession>;
  parse(bench: Workbench, plain: Plain, origin: Origin): Promise<ParseReport>;
  /** Free checks before a restore: privileges, extensions, roles, definers, versions, space where knowable (F18, F74). */
  plan(bench: Workbench, origin: Origin, request: RestoreRequest): Promise<readonly PlanItem[]>;
  restore(
    bench: Workbench,
    plain: Plain,
    job: { readonly origin: Origin; readonly request: RestoreRequest },
  ): Promise<RestoreReport>;
  /** The flavour that a foreign dump's first bytes name, as in `Origin`; empty where they name none. */
  recognise(plain: Plain): Promise<string>;
  /**
   * Makes what is missing on a server of what a `globals` dump holds. Never changes or drops what is there, and gives
   * nothing to an account that was there before. One item for each thing in the dump, none silent.
   */
  restoreGlobals(bench: Workbench, plain: Plain, job: GlobalsJob): Promise<readonly GlobalsItem[]>;
  /** Schema always; content digests where asked. */
  inventory(bench: Workbench, source: Connection, content: 'counts' | 'digests'): Promise<Inventory>;
  /** Rows of one user-written query, as text, for assertions at level 3. */
  query(bench: Workbench, source: Connection, statement: string): Promise<readonly (readonly (string | null)[])[]>;
  admin(bench: Workbench): DatabaseAdmin;
  /** A Failure `tool_missing` says why there can be none. */
  scratch(bench: Workbench, origin: Origin): Promise<Scratch>;
}
