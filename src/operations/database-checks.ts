import { found } from '../catalog/repositories/changing.ts';
import { getDatabase, lockDatabase, setDatabaseVerifying } from '../catalog/repositories/databases.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import type { ProbeRun } from '../contract/resources/stored.ts';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import type { Probe } from '../engines/engine.ts';
import { probeFacts } from '../pipeline/probe-facts.ts';
import { change, look, tell } from './change.ts';
import { engineOf, settingsOf } from './database-rules.ts';
import { check } from './databases.ts';
import { requireNoProbe } from './destinations.ts';
import type { Operation } from './operation.ts';
import { refuse } from './refusal.ts';
import { runResource } from './runs.ts';
import { givenPassword, withoutPassword } from './sealed.ts';
import { launch, queueRun } from './start.ts';

export const verifyDatabase: Operation<'databases.verify', 'catalog' | 'launcher' | 'log'> = async (
  runtime,
  asker,
  { params },
) => {
  const run = await change(runtime, asker, async (trx, told) => {
    const row = found(await lockDatabase(trx, params.databaseId), 'database');
    if (settingsOf(row).credential.kind === 'one-off')
      refuse(
        `The database ${row.name} takes its password with each run.`,
        'Look at it with its password: POST /v1/databases:verify. Its first run needs no other look.',
      );
    await requireNoProbe(trx, { databaseId: row.id }, 'database');
    await setDatabaseVerifying(trx, row.id);
    const request: ProbeRun = { what: 'database', databaseId: row.id, version: row.version };
    const queued = runResource(await queueRun(trx, asker, { kind: 'probe', databaseId: row.id, request }));
    await told({ action: 'databases.verify', object: `database ${row.id}`, after: { run: queued.id } });
    return queued;
  });
  await launch(runtime, asker, run);
  return run;
};

type Needs = 'catalog' | 'engines' | 'installation' | 'surveyor';

/**
 * Looks at what the request describes and at nothing else: the password is the one given with it, or comes from the
 * reference given with it. Nothing that was kept for a registered database is used (S-03).
 */
export const dryRunDatabase: Operation<'databases.dryRun', Needs> = async (runtime, asker, { body }) => {
  const { name, engine, password: given, ...rest } = body;
  const settings = { ...rest, credential: withoutPassword(rest.credential) };
  const externalId = await look(runtime, asker, async (trx) => {
    await check(runtime, trx, { engine, settings });
    const after = { engine, host: rest.host, port: rest.port, user: rest.user, credential: rest.credential.kind };
    await tell(trx, asker, { action: 'databases.dryRun', object: `database ${JSON.stringify(name)}`, after });
    return (await getTenant(trx)).external_id;
  });
  const password = given === undefined ? givenPassword(rest.credential) : new Secret(given);
  if (password === undefined && ['one-off', 'sealed'].includes(rest.credential.kind))
    refuse('The password is missing.', 'Give password; it is used once and not kept.');
  const { tenantId } = asker;
  try {
    const probe = await runtime.surveyor.database({
      tenantId,
      externalId,
      engine,
      settings,
      password,
      sealed: undefined,
    });
    return { ...verdictOf(probe), probe: probeFacts(probe) };
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'internal') throw error;
    return { ok: false, problem: error.message, remedy: error.remedy };
  }
};

function verdictOf({ obstacles }: Probe) {
  return obstacles.length === 0 ? { ok: true } : { ok: false, problem: obstacles.join(' ') };
}

/** What can be backed up, and how consistent it will be, as the last look at it says. */
export const getCapabilities: Operation<'databases.capabilities', 'catalog' | 'engines'> = (
  runtime,
  asker,
  { params },
) =>
  look(runtime, asker, async (trx) => {
    const row = found(await getDatabase(trx, params.databaseId), 'database');
    if (row.state !== 'verified') {
      throw new Failure('not_verified', `The database ${row.name} is not verified.`, {
        remedy: `Verify it: POST /v1/databases/${row.id}:verify.`,
      });
    }
    const engine = engineOf(runtime, row.engine);
    const { warnings = [] } = (row.probe ?? {}) as { readonly warnings?: readonly string[] };
    return {
      engine: engine.id,
      types: [...engine.types],
      compression: ['zstd', 'gzip', 'none'],
      consistency: ['one snapshot', ...warnings].join('; '),
      formats: [engine.extension],
    };
  });
