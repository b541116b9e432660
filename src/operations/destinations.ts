import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { found, requireVersion } from '../catalog/repositories/changing.ts';
import {
  changeDestination,
  type DestinationRow,
  type DestinationWithUse,
  getDestination,
  insertDestination,
  listDestinations,
  lockDestination,
  removeDestination,
  setDestinationVerifying,
  shareDestinations,
} from '../catalog/repositories/destinations.ts';
import { liveRuns } from '../catalog/repositories/runs.ts';
import { schedulesOf } from '../catalog/repositories/schedules.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { changed, VerificationState } from '../contract/resources/basics.ts';
import { Destination, type DestinationUpdate, S3Place } from '../contract/resources/places.ts';
import type { ProbeRun } from '../contract/resources/stored.ts';
import { Failure } from '../domain/failure.ts';
import { canonicalJson } from '../domain/manifest.ts';
import { change, look } from './change.ts';
import { checkPlace, placeOf, requireOwnRoles, rolesOf } from './destination-place.ts';
import { instant, maybeInstant } from './instant.ts';
import { leave } from './leaving.ts';
import type { Operation } from './operation.ts';
import { conflict, refuse } from './refusal.ts';
import { roleTemplate } from './role-template.ts';
import { runResource } from './runs.ts';
import { launch, queueRun } from './start.ts';

function destinationResource(row: DestinationRow & { readonly stored_bytes?: string }) {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    labels: row.labels,
    ...placeOf(row),
    state: VerificationState.parse(row.state),
    error: row.error ?? undefined,
    probes: Destination.shape.probes.parse(row.probes),
    capabilities: Destination.shape.capabilities.parse(row.capabilities ?? undefined),
    verifiedAt: maybeInstant(row.verified_at),
    storedBytes: Number(row.stored_bytes ?? 0),
    createdAt: instant(row.created_at),
    version: row.version,
  };
}

export const listAllDestinations: Operation<'destinations.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listDestinations(trx, query));
  return { items: rows.map(destinationResource), next };
};

export const getOneDestination: Operation<'destinations.get', 'catalog'> = async (runtime, asker, { params }) =>
  destinationResource(await look(runtime, asker, (trx) => existing(trx, params.destinationId)));

async function existing(trx: TenantTransaction, id: string): Promise<DestinationWithUse> {
  return found(await getDestination(trx, id), 'destination');
}

export const createDestination: Operation<'destinations.create', 'catalog' | 'installation'> = (
  runtime,
  asker,
  { body },
) => {
  const { kind, name, labels } = body;
  const place = body.kind === 's3' ? body.s3 : body.filesystem;
  checkPlace(placeOf({ kind, place }), runtime.installation);
  return change(runtime, asker, async (trx, told) => {
    await requireOwnRoles(trx, rolesOf(placeOf({ kind, place })));
    const given = { tenantId: asker.tenantId, id: randomUUID(), kind, name, labels, place };
    const after = destinationResource(await insertDestination(trx, given));
    await told({ action: 'destinations.create', object: `destination ${after.id}`, after });
    return after;
  });
};

/** Another place is another destination: it must be verified again. Backups that lie there already would be lost from sight. */
export const updateDestination: Operation<'destinations.update', 'catalog' | 'installation'> = (
  runtime,
  asker,
  { params, body },
) =>
  change(runtime, asker, async (trx, told) => {
    const row = found(await lockDestination(trx, params.destinationId), 'destination');
    requireVersion(row, asker.ifMatch);
    const before = await existing(trx, row.id);
    const place = placeAfter(row, body);
    checkPlace(placeOf({ kind: row.kind, place }), runtime.installation);
    await requireOwnRoles(trx, rolesOf(placeOf({ kind: row.kind, place })));
    if (Number(before.stored_bytes) > 0 && whereOf(row.kind, place) !== whereOf(row.kind, row.place))
      conflict('Backups lie at this destination, so it cannot be moved.', 'Add another destination instead.');
    const reset = canonicalJson(place) !== canonicalJson(row.place);
    const { name = row.name, labels = row.labels } = body;
    const changedRow = await changeDestination(trx, row.id, { name, labels, place, reset });
    const after = destinationResource({ ...changedRow, stored_bytes: before.stored_bytes });
    await told({
      action: 'destinations.update',
      object: `destination ${row.id}`,
      before: destinationResource(before),
      after,
    });
    return after;
  });

function placeAfter(row: DestinationRow, { s3, filesystem }: z.infer<typeof DestinationUpdate>) {
  if ((row.kind === 's3' ? filesystem : s3) !== undefined)
    refuse(`The destination is of kind ${row.kind}.`, 'Add another destination instead.');
  return row.kind === 's3' ? S3Place.parse(changed(row.place, s3 ?? {})) : (filesystem ?? row.place);
}

/** The address alone: roles, keys and classes may change under stored backups. */
function whereOf(kind: string, place: Readonly<Record<string, unknown>>): string {
  const { s3, filesystem } = placeOf({ kind, place });
  return JSON.stringify([s3?.bucket, s3?.prefix, s3?.endpoint, filesystem?.path]);
}

export const deleteDestination: Operation<'destinations.delete', 'catalog'> = (runtime, asker, { params, query }) =>
  change(runtime, asker, async (trx, told) => {
    const row = found(await lockDestination(trx, params.destinationId), 'destination');
    const users = await schedulesOf(trx, { destinationId: row.id });
    if (users.length > 0)
      conflict(`Schedules write to it: ${users.map(({ name }) => name).join(', ')}.`, 'Change or remove them first.');
    const leaving = await leave(trx, { destinationId: row.id }, { ...query, name: row.name });
    await removeDestination(trx, row.id);
    await told({
      action: 'destinations.delete',
      object: `destination ${row.id}`,
      before: destinationResource(row),
      after: leaving,
    });
    return leaving;
  });

export const verifyDestination: Operation<'destinations.verify', 'catalog' | 'launcher' | 'log'> = async (
  runtime,
  asker,
  { params },
) => {
  const run = await change(runtime, asker, async (trx, told) => {
    const row = found(await lockDestination(trx, params.destinationId), 'destination');
    await requireNoProbe(trx, { destinationId: row.id }, 'destination');
    await setDestinationVerifying(trx, row.id);
    const request: ProbeRun = { what: 'destination', destinationId: row.id, version: row.version };
    const queued = runResource(await queueRun(trx, asker, { kind: 'probe', request }));
    await told({ action: 'destinations.verify', object: `destination ${row.id}`, after: { run: queued.id } });
    return queued;
  });
  await launch(runtime, asker, run);
  return run;
};

/** One look at a time (RU-07). */
export async function requireNoProbe(
  trx: TenantTransaction,
  of: { readonly databaseId: string } | { readonly destinationId: string },
  what: string,
): Promise<void> {
  const live = await liveRuns(trx, { ...of, kinds: ['probe'] });
  if (live.length === 0) return;
  throw new Failure('already_running', `The ${what} is being verified already.`, {
    remedy: `Wait for run ${live[0]?.id}.`,
  });
}

/** What the client runs on its side. A role's trust names our principal and this tenant's external id (F90). */
export const getRoleTemplate: Operation<'destinations.roleTemplate', 'catalog' | 'installation'> = (
  runtime,
  asker,
  { params, query },
) =>
  look(runtime, asker, async (trx) => {
    const { s3 } = placeOf(await existing(trx, params.destinationId));
    if (s3 === undefined) refuse('A folder needs no roles.', 'Ask for the template of a bucket.');
    const { principalArn } = runtime.installation;
    const { external_id: externalId } = await getTenant(trx);
    return roleTemplate(query.format, { s3, externalId, principalArn });
  });

/** Those destinations, locked against removal; every one must exist, be verified and be named once (RU-07). */
export async function requireDestinations(
  trx: TenantTransaction,
  ids: readonly string[],
): Promise<readonly DestinationRow[]> {
  const rows = await shareDestinations(trx, ids);
  if (new Set(ids).size !== ids.length) refuse('A destination is named twice.', 'Name each destination once.');
  if (rows.length !== ids.length) found(undefined, 'destination');
  const raw = rows.find((row) => row.state !== 'verified');
  if (raw === undefined) return rows;
  throw new Failure('not_verified', `The destination ${raw.name} is not verified.`, {
    remedy: `Verify it: POST /v1/destinations/${raw.id}:verify.`,
  });
}
