import { z } from 'zod';
import { formatBytes } from '../../src/domain/figures.ts';
import type { Outcome } from '../screen.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService, type ServiceSession } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { exitOfRun, followRun, startedOutcome } from './follow.ts';
import { collected, type Database, findDatabase } from './found.ts';
import { leavingLines } from './leaving.ts';
import { agoOrNever, DATABASE_HEADINGS, databaseRow, fieldLines, listOutcome } from './words.ts';

const Waiting = ServiceOptions.extend({ wait: z.boolean().default(true) });
const Removing = ServiceOptions.extend({
  backups: z.enum(['keep', 'delete']),
  confirm: z.string().optional(),
  plan: z.boolean().default(false),
});

export const databaseList: Work = (_given, options) =>
  askService(ServiceOptions.parse(options), async ({ client }) =>
    listOutcome(await collected(client.each('databases.list')), {
      headings: DATABASE_HEADINGS,
      row: databaseRow,
      noun: 'database',
    }),
  );

export const databaseShow: Work = ([name = ''], options) =>
  askService(ServiceOptions.parse(options), async ({ client }) => {
    const database = await findDatabase(client, name);
    const overview = await client.call('databases.overview', { params: { databaseId: database.id } });
    return { document: { ...database, overview }, lines: [...shownLines(database), ...probeLines(database)] };
  });

function shownLines(database: Database): string[] {
  const { host, port, databaseName, credential, tls, rpoHours } = database;
  return fieldLines({
    name: database.name,
    id: database.id,
    engine: database.engine,
    server: `${host}:${port}`,
    database: databaseName ?? 'all of the server',
    user: database.user,
    credential: credential.kind,
    tls: tls.mode,
    for: database.environment,
    state: database.managed ? database.state : 'removed',
    error: database.error,
    'last good backup': `${agoOrNever(database.lastGoodBackupAt)} (RPO ${rpoHours} h)`,
    'last run': database.lastRunState,
    stored: formatBytes(database.storedBytes),
  });
}

/** What the last look at its server found. */
export function probeLines({ probe }: Pick<Database, 'probe'>): string[] {
  if (probe === undefined) return [];
  const { flavour, version, tables, privileges, warnings } = probe;
  return [
    `✔ ${flavour} ${version}, ${tables} tables`,
    ...privileges.map(({ name, granted, remedy }) => (granted ? `✔ ${name}` : `✘ ${name} is missing: ${remedy}`)),
    ...warnings.map((warning) => `! ${warning}`),
  ];
}

export const databaseVerify: Work = ([name = ''], options) => {
  const { wait, ...service } = Waiting.parse(options);
  return askService(service, async (session) =>
    verifiedDatabase(session, await findDatabase(session.client, name), wait),
  );
};

/** Starts the look and, where that is wanted, waits for what it finds. */
export async function verifiedDatabase(session: ServiceSession, { id }: Database, wait: boolean): Promise<Outcome> {
  const { client } = session;
  const started = await client.call('databases.verify', { params: { databaseId: id } });
  if (!wait) return startedOutcome(session, started, false);
  const run = await followRun(session, started.id);
  const after = await client.call('databases.get', { params: { databaseId: id } });
  const why = after.error === undefined ? [] : [`  ${after.error}`];
  const mark = after.state === 'verified' ? '✔' : '✘';
  return {
    document: after,
    lines: [`${mark} ${after.name} is ${after.state}`, ...why, ...probeLines(after)],
    exit: exitOfRun(run),
  };
}

export const databaseRemove: Work = ([name = ''], options) => {
  const { backups, confirm, plan, ...service } = Removing.parse(options);
  return askService(service, async ({ client }) => {
    const { id: databaseId, name: known } = await findDatabase(client, name);
    const query = { backups, confirm };
    const ask = plan ? ('databases.leaving' as const) : ('databases.delete' as const);
    const leaving = await client.call(ask, { params: { databaseId }, query });
    const line = plan ? `  ${known} would be removed` : `✔ removed    ${known}`;
    return { document: leaving, lines: [line, ...leavingLines(leaving)] };
  });
};
