import type { TenantTransaction } from '../catalog/catalog.ts';
import type { DestinationRow } from '../catalog/repositories/destinations.ts';
import type { ScheduleSettings } from '../contract/resources/work.ts';
import type { Engine } from '../engines/engine.ts';
import { encrypted } from '../pipeline/encrypt.ts';
import { placeOf } from './destination-place.ts';
import { requireDestinations } from './destinations.ts';
import { refuse } from './refusal.ts';

export type WantedBackup = Pick<ScheduleSettings, 'type' | 'recipients'> & {
  readonly destinationIds: readonly string[];
};

/** What every backup needs, scheduled or not: verified destinations, a type the engine makes, recipients that are some. */
export async function checkBackup(
  trx: TenantTransaction,
  engine: Engine,
  { type, recipients, destinationIds }: WantedBackup,
): Promise<readonly DestinationRow[]> {
  if (!engine.types.includes(type))
    refuse(`${engine.label} makes no backup of type ${type}.`, `Types are: ${engine.types.join(', ')}.`);
  await requireRecipients(recipients);
  return requireDestinations(trx, destinationIds);
}

/** A schedule that deletes needs somebody who may (RU-09). */
export async function checkSchedule(
  trx: TenantTransaction,
  engine: Engine,
  wanted: WantedBackup & Pick<ScheduleSettings, 'retention'>,
): Promise<void> {
  const destinations = await checkBackup(trx, engine, wanted);
  if (Object.keys(wanted.retention).length === 0) return;
  const toothless = destinations.find((destination) => {
    const { s3 } = placeOf(destination);
    return s3?.writeRoleArn !== undefined && s3.deleteRoleArn === undefined;
  });
  if (toothless !== undefined)
    refuse(
      `The destination ${toothless.name} has no role that may delete, so retention could never be kept.`,
      'Give it a delete role, or leave retention to a lifecycle rule and out of the schedule.',
    );
}

/** Encrypts nothing to them: a Failure `usage` names one that cannot be encrypted to. */
async function requireRecipients(recipients: readonly string[]): Promise<void> {
  if (recipients.length === 0) return;
  for await (const _ of encrypted(nothing(), recipients));
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
