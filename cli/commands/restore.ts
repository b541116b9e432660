import { z } from 'zod';
import { formatBytes, formatSeconds } from '../../src/domain/figures.ts';
import type { Outcome } from '../screen.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService, type ServiceSession } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { exitOfRun, followRun, runLines } from './follow.ts';
import { findBackup, findDatabase } from './found.ts';

const RestoreOptions = ServiceOptions.extend({
  into: z.string(),
  newName: z.string().optional(),
  swap: z.boolean().default(false),
  inPlace: z.boolean().default(false),
  disconnect: z.boolean().optional(),
  confirm: z.string().optional(),
  type: z.enum(['full', 'schema', 'data']),
  only: z.array(z.string()).optional(),
  owner: z.boolean().default(true),
  acl: z.boolean().default(true),
  roleMap: z.record(z.string(), z.string()).optional(),
  password: z.string().optional(),
  wait: z.boolean().default(true),
});
type RestoreOptions = z.infer<typeof RestoreOptions>;

/** `dbdump restore plan BACKUP` */
export const restorePlan: Work = ([reference = ''], given) => {
  const options = RestoreOptions.parse(given);
  return askService(options, async (session) => {
    const body = await bodyOf(session, reference, options);
    const plan = await session.client.call('backups.restorePlan', { params: { backupId: body.backupId }, body });
    const blocked = plan.items.some(({ ok, blocks }) => !ok && blocks);
    return {
      document: plan,
      lines: [
        `${plan.sourceDatabase} → ${plan.finalDatabase}${sizeOf(plan)}`,
        ...plan.items.map(({ name, ok, detail, blocks }) => `${markOf(ok, blocks)} ${name}: ${detail}`),
        ...plan.replaces.map((what) => `! replaced: ${what}`),
        blocked ? 'It would be refused as it stands.' : 'Nothing stands in the way. Nothing was changed.',
      ],
    };
  });
};

function markOf(ok: boolean, blocks: boolean): string {
  if (ok) return '✔';
  return blocks ? '✘' : '!';
}

function sizeOf({
  plainBytes,
  secondsEstimated,
}: {
  plainBytes?: number | undefined;
  secondsEstimated?: number | undefined;
}) {
  const size = plainBytes === undefined ? '' : `, ${formatBytes(plainBytes)}`;
  return secondsEstimated === undefined ? size : `${size}, about ${formatSeconds(secondsEstimated)}`;
}

/** `dbdump restore run BACKUP` */
export const restoreRun: Work = ([reference = ''], given) => {
  const options = RestoreOptions.parse(given);
  return askService(options, async (session) => {
    const body = await bodyOf(session, reference, options);
    const restore = await session.client.call('restores.start', { body });
    if (options.wait) return watched(session, restore);
    return {
      document: restore,
      lines: [restore.runId],
      summary: [`Watch it with: dbdump run watch ${restore.runId}`],
    };
  });
};

async function watched(session: ServiceSession, { id, runId }: { id: string; runId: string }): Promise<Outcome> {
  const run = await followRun(session, runId);
  const restore = await session.client.call('restores.get', { params: { restoreId: id } });
  const wrong = restore.tables.filter(({ ok }) => !ok);
  const into = restore.finalDatabase === undefined ? [] : [`  into       ${restore.finalDatabase}`];
  const kept = restore.keptDatabase === undefined ? [] : [`  kept       ${restore.keptDatabase}`];
  return {
    document: { ...restore, run },
    lines: [
      ...(await runLines(session, run)),
      ...into,
      ...kept,
      ...wrong.map(({ name, expected, found }) => `  ✘ ${name}: ${found ?? 'no'} rows, ${expected ?? 'none'} expected`),
      ...restore.notices.map((notice) => `  ! ${notice}`),
    ],
    exit: exitOfRun(run),
  };
}

async function bodyOf(session: ServiceSession, reference: string, options: RestoreOptions) {
  const { client } = session;
  const [backup, target] = await Promise.all([findBackup(client, reference), findDatabase(client, options.into)]);
  const password = options.password === undefined ? undefined : await session.secret(options.password, 'password');
  return {
    backupId: backup.id,
    target: targetOf(options, { id: target.id, name: backup.databaseName }),
    type: options.type,
    only: options.only,
    owners: options.owner,
    acls: options.acl,
    roles: options.roleMap,
    password,
  };
}

/** Beside the target unless told otherwise: nothing is replaced by accident. */
function targetOf(options: RestoreOptions, { id: databaseId, name }: { id: string; name: string }) {
  const confirm = options.confirm ?? '';
  if (options.swap) return { kind: 'swap' as const, databaseId, confirm, disconnect: options.disconnect };
  if (options.inPlace) return { kind: 'in-place' as const, databaseId, confirm };
  return { kind: 'new' as const, databaseId, name: options.newName ?? derivedName(name, new Date()) };
}

const LONGEST_NAME = 63;

function derivedName(name: string, now: Date): string {
  const suffix = `_restored_${now.toISOString().replace(/\D/g, '').slice(0, 14)}`;
  return `${name.slice(0, LONGEST_NAME - suffix.length)}${suffix}`;
}
