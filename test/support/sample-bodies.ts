import { randomUUID } from 'node:crypto';
import type { RouteId } from '../../src/contract/routes.ts';
import type { TenantObjects } from './tenant-objects.ts';

type Ids = Pick<TenantObjects, 'databaseId' | 'destinationId' | 'backupId'>;

/** A body that each route takes which takes one, naming those objects. */
export function sampleBodies({
  databaseId,
  destinationId,
  backupId,
}: Ids): Partial<Record<RouteId, Record<string, unknown>>> {
  const tag = randomUUID().slice(0, 8);
  const restore = { backupId, target: { kind: 'new', databaseId, name: `copy_${tag}` } };
  const database = {
    name: `db ${tag}`,
    engine: 'postgres',
    host: 'db.example.org',
    port: 5432,
    databaseName: 'shop',
    user: 'backup',
    credential: { kind: 'env', name: 'SHOP_PASSWORD' },
    environment: 'staging',
  };
  return {
    'session.signIn': { token: 'dbl_'.padEnd(47, 'x') },
    'tenants.create': { name: `tenant ${tag}` },
    'tenant.update': { name: `renamed ${tag}` },
    'members.update': { role: 'viewer' },
    'invitations.create': { email: `${tag}@example.org`, role: 'viewer' },
    'apiKeys.create': { name: `key ${tag}`, role: 'viewer' },
    'destinations.create': {
      kind: 's3',
      name: `bucket ${tag}`,
      s3: {
        bucket: `bucket-${tag}`,
        region: 'eu-central-1',
        writeRoleArn: `arn:aws:iam::123456789012:role/write-${tag}`,
      },
    },
    'destinations.update': { name: `bucket ${tag}` },
    'databases.create': database,
    'databases.dryRun': database,
    'databases.update': { name: `db ${tag}` },
    'schedules.create': {
      name: `nightly ${tag}`,
      databaseId,
      destinationIds: [destinationId],
      cron: '0 3 * * *',
      zone: 'Europe/Berlin',
    },
    'schedules.preview': { cron: '0 3 * * *', zone: 'Europe/Berlin' },
    'schedules.update': { name: `weekly ${tag}` },
    'retention.preview': { databaseId, retention: { keepLast: 3 } },
    'backups.start': { databaseId, destinationIds: [destinationId] },
    'backups.update': { tags: [tag] },
    'backups.pin': { reason: 'the last one before the move' },
    'backups.verify': { level: 1 },
    'backups.restorePlan': restore,
    'restores.start': restore,
    'channels.create': { name: `ops ${tag}`, target: { kind: 'webhook', url: 'https://hooks.example.org/x' } },
    'channels.update': { name: `ops ${tag}` },
  };
}
