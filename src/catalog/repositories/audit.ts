import { type Selectable, sql } from 'kysely';
import { type AuditFacts, CHAIN_START, type ChainedEvent, chainHash, firstBreak } from '../../domain/audit.ts';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { type Page, type PageRequest, sequenceCursor } from './page.ts';

export type NewAuditEvent = Omit<AuditFacts, 'sequence' | 'at'> & { readonly tenantId: string };

/** Adds to the tenant's chain, in the transaction of the change itself: neither is ever there without the other. */
export async function appendAudit(trx: TenantTransaction, event: NewAuditEvent): Promise<void> {
  const { tenantId, ...facts } = event;
  // One writer of a chain at a time, until this transaction ends.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`audit ${tenantId}`}, 0))`.execute(trx);
  const last = await trx
    .selectFrom('audit_events')
    .select(['sequence', 'hash'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  const clock = await sql<{ now: Date }>`select date_trunc('milliseconds', clock_timestamp()) as now`.execute(trx);
  const at = (clock.rows[0]?.now ?? new Date()).toISOString();
  const sequence = Number(last?.sequence ?? 0) + 1;
  const previousHash = last?.hash ?? CHAIN_START;
  const hash = chainHash(previousHash, { ...plain(facts), sequence, at });
  await trx
    .insertInto('audit_events')
    .values({
      tenant_id: tenantId,
      sequence: String(sequence),
      at,
      actor: facts.actor,
      origin: facts.origin,
      action: facts.action,
      object: facts.object,
      before: facts.before === undefined ? null : JSON.stringify(facts.before),
      after: facts.after === undefined ? null : JSON.stringify(facts.after),
      request_id: facts.requestId,
      previous_hash: previousHash,
      hash,
    })
    .execute();
}

/** As the row will be read back: nothing undefined, no undefined members. */
function plain(facts: Omit<NewAuditEvent, 'tenantId'>): Omit<NewAuditEvent, 'tenantId'> {
  return {
    ...facts,
    before: JSON.parse(JSON.stringify(facts.before ?? null)),
    after: JSON.parse(JSON.stringify(facts.after ?? null)),
  };
}

export interface AuditVerdict {
  readonly intact: boolean;
  readonly events: number;
  readonly head: string;
  readonly brokenAt: number | undefined;
}

/** Recomputes the tenant's whole chain. */
export async function verifyAudit(trx: TenantTransaction): Promise<AuditVerdict> {
  const rows = await trx.selectFrom('audit_events').selectAll().orderBy('sequence').execute();
  const events = rows.map(
    (row): ChainedEvent => ({
      sequence: Number(row.sequence),
      at: row.at.toISOString(),
      actor: row.actor,
      origin: row.origin,
      action: row.action,
      object: row.object,
      before: row.before,
      after: row.after,
      requestId: row.request_id,
      previousHash: row.previous_hash,
      hash: row.hash,
    }),
  );
  const brokenAt = firstBreak(events);
  return { intact: brokenAt === undefined, events: events.length, head: events.at(-1)?.hash ?? CHAIN_START, brokenAt };
}

export type AuditRow = Selectable<CatalogTables['audit_events']>;

/** Newest first. */
export async function listAudit(trx: TenantTransaction, { limit, cursor }: PageRequest): Promise<Page<AuditRow>> {
  const after = sequenceCursor(cursor);
  const rows = await trx
    .selectFrom('audit_events')
    .selectAll()
    .$if(after !== undefined, (query) => query.where('sequence', '<', after ?? ''))
    .orderBy('sequence', 'desc')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const last = page.at(-1)?.sequence;
  const more = rows.length > limit && last !== undefined;
  return { rows: page, next: more ? Buffer.from(last).toString('base64url') : undefined };
}
