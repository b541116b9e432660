import { sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';

export interface RunLine {
  readonly at: Date;
  readonly text: string;
}

/** Lines that are kept of a run; older ones go. */
const KEPT = 500;
const LONGEST = 2_000;

/** Adds to a run's log, in order, however many write. */
export async function addLines(
  trx: TenantTransaction,
  run: { readonly tenantId: string; readonly runId: string },
  lines: readonly string[],
): Promise<void> {
  if (lines.length === 0) return;
  await sql`select id from runs where id = ${run.runId}::uuid for update`.execute(trx);
  const last = await trx
    .selectFrom('run_lines')
    .select((eb) => eb.fn.max('number').as('number'))
    .where('run_id', '=', run.runId)
    .executeTakeFirst();
  const start = Number(last?.number ?? 0) + 1;
  const rows = lines.map((text, index) => ({
    tenant_id: run.tenantId,
    run_id: run.runId,
    number: start + index,
    text: text.replaceAll('\0', '').slice(0, LONGEST),
  }));
  await trx.insertInto('run_lines').values(rows).execute();
  const oldest = start + lines.length - KEPT;
  await trx.deleteFrom('run_lines').where('run_id', '=', run.runId).where('number', '<', oldest).execute();
}

export async function lastLines(trx: TenantTransaction, runId: string): Promise<readonly RunLine[]> {
  return trx
    .selectFrom('run_lines')
    .select(['at', 'text'])
    .where('run_id', '=', runId)
    .orderBy('number')
    .limit(KEPT)
    .execute();
}
