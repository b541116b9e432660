import { z } from 'zod';
import { problemOf } from '../../src/domain/failure.ts';
import { formatAge, formatBytes } from '../../src/domain/figures.ts';
import { type StoreSurvey, surveyStore } from '../../src/pipeline/list.ts';
import type { BackupSummary } from '../../src/pipeline/pipeline.ts';
import { table } from '../table.ts';
import { CommonOptions } from './global-options.ts';
import { summaryDocument } from './report.ts';
import { runCommand } from './session.ts';

const ListOptions = CommonOptions.extend({ from: z.string() });

/** `dbdump rescue list`. */
export async function listCommand(given: unknown): Promise<void> {
  const options = ListOptions.parse(given);
  await runCommand(options, async (session) => {
    const storage = session.rescue.openStore(options.from, 'brisk');
    try {
      const trusted = await session.rescue.trusted();
      const survey = await surveyStore({ storage, trusted, acceptUnsigned: options.acceptUnsigned });
      return { document: documentOf(storage.url, survey), lines: linesOf(storage.url, survey) };
    } finally {
      await storage.close();
    }
  });
}

function documentOf(store: string, { backups, problems, leftovers }: StoreSurvey): object {
  return {
    store,
    backups: backups.map(summaryDocument),
    problems: problems.map(({ key, failure }) => ({ key, ...problemOf(failure) })),
    leftovers: leftovers.map(({ key, bytes }) => ({ key, bytes })),
  };
}

function linesOf(store: string, { backups, problems, leftovers }: StoreSurvey): string[] {
  const headings = ['BACKUP', 'DATABASE', 'TYPE', 'SNAPSHOT', 'AGE', 'PLAIN', 'STORED', 'STATUS'];
  const now = new Date();
  const rows =
    backups.length === 0
      ? [`No backup in ${store}.`]
      : table(
          headings,
          backups.map((backup) => rowOf(backup, now)),
        );
  const notes = backups.flatMap(({ manifest, reason }) =>
    reason === undefined ? [] : [`  ${manifest.body.backup}: ${reason}`],
  );
  return [
    ...rows,
    ...notes,
    ...problems.map(({ key, failure }) => `✘ ${key}: ${failure.message} ${failure.remedy ?? ''}`.trimEnd()),
    ...leftovers.map(
      ({ key, bytes }) => `! ${key} (${formatBytes(bytes)}) belongs to no backup: its run did not finish.`,
    ),
  ];
}

function rowOf({ manifest, status, level, verifiedAt }: BackupSummary, now: Date): string[] {
  const { body, signed } = manifest;
  const checked = verifiedAt === undefined ? '' : `, level ${level}, ${formatAge(verifiedAt, now)}`;
  return [
    body.backup,
    body.database.name || '(server)',
    body.type,
    body.snapshotAt.slice(0, 16).replace('T', ' '),
    formatAge(new Date(body.snapshotAt), now),
    formatBytes(body.plain.bytes),
    formatBytes(body.stored.bytes),
    `${status}${checked}${signed ? '' : ', NOT SIGNED'}`,
  ];
}
