import type { z } from 'zod';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { type Leavers, leavers, startDeletion } from '../catalog/repositories/backup-deletion.ts';
import { liveRuns } from '../catalog/repositories/runs.ts';
import type { Leaving, LeavingQuery } from '../contract/resources/places.ts';
import { Failure } from '../domain/failure.ts';
import { GRACE_SECONDS } from '../domain/retention.ts';
import { conflict } from './refusal.ts';

/** What leaves: one of them, or, with neither, the whole tenant. */
export interface Leaver {
  readonly databaseId?: string;
  readonly destinationId?: string;
}

type Preview = z.infer<typeof Leaving>;
type Wish = Pick<z.infer<typeof LeavingQuery>, 'backups' | 'confirm'>;

/** What a removal would do to the backups (product.md §14). */
export async function previewLeaving(trx: TenantTransaction, leaver: Leaver, wish: Wish): Promise<Preview> {
  return (await facts(trx, leaver, wish)).preview;
}

async function facts(trx: TenantTransaction, leaver: Leaver, wish: Wish) {
  const there = await leavers(trx, leaver);
  const live = await liveRuns(trx, leaver);
  const { backups, bytes, held } = there;
  const preview: Preview = { backups, bytes, runsLive: live.length, held, willKeep: wish.backups === 'keep' };
  return { there, preview };
}

/**
 * Keeps the backups, or gives them to retention's own path with its time of grace. Refused while runs or holds live. To
 * delete them, the name must be typed, and nothing may be pinned or locked.
 */
export async function leave(
  trx: TenantTransaction,
  leaver: Leaver,
  wish: Wish & { readonly name: string },
): Promise<Preview> {
  const { there, preview } = await facts(trx, leaver, wish);
  if (preview.runsLive > 0) {
    throw new Failure('already_running', `Runs are queued or running here: ${preview.runsLive}.`, {
      remedy: 'Wait until they are over, or cancel them.',
    });
  }
  if (preview.held > 0) {
    throw new Failure('target_in_use', `Backups are being read by a restore or download: ${preview.held}.`, {
      remedy: 'Wait until that is over.',
    });
  }
  if (wish.backups === 'delete') await deleteAll(trx, there, wish);
  return preview;
}

async function deleteAll(
  trx: TenantTransaction,
  there: Leavers,
  { confirm, name }: Pick<Wish, 'confirm'> & { readonly name: string },
): Promise<void> {
  requireTyped(confirm, name);
  if (there.shielded > 0)
    conflict(`Backups are pinned or locked: ${there.shielded}.`, 'Unpin them, wait for the lock, or keep the backups.');
  await startDeletion(trx, { ids: there.ids, graceSeconds: GRACE_SECONDS, floor: undefined });
}

export function requireTyped(confirm: string | undefined, name: string): void {
  if (confirm === name) return;
  throw new Failure('confirmation_missing', 'The name was not typed, or is another one.', {
    remedy: `Give confirm as ${JSON.stringify(name)}.`,
  });
}
