import type { Consistency } from '../../domain/backup.ts';

/** What kind of server answers, as its `hello` shows it. */
export type Deployment = 'standalone' | 'replica set' | 'sharded cluster';

export function deploymentOf(hello: { readonly msg?: unknown; readonly setName?: unknown }): Deployment {
  if (hello.msg === 'isdbgrid') return 'sharded cluster';
  return typeof hello.setName === 'string' ? 'replica set' : 'standalone';
}

export interface DumpFacts {
  readonly deployment: Deployment;
  /** Every database of the server, nothing left out. */
  readonly whole: boolean;
  /** The user may read `local.oplog.rs`. */
  readonly oplogReadable: boolean;
}

/** How a dump is labelled, and why (F19): one moment in time takes the oplog, which takes a whole replica set member. */
export function planConsistency({ deployment, whole, oplogReadable }: DumpFacts): {
  readonly oplog: boolean;
  readonly consistency: Consistency;
  readonly warnings: readonly string[];
} {
  const fuzzy = (because: string) => ({
    oplog: false,
    consistency: 'fuzzy' as const,
    warnings: [`Writes during the dump may be in it for some collections and not for others: ${because}.`],
  });
  if (deployment === 'sharded cluster') return fuzzy('a sharded cluster has no single oplog to follow');
  if (deployment === 'standalone') return fuzzy('a standalone server keeps no oplog');
  if (!whole)
    return fuzzy('the oplog can be followed for a whole server only, not for one database or some collections');
  if (!oplogReadable) return fuzzy('the user may not read local.oplog.rs, which the role backup allows');
  return { oplog: true, consistency: 'snapshot', warnings: [] };
}
