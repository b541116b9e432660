import { listAudit, verifyAudit } from '../catalog/repositories/audit.ts';
import { look } from './change.ts';
import { instant } from './instant.ts';
import type { Operation } from './operation.ts';

export const listEvents: Operation<'audit.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listAudit(trx, query));
  const items = rows.map((row) => ({
    sequence: Number(row.sequence),
    at: instant(row.at),
    actor: row.actor,
    from: row.origin ?? undefined,
    action: row.action,
    object: row.object,
    before: row.before ?? undefined,
    after: row.after ?? undefined,
    requestId: row.request_id,
    hash: row.hash,
  }));
  return { items, next };
};

export const verifyChain: Operation<'audit.verify', 'catalog'> = (runtime, asker) => look(runtime, asker, verifyAudit);
