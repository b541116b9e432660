import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { found, requireVersion } from '../catalog/repositories/changing.ts';
import {
  changeDatabase,
  type DatabaseRow,
  type DatabaseWithUse,
  getDatabase,
  insertDatabase,
  listDatabases,
  lockDatabase,
} from '../catalog/repositories/databases.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { changed, VerificationState } from '../contract/resources/basics.ts';
import { Database, DatabaseSettings } from '../contract/resources/places.ts';
import { RunState } from '../contract/resources/work.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { change, look } from './change.ts';
import { checkDatabase, engineOf, isAnother, isElsewhere, settingsOf } from './database-rules.ts';
import { requireOwnRoles } from './destination-place.ts';
import { instant, maybeInstant } from './instant.ts';
import { requireRoomForDatabase } from './limits.ts';
import type { Operation } from './operation.ts';
import { refuse } from './refusal.ts';
import { givenPassword, sealFor, withoutPassword } from './sealed.ts';

type Use = Partial<Pick<DatabaseWithUse, 'stored_bytes' | 'last_good_at' | 'last_run_state'>>;

function databaseResource(row: DatabaseRow & Use) {
  return {
    ...settingsOf(row),
    name: row.name,
    engine: row.engine,
    id: row.id,
    state: VerificationState.parse(row.state),
    error: row.error ?? undefined,
    probe: Database.shape.probe.parse(row.probe ?? undefined),
    verifiedAt: maybeInstant(row.verified_at),
    lastGoodBackupAt: maybeInstant(row.last_good_at),
    lastRunState: row.last_run_state == null ? undefined : RunState.parse(row.last_run_state),
    storedBytes: Number(row.stored_bytes ?? 0),
    managed: row.removed_at === null,
    createdAt: instant(row.created_at),
    version: row.version,
  };
}

export const listAllDatabases: Operation<'databases.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listDatabases(trx, query));
  return { items: rows.map(databaseResource), next };
};

export const getOneDatabase: Operation<'databases.get', 'catalog'> = async (runtime, asker, { params }) =>
  databaseResource(
    await look(runtime, asker, async (trx) => found(await getDatabase(trx, params.databaseId), 'database')),
  );

type Needs = 'catalog' | 'engines' | 'installation' | 'vault';

export const createDatabase: Operation<'databases.create', Needs> = async (runtime, asker, { body }) => {
  const { name, engine, ...rest } = body;
  const { tenantId } = asker;
  const id = randomUUID();
  const settings = { ...rest, credential: withoutPassword(rest.credential) };
  await look(runtime, asker, (trx) => check(runtime, trx, { engine, settings }));
  const password = givenPassword(body.credential);
  if (rest.credential.kind === 'sealed' && password === undefined)
    refuse('A sealed credential needs its password once.', 'Give credential.password.');
  const sealed = await sealFor(runtime, password, { tenantId, id });
  return change(runtime, asker, async (trx, told) => {
    await requireRoomForDatabase(trx);
    await requireOwnRoles(trx, rolesIn(settings));
    const row = await insertDatabase(trx, { tenantId, id, name, engine, settings, sealed });
    const after = databaseResource(row);
    await told({ action: 'databases.create', object: `database ${id}`, after });
    return after;
  });
};

/** The roles of the client's account that its credentials are behind. */
function rolesIn({ credential, tunnel }: DatabaseSettings): readonly (string | undefined)[] {
  return [credential, tunnel?.privateKey].map((source) =>
    source !== undefined && 'roleArn' in source ? source.roleArn : undefined,
  );
}

/** Every rule, with what the tenant allows. */
export async function check(
  runtime: Pick<Runtime, 'engines' | 'installation'>,
  trx: TenantTransaction,
  { engine, settings }: { readonly engine: string; readonly settings: DatabaseSettings },
): Promise<void> {
  const { installation } = runtime;
  const { sealed_credentials: sealedAllowed } = await getTenant(trx);
  checkDatabase(settings, { engine: engineOf(runtime, engine), installation, sealedAllowed });
  await requireOwnRoles(trx, rolesIn(settings));
}

/** What is not named stays as it is; another address or credential must be verified again (RU-07). */
export const updateDatabase: Operation<'databases.update', Needs> = async (runtime, asker, { params, body }) => {
  const { tenantId } = asker;
  const id = params.databaseId;
  await look(runtime, asker, async (trx) => found(await lockDatabase(trx, id), 'database'));
  const password = body.credential === undefined ? undefined : givenPassword(body.credential);
  const resealed = await sealFor(runtime, password, { tenantId, id });
  return change(runtime, asker, async (trx, told) => {
    const row = found(await lockDatabase(trx, id), 'database');
    requireVersion(row, asker.ifMatch);
    const before = settingsOf(row);
    const { name = row.name, engine = row.engine, ...rest } = body;
    const wanted = DatabaseSettings.parse(changed(before, rest));
    const settings = { ...wanted, credential: withoutPassword(wanted.credential) };
    await check(runtime, trx, { engine, settings });
    const sealed = sealedAfter({ row, engine, before, settings, resealed });
    const reset = engine !== row.engine || isAnother(before, settings) || resealed !== undefined;
    const after = databaseResource(await changeDatabase(trx, id, { name, engine, settings, sealed, reset }));
    await told({ action: 'databases.update', object: `database ${id}`, before: databaseResource(row), after });
    return after;
  });
};

interface Resealing {
  readonly row: DatabaseRow;
  readonly engine: string;
  readonly before: DatabaseSettings;
  readonly settings: DatabaseSettings;
  readonly resealed: Uint8Array | undefined;
}

/** The sealed secret from now on: null takes it away, undefined leaves it. A kept one never goes to a new address (S-03). */
function sealedAfter({ row, engine, before, settings, resealed }: Resealing): Uint8Array | null | undefined {
  if (settings.credential.kind !== 'sealed') return null;
  if (resealed !== undefined) return resealed;
  if (row.sealed_secret === null) refuse('A sealed credential needs its password once.', 'Give credential.password.');
  if (engine !== row.engine || isElsewhere(before, settings))
    refuse('The sealed password is not sent to another address.', 'Give credential.password again with the change.');
  return undefined;
}
