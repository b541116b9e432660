import { randomUUID } from 'node:crypto';
import { found } from '../catalog/repositories/changing.ts';
import { holdBackup } from '../catalog/repositories/holds.ts';
import { reportsOf } from '../catalog/repositories/reports.ts';
import { getRestore, insertRestore, listRestores, type RestoreRow } from '../catalog/repositories/restores.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { RestoreResult, RestoreRun } from '../contract/resources/stored.ts';
import { RunState } from '../contract/resources/work.ts';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import type { PlanItem } from '../engines/engine.ts';
import { originOf } from '../pipeline/decode.ts';
import type { DatabaseLook, Runtime } from '../runtime/runtime.ts';
import { HOLD_SECONDS, lend, requireMatching } from './backup-start.ts';
import { change, look } from './change.ts';
import { settingsOf } from './database-rules.ts';
import { instant, maybeInstant } from './instant.ts';
import type { Operation } from './operation.ts';
import { refuse } from './refusal.ts';
import { findings, type RestoreFacts, requireNone, restoreFacts, type WantedRestore } from './restore-facts.ts';
import { launch, queueRun } from './start.ts';

function restoreResource(row: RestoreRow) {
  const result = RestoreResult.partial().parse(row.result ?? {});
  return {
    id: row.id,
    runId: row.run_id,
    backupId: row.backup_id,
    databaseId: row.database_id,
    state: RunState.parse(row.state),
    finalDatabase: result.finalDatabase,
    keptDatabase: result.keptDatabase,
    tables: result.tables ?? [],
    notices: result.notices ?? [],
    createdAt: instant(row.created_at),
    finishedAt: maybeInstant(row.finished_at),
  };
}

export const listAllRestores: Operation<'restores.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listRestores(trx, query));
  return { items: rows.map(restoreResource), next };
};

export const getOneRestore: Operation<'restores.get', 'catalog'> = async (runtime, asker, { params }) =>
  restoreResource(await look(runtime, asker, async (trx) => found(await getRestore(trx, params.restoreId), 'restore')));

/** The run, its restore, and the hold on the backup appear together; it is refused while anything else touches the target. */
export const startRestore: Operation<'restores.start', 'catalog' | 'vault' | 'launcher' | 'log'> = async (
  runtime,
  asker,
  { body },
) => {
  const { password, backupId, ...wanted } = body;
  const { tenantId } = asker;
  const [runId, restoreId] = [randomUUID(), randomUUID()];
  const restore = await change(runtime, asker, async (trx, told) => {
    const facts = await restoreFacts(trx, body);
    requireNone(await findings(trx, facts, body));
    requireMatching(facts.target, password);
    const databaseId = facts.target.id;
    const request = RestoreRun.parse({ ...wanted, restoreId });
    await queueRun(trx, asker, { id: runId, kind: 'restore', databaseId, backupId, request });
    await insertRestore(trx, { tenantId, id: restoreId, runId, backupId, databaseId, request });
    await holdBackup(trx, { tenantId, backupId, runId, seconds: HOLD_SECONDS });
    await lend(runtime, runId, password);
    const row = found(await getRestore(trx, restoreId), 'restore');
    await told({
      action: 'restores.start',
      object: `database ${databaseId}`,
      after: { run: runId, backupId, ...wanted },
    });
    return restoreResource(row);
  });
  await launch(runtime, asker, { id: runId, kind: 'restore' });
  return restore;
};

type Needs = 'catalog' | 'engines' | 'surveyor';

/** What a restore would do and what stands in its way: all of it, where `restores.start` stops at the first thing. */
export const planRestore: Operation<'backups.restorePlan', Needs> = async (runtime, asker, { params, body }) => {
  if (body.backupId !== params.backupId)
    refuse('The path names another backup than the body.', 'Give the same id in both.');
  const plan = await look(runtime, asker, async (trx) => {
    const facts = await restoreFacts(trx, body);
    const { external_id: externalId } = await getTenant(trx);
    const [report] = await reportsOf(trx, facts.backup.id, 1);
    return { facts, found: await findings(trx, facts, body), externalId, report };
  });
  const { facts } = plan;
  const { target } = facts;
  const surveyed = await survey(runtime, facts, {
    wanted: body,
    look: {
      tenantId: asker.tenantId,
      externalId: plan.externalId,
      engine: target.engine,
      settings: settingsOf(target),
      password: body.password === undefined ? undefined : new Secret(body.password),
      sealed: target.sealed_secret === null ? undefined : { databaseId: target.id, secret: target.sealed_secret },
    },
  });
  const known = plan.found.map(({ name, ok, detail, remedy }) => ({
    name,
    ok,
    detail: ok ? detail : `${detail} ${remedy}`,
    blocks: true,
  }));
  return {
    sourceDatabase: facts.manifest.database.name,
    targetDatabase: facts.targetDatabase,
    finalDatabase: facts.finalDatabase,
    plainBytes: facts.manifest.plain.bytes,
    secondsEstimated: secondsOf(plan.report?.body),
    items: [...known, ...surveyed.map((item) => ({ ...item }))],
    replaces: replaced(facts, body),
  };
};

/** The engine's own checks. A target that cannot be looked at is one more thing in the way, not the end of the plan. */
async function survey(
  { surveyor }: Pick<Runtime, 'surveyor'>,
  { backup, manifest, targetDatabase }: RestoreFacts,
  { wanted, look: at }: { readonly wanted: WantedRestore; readonly look: DatabaseLook },
): Promise<readonly PlanItem[]> {
  const origin = originOf({ body: manifest, key: backup.key, sha256: backup.manifest_sha256, signed: true });
  const { only, owners, acls, roles } = wanted;
  const request = { type: wanted.type, inPlace: wanted.target.kind === 'in-place', only, owners, acls, roles };
  try {
    return await surveyor.restore(at, { database: targetDatabase, origin, request });
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'internal') throw error;
    return [{ name: 'target', ok: false, detail: [error.message, error.remedy].join(' ').trim(), blocks: true }];
  }
}

/** As long as the restore of its last verification took. */
function secondsOf(report: Readonly<Record<string, unknown>> | undefined): number | undefined {
  return typeof report?.restoreSeconds === 'number' ? report.restoreSeconds : undefined;
}

function replaced({ targetDatabase }: RestoreFacts, { target }: WantedRestore): string[] {
  if (target.kind === 'new') return [];
  if (target.kind === 'swap')
    return [`${targetDatabase}; the one there now is kept as ${targetDatabase}_before_<time>.`];
  return [`Everything in ${targetDatabase}; a safety backup of it is made first.`];
}
