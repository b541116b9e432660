import type { TenantTransaction } from '../catalog/catalog.ts';
import { appendAudit } from '../catalog/repositories/audit.ts';
import { answerKey } from '../catalog/repositories/idempotency.ts';
import { Failure } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Asker } from './operation.ts';

/** What the audit chain says of a change: names, ids and settings, never a secret. */
export interface Told {
  /** The operation's name. */
  readonly action: string;
  /** `database <id>`. */
  readonly object: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * One transaction with everything that belongs to a change: the rows, its event in the audit chain, and the answer kept for
 * a repeated request. All of it is there afterwards, or nothing (F59). `work` calls `tell` once, as its last statement: the
 * chain is locked until the commit.
 */
export async function change<T>(
  { catalog }: Pick<Runtime, 'catalog'>,
  asker: Asker,
  work: (trx: TenantTransaction, tell: (told: Told) => Promise<void>) => Promise<T>,
): Promise<T> {
  return catalog.withTenant(asker.tenantId, async (trx) => {
    const answer = await work(trx, (told) => tell(trx, asker, told));
    await keepAnswer(trx, asker, answer);
    return answer;
  });
}

/** Appends to the tenant's audit chain in the name of the asker. */
export async function tell(trx: TenantTransaction, asker: Asker, told: Told): Promise<void> {
  await appendAudit(trx, {
    tenantId: asker.tenantId,
    actor: asker.actor,
    origin: asker.origin ?? null,
    action: told.action,
    object: told.object,
    before: told.before ?? null,
    after: told.after ?? null,
    requestId: asker.requestId,
  });
}

async function keepAnswer(trx: TenantTransaction, { key }: Asker, response: unknown): Promise<void> {
  if (key === undefined) return;
  const kept = response instanceof ShownOnce ? undefined : response;
  if (await answerKey(trx, key, { status: key.status, response: kept })) return;
  throw new Failure('conflict', 'This request took so long that a repetition of it took over.', {
    remedy: 'Ask again with the same key to see what came of it.',
  });
}

/** An answer that holds a secret: given once, kept nowhere. */
export class ShownOnce<T> {
  readonly answer: T;
  constructor(answer: T) {
    this.answer = answer;
  }
}

/** For questions: the same transaction without a change. */
export async function look<T>(
  { catalog }: Pick<Runtime, 'catalog'>,
  asker: Asker,
  work: (trx: TenantTransaction) => Promise<T>,
): Promise<T> {
  return catalog.withTenant(asker.tenantId, work);
}
