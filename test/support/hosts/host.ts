import type { Connection, Engine } from '../../../src/engines/engine.ts';

/** How the fixture is made. */
export interface Filling {
  /** Without what only some versions or builds of a server have, so that it may travel between versions. */
  readonly portable: boolean;
}

/** A private server on which the same trial is run, whatever its engine. */
export interface HostServer {
  readonly engine: Engine;
  /** `PostgreSQL`, `MariaDB` … */
  readonly product: string;
  readonly version: string;
  /** A superuser's connection; an empty name means the whole server. */
  at(database: string): Connection;
  /** Makes a database with at least one of everything its product can hold. */
  fill(database: string, filling: Filling): Promise<void>;
  /** Where a throwaway server cannot be started by the engine itself: a second server, gone after `stop`. */
  readonly scratch?: Connection;
  stop(): Promise<void>;
}

/** One release series of a product that can be started on this machine. */
export interface Host {
  /** Id of its engine in the registry. */
  readonly engine: string;
  readonly product: string;
  /** `15`, `10.11`. */
  readonly series: string;
  start(): Promise<HostServer>;
}
