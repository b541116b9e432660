import type { Catalog } from '../catalog/catalog.ts';
import { found } from '../catalog/repositories/changing.ts';
import { getDestination } from '../catalog/repositories/destinations.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { Destination, type S3Place } from '../contract/resources/places.ts';
import { Failure } from '../domain/failure.ts';
import { placeOf } from '../operations/destination-place.ts';
import { joinSessions } from '../storage/joined.ts';
import { openStorage } from '../storage/registry.ts';
import { roleSource } from '../storage/s3/session.ts';
import type { Capabilities, Storage } from '../storage/storage.ts';
import { PARTS_PER_OBJECT, type S3Config, type StorageContext } from '../storage/store-config.ts';
import type { Runtime, StoragePurpose, StorageRequest } from './runtime.ts';

/** Opens a tenant's destination for one purpose: a folder as it is, a bucket by the role that the tenant gave for it. */
export function localStores(catalog: Catalog): Runtime['openStorage'] {
  return async ({ tenantId, destinationId, purpose, runId }: StorageRequest) => {
    const { row, externalId } = await catalog.withTenant(tenantId, async (trx) => ({
      row: found(await getDestination(trx, destinationId), 'destination'),
      externalId: (await getTenant(trx)).external_id,
    }));
    const { s3, filesystem } = placeOf(row);
    if (filesystem !== undefined)
      return openStorage({ kind: 'filesystem', root: filesystem.path.replace(/(?<=.)\/+$/, '') });
    if (s3 === undefined) throw new Failure('not_found', 'The destination has no place.');
    const capabilities = Destination.shape.capabilities.parse(row.capabilities ?? undefined);
    return openBucket(s3, { externalId, runId, purpose, capabilities });
  };
}

interface Wish {
  readonly externalId: string;
  readonly runId: string;
  readonly purpose: StoragePurpose;
  readonly capabilities: Capabilities | undefined;
}

/** Writing also looks at what it wrote, and deleting at what it deletes: by the role that may read, where there is one. */
function openBucket(place: S3Place, wish: Wish): Storage {
  const session = (roleArn: string | undefined) => openSession(place, wish, roleArn);
  const { writeRoleArn: write, readRoleArn: read, deleteRoleArn: remove } = place;
  if (wish.purpose === 'read') return session(read ?? write);
  const reading = read === undefined ? undefined : session(read);
  if (wish.purpose === 'delete') {
    const deleting = session(remove ?? write);
    return joinSessions({ write: deleting, read: reading });
  }
  return joinSessions({
    write: session(write),
    read: reading,
    remove: remove === undefined ? undefined : session(remove),
  });
}

function openSession(place: S3Place, { externalId, runId, capabilities }: Wish, roleArn: string | undefined): Storage {
  const role = roleArn === undefined ? undefined : { arn: roleArn, externalId };
  const context: StorageContext = {
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(role === undefined
      ? {}
      : {
          credentials: roleSource(role, {
            region: place.region,
            base: undefined,
            sessionName: `database-dump-${runId}`,
          }),
        }),
  };
  return openStorage(configOf(place), context);
}

function configOf(place: S3Place): S3Config {
  return {
    kind: 's3',
    bucket: place.bucket,
    prefix: place.prefix.replace(/^\/+|\/+$/g, ''),
    region: place.region,
    endpoint: place.endpoint,
    pathStyle: place.pathStyle,
    role: undefined,
    expectedOwner: place.expectedOwner,
    kmsKeyId: place.kmsKeyArn,
    keys: undefined,
    partsPerObject: PARTS_PER_OBJECT,
  };
}
