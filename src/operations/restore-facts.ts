import type { z } from 'zod';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { type BackupRow, getBackup } from '../catalog/repositories/backups.ts';
import { found } from '../catalog/repositories/changing.ts';
import type { DatabaseRow } from '../catalog/repositories/databases.ts';
import { liveRuns } from '../catalog/repositories/runs.ts';
import type { RestoreStart } from '../contract/resources/work.ts';
import { Failure, type FailureCode } from '../domain/failure.ts';
import { ManifestBody } from '../domain/manifest.ts';
import { requireVerified, settingsOf } from './database-rules.ts';

export type WantedRestore = z.infer<typeof RestoreStart>;

export interface RestoreFacts {
  readonly backup: BackupRow;
  readonly manifest: ManifestBody;
  readonly target: DatabaseRow;
  /** The database on the target's server that would be replaced, or beside which the new one is made. */
  readonly targetDatabase: string;
  readonly finalDatabase: string;
}

/** One thing the catalog alone can say. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly code: FailureCode;
  readonly remedy: string;
}

/** Backup and target of the asker's own tenant; any other id is not found. */
export async function restoreFacts(trx: TenantTransaction, wanted: WantedRestore): Promise<RestoreFacts> {
  const backup = found(await getBackup(trx, wanted.backupId), 'backup');
  const target = await requireVerified(trx, wanted.target.databaseId);
  const manifest = ManifestBody.parse(backup.manifest);
  const targetDatabase = settingsOf(target).databaseName ?? manifest.database.name;
  const finalDatabase = wanted.target.kind === 'new' ? wanted.target.name : targetDatabase;
  return { backup, manifest, target, targetDatabase, finalDatabase };
}

const UNUSABLE: Readonly<Record<string, FailureCode>> = {
  lost: 'backup_lost',
  archived: 'backup_archived',
  suspect: 'backup_damaged',
  deleting: 'restore_refused',
  deleted: 'backup_lost',
};

/** Whatever stands in the way, as far as the catalog knows (RU-15). */
export async function findings(trx: TenantTransaction, facts: RestoreFacts, wanted: WantedRestore): Promise<Finding[]> {
  const { backup, manifest, target } = facts;
  const bad = UNUSABLE[backup.state];
  const live = await liveRuns(trx, { databaseId: target.id, kinds: ['backup', 'restore'] });
  return [
    {
      name: 'backup',
      ok: bad === undefined,
      detail: `The backup is ${backup.state} at level ${backup.level}.`,
      code: bad ?? 'restore_refused',
      remedy: backup.state === 'deleting' ? 'Undo the deletion first.' : 'Use another backup.',
    },
    {
      name: 'engine',
      ok: manifest.database.engine === target.engine,
      detail: `The backup is of ${manifest.database.engine}, the target is ${target.engine}.`,
      code: 'restore_refused',
      remedy: 'Choose a target of the same engine.',
    },
    {
      name: 'type',
      ok: fits(wanted.type, manifest.type),
      detail: `The backup holds ${manifest.type}, ${wanted.type} is asked for.`,
      code: 'restore_refused',
      remedy: `Ask for ${manifest.type === 'globals' ? 'another backup' : manifest.type}.`,
    },
    {
      name: 'other runs',
      ok: live.length === 0,
      detail:
        live.length === 0
          ? 'Nothing else runs on the target.'
          : `A ${live[0]?.kind} of the target is ${live[0]?.state}.`,
      code: 'already_running',
      remedy: 'Wait until it is over, or cancel it.',
    },
    ...confirmation(facts, wanted),
  ];
}

function fits(wanted: string, held: string): boolean {
  return held === 'full' || held === wanted;
}

/** What replaces something needs the name typed (F73). A new database must not have the target's own name. */
function confirmation({ targetDatabase, finalDatabase }: RestoreFacts, { target }: WantedRestore): Finding[] {
  if (target.kind === 'new') {
    return [
      {
        name: 'new name',
        ok: finalDatabase !== targetDatabase,
        detail: `The restored database is called ${finalDatabase}.`,
        code: 'target_not_empty',
        remedy: 'Choose a name that is free, or a swap.',
      },
    ];
  }
  return [
    {
      name: 'confirmation',
      ok: target.confirm === targetDatabase,
      detail: `${targetDatabase} is replaced.`,
      code: 'confirmation_missing',
      remedy: `Give confirm as ${JSON.stringify(targetDatabase)}.`,
    },
  ];
}

/** The first thing that stands in the way, as a Failure. */
export function requireNone(list: readonly Finding[]): void {
  const bad = list.find((finding) => !finding.ok);
  if (bad !== undefined) throw new Failure(bad.code, bad.detail, { remedy: bad.remedy });
}
