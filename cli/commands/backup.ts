import { z } from 'zod';
import { formatBytes, formatCount } from '../../src/domain/figures.ts';
import type { Outcome } from '../screen.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService, type ServiceSession } from '../service-session.ts';
import { table } from '../table.ts';
import type { Work } from '../tree/service-command.ts';
import { type Backup, collected, findBackup, findDatabase, findDestination } from './found.ts';
import { BACKUP_HEADINGS, backupRow, fieldLines, listOutcome } from './words.ts';

const ListOptions = ServiceOptions.extend({
  database: z.string().optional(),
  destination: z.string().optional(),
  state: z.enum(['sealed', 'stored', 'good', 'suspect', 'lost', 'archived', 'deleting', 'deleted']).optional(),
  tag: z.string().optional(),
  after: z.string().optional(),
  before: z.string().optional(),
  limit: z.number(),
});

export const backupList: Work = (_given, options) => {
  const { database, destination, state, tag, after, before, limit, ...service } = ListOptions.parse(options);
  return askService(service, async ({ client }) => {
    const databaseId = database === undefined ? undefined : (await findDatabase(client, database)).id;
    const destinationId = destination === undefined ? undefined : (await findDestination(client, destination)).id;
    const query = { databaseId, destinationId, state, tag, after, before };
    return listOutcome(await collected(client.each('backups.list', { query }), limit), {
      headings: BACKUP_HEADINGS,
      row: backupRow,
      noun: 'backup',
    });
  });
};

export const backupShow: Work = ([reference = ''], options) =>
  askService(ServiceOptions.parse(options), async ({ client }) => {
    const { id } = await findBackup(client, reference);
    const backup = await client.call('backups.get', { params: { backupId: id } });
    const counts = backup.tableCounts.map(({ name, rows }) => [name, formatCount(rows)]);
    return { document: backup, lines: [...shownLines(backup), '', ...table(['TABLE', 'ROWS'], counts)] };
  });

function shownLines(backup: Backup): string[] {
  return fieldLines({
    id: backup.id,
    name: backup.name,
    database: backup.databaseName,
    engine: `${backup.engine} ${backup.serverVersion}`,
    tool: backup.toolVersion,
    type: backup.type,
    state: `${backup.state}, level ${backup.level}`,
    consistency: backup.consistency,
    snapshot: backup.snapshotAt,
    verified: backup.verifiedAt,
    plain: formatBytes(backup.plainBytes),
    stored: formatBytes(backup.storedBytes),
    encrypted: backup.encrypted ? 'yes' : undefined,
    sha256: backup.sha256,
    pin: backup.pin,
    tags: backup.tags.join(', '),
    'locked until': backup.lockedUntil,
    'deleted after': backup.deleteAfter,
    warnings: backup.warnings.join('; '),
  });
}

type Change = (session: ServiceSession, params: { backupId: string }) => Promise<Backup>;

/** One backup changed, and what became of it. */
function changing(change: Change, sentence: (backup: Backup) => string) {
  return async (session: ServiceSession, reference: string): Promise<Outcome> => {
    const { id } = await findBackup(session.client, reference);
    const after = await change(session, { backupId: id });
    return { document: after, summary: [`✔ ${sentence(after)}`] };
  };
}

const unpin = changing(
  ({ client }, params) => client.call('backups.unpin', { params }),
  ({ id }) => `unpinned ${id}`,
);
const remove = changing(
  ({ client }, params) => client.call('backups.delete', { params }),
  ({ id, deleteAfter }) => `deleting ${id} after ${deleteAfter ?? 'now'}; until then: dbdump backup undelete ${id}`,
);
const restore = changing(
  ({ client }, params) => client.call('backups.undelete', { params }),
  ({ id, state }) => `kept ${id}, which is ${state} again`,
);

const PinOptions = ServiceOptions.extend({ reason: z.string() });

export const backupPin: Work = ([reference = ''], options) => {
  const { reason, ...service } = PinOptions.parse(options);
  const pin = changing(
    ({ client }, params) => client.call('backups.pin', { params, body: { reason } }),
    ({ id }) => `pinned ${id}`,
  );
  return askService(service, (session) => pin(session, reference));
};

export const backupUnpin: Work = ([reference = ''], options) =>
  askService(ServiceOptions.parse(options), (session) => unpin(session, reference));

export const backupDelete: Work = ([reference = ''], options) =>
  askService(ServiceOptions.parse(options), (session) => remove(session, reference));

export const backupUndelete: Work = ([reference = ''], options) =>
  askService(ServiceOptions.parse(options), (session) => restore(session, reference));
