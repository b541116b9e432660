import { pathToFileURL } from 'node:url';
import type { DestinationRow } from '../catalog/repositories/destinations.ts';
import { FilesystemPlace, S3Place } from '../contract/resources/places.ts';
import type { Installation } from '../runtime/runtime.ts';
import { refuse } from './refusal.ts';

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
