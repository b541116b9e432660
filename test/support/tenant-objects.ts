import { createHash, randomUUID } from 'node:crypto';
import { insertBackup } from '../../src/catalog/repositories/backups.ts';
import { insertRestore } from '../../src/catalog/repositories/restores.ts';
import { insertRun } from '../../src/catalog/repositories/runs.ts';
import { sampleBodies } from './sample-bodies.ts';
import { type Answer, addPerson, startService, type TestService, type TestTenant } from './service.ts';

/** One object of every kind, by the name that a path gives its id. */
export interface TenantObjects {
  readonly memberId: string;
  readonly invitationId: string;
  readonly apiKeyId: string;
  readonly destinationId: string;
  readonly databaseId: string;
  readonly scheduleId: string;
  readonly runId: string;
  readonly backupId: string;
  readonly restoreId: string;
  readonly channelId: string;
}

/** Asks for them where the API makes them; what only a run makes is recorded as a run records it. */
export async function makeObjects(service: TestService, tenant: TestTenant): Promise<TenantObjects> {
  const nobody = randomUUID();
  const create = async (path: string, body: unknown): Promise<string> => {
    const answer = await service.ask({ method: 'POST', path, key: tenant.keys.owner, body });
    return String(sound(answer).json.id);
  };
  const early = sampleBodies({ databaseId: nobody, destinationId: nobody, backupId: nobody });
  const destinationId = await create('/v1/destinations', early['destinations.create']);
  const databaseId = await create('/v1/databases', early['databases.create']);
  await service.world.sql(
    `UPDATE destinations SET state = 'verified', verified_at = now() WHERE id = '${destinationId}'`,
  );
  await service.world.sql(`UPDATE databases SET state = 'verified', verified_at = now() WHERE id = '${databaseId}'`);
  const bodies = sampleBodies({ databaseId, destinationId, backupId: nobody });
  const scheduleId = await create('/v1/schedules', bodies['schedules.create']);
  const channelId = await create('/v1/channels', bodies['channels.create']);
  const apiKeyId = await create('/v1/api-keys', bodies['apiKeys.create']);
  const invitationId = await create('/v1/invitations', bodies['invitations.create']);
  const memberId = await addPerson(service, tenant.tenantId, `local:${randomUUID()}`);
  const work = await recordWork(service, { tenantId: tenant.tenantId, databaseId, destinationId });
  return { memberId, invitationId, apiKeyId, destinationId, databaseId, scheduleId, channelId, ...work };
}

export function sound(answer: Answer): Answer {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
}

interface Scope {
  readonly tenantId: string;
  readonly databaseId: string;
  readonly destinationId: string;
}

async function recordWork({ world }: TestService, scope: Scope) {
  const { tenantId, databaseId, destinationId } = scope;
  const [runId, backupId, restoreId] = [randomUUID(), randomUUID(), randomUUID()];
  const manifest = manifestOf(backupId);
  const facts = backupFacts(manifest.stored.sha256);
  await world.catalog.withTenant(tenantId, async (trx) => {
    await insertRun(trx, {
      tenantId,
      id: runId,
      kind: 'restore',
      trigger: 'manual',
      databaseId,
      backupId,
      request: {},
    });
    await insertBackup(trx, {
      tenantId,
      id: backupId,
      manifestId: manifest.backup,
      databaseId,
      destinationId,
      runId,
      key: `shop-${backupId}/manifest.json`,
      name: undefined,
      state: 'good',
      level: 2,
      identity: manifest.stored.sha256,
      plainBytes: 10,
      storedBytes: 5,
      facts,
      manifest,
      tableRows: {},
      manifestSha256: createHash('sha256').update(JSON.stringify(manifest)).digest('hex'),
      snapshotAt: new Date(),
      verifiedAt: new Date(),
      lockedUntil: undefined,
    });
    await insertRestore(trx, { tenantId, id: restoreId, runId, backupId, databaseId, request: {} });
  });
  await world.sql(`UPDATE runs SET state = 'succeeded', finished_at = now() WHERE id = '${runId}'`);
  return { runId, backupId, restoreId };
}

/** What lists show of a backup as below. */
export function backupFacts(sha256: string) {
  return {
    databaseName: 'shop',
    engine: 'postgres',
    type: 'full',
    consistency: 'snapshot',
    sha256,
    encrypted: false,
    serverVersion: '15.20',
    toolVersion: '15.20',
    tables: 1,
    rows: 1,
    warnings: [],
  } as const;
}

export function manifestOf(backup: string) {
  return {
    format: 'database-dump/manifest',
    version: 1,
    backup,
    run: 'r-1',
    attempt: 1,
    database: { id: 'd1', name: 'shop', engine: 'postgres', host: 'db', port: 5432 },
    type: 'full',
    startedAt: '2026-11-24T10:00:00.000Z',
    snapshotAt: '2026-11-24T10:00:00.000Z',
    finishedAt: '2026-11-24T10:00:09.000Z',
    snapshotId: '0001-1',
    server: { flavour: 'PostgreSQL', version: '15.20' },
    tool: { program: 'pg_dump', version: '15.20' },
    options: {},
    consistency: 'snapshot',
    warnings: [],
    extension: 'pgc',
    compression: { algorithm: 'zstd', level: 3 },
    plain: { bytes: 10, sha256: 'a'.repeat(64) },
    stored: { bytes: 5, sha256: 'b'.repeat(64) },
    volumes: [{ name: 'dump.pgc.zst', bytes: 5, sha256: 'b'.repeat(64), crc32: 'AAAAAA==', versionId: 'v1' }],
    inventory: {
      objects: { 'table public.a': '01' },
      tables: { 'public.a': { rows: 1, digest: 'd' } },
      values: {},
      facts: {},
    },
    uncounted: [],
    parsedInStream: false,
  } as const;
}

/** The API with two tenants, each with one object of every kind. */
export async function startTwoTenants() {
  const service = await startService();
  const [alice, bob] = [await service.tenant(), await service.tenant()];
  return { service, alice, bob, hers: await makeObjects(service, alice), his: await makeObjects(service, bob) };
}
