import type { Session } from './session.ts';

/** The name of every throwaway cluster of ours, so that a restore knows it may create the roles a dump speaks of. */
export const SCRATCH_CLUSTER = 'database-dump-scratch';

export async function isScratch(session: Session): Promise<boolean> {
  const [row] = await session.rows("select current_setting('cluster_name') as name");
  return row?.name === SCRATCH_CLUSTER;
}
