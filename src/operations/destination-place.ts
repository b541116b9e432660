import { pathToFileURL } from 'node:url';
import type { TenantTransaction } from '../catalog/catalog.ts';
import type { DestinationRow } from '../catalog/repositories/destinations.ts';
import { isRoleOfAnother } from '../catalog/repositories/role-arns.ts';
import { FilesystemPlace, S3Place } from '../contract/resources/places.ts';
import type { Installation } from '../runtime/runtime.ts';
import { conflict, refuse } from './refusal.ts';

/** The place of a destination's row in its kind's own field. */
export function placeOf({ kind, place }: Pick<DestinationRow, 'kind' | 'place'>): {
  s3?: S3Place;
  filesystem?: FilesystemPlace;
} {
  return kind === 's3' ? { s3: S3Place.parse(place) } : { filesystem: FilesystemPlace.parse(place) };
}

/** Rules that hold whatever the store says: what a shared installation must not be made to do (S-05). */
export function checkPlace(place: ReturnType<typeof placeOf>, { kind }: Pick<Installation, 'kind'>): void {
  const { s3, filesystem } = place;
  if (kind === 'one-machine') return;
  if (filesystem !== undefined)
    refuse('A folder can be a destination only where the service runs on one machine.', 'Use a bucket.');
  if (s3?.writeRoleArn === undefined)
    refuse('A bucket needs the ARN of a role that may write.', 'Create it with the role template and give its ARN.');
}

/** A role serves one tenant: what it lets us do there, nobody else may ask us to do (F90). Call in the change's transaction. */
export async function requireOwnRoles(trx: TenantTransaction, arns: readonly (string | undefined)[]): Promise<void> {
  // In one order, so that two that name the same roles do not wait for each other.
  const wanted = [...new Set(arns.flatMap((arn) => arn ?? []))].sort();
  for (const arn of wanted) {
    if (await isRoleOfAnother(trx, arn))
      conflict(`The role ${arn} is used by another tenant.`, 'Make a role of your own with the role template.');
  }
}

/** The roles that a place names. */
export function rolesOf({ s3 }: ReturnType<typeof placeOf>): readonly (string | undefined)[] {
  return [s3?.writeRoleArn, s3?.readRoleArn, s3?.deleteRoleArn];
}

/** The store's address as `dbdump rescue` takes it; nothing in it is secret. */
export function storeUrl(row: Pick<DestinationRow, 'kind' | 'place'>): string {
  const { s3, filesystem } = placeOf(row);
  if (s3 === undefined) return pathToFileURL(filesystem?.path ?? '/').href;
  const query = new URLSearchParams({ region: s3.region });
  if (s3.endpoint !== undefined) query.set('endpoint', s3.endpoint);
  if (s3.pathStyle) query.set('path-style', 'true');
  if (s3.expectedOwner !== undefined) query.set('expected-owner', s3.expectedOwner);
  const prefix = s3.prefix.replace(/^\/+|\/+$/g, '');
  return `s3://${s3.bucket}${prefix === '' ? '' : `/${prefix}`}?${query}`;
}
