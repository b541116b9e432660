import { counted, formatAge, formatBytes, formatShare } from '../../src/domain/figures.ts';
import type { Outcome } from '../screen.ts';
import { table } from '../table.ts';
import type { Backup, Database, Destination, Run, Schedule } from './found.ts';

/** The service's things in words: one line each, the same in every command. */

export function agoOrNever(at: string | undefined, now = new Date()): string {
  return at === undefined ? 'never' : formatAge(new Date(at), now);
}

export function databaseRow(database: Database): string[] {
  const { name, engine, host, port, environment, state, lastGoodBackupAt, storedBytes, managed } = database;
  const shown = managed ? state : 'removed';
  return [
    name,
    engine,
    `${host}:${port}`,
    environment,
    shown,
    agoOrNever(lastGoodBackupAt),
    formatBytes(storedBytes),
    database.id,
  ];
}
export const DATABASE_HEADINGS = ['NAME', 'ENGINE', 'SERVER', 'FOR', 'STATE', 'LAST GOOD BACKUP', 'STORED', 'ID'];

export function destinationRow({ name, kind, s3, filesystem, state, storedBytes, id }: Destination): string[] {
  const place = s3 === undefined ? `file://${filesystem?.path ?? ''}` : `s3://${s3.bucket}/${s3.prefix}`;
  return [name, kind, place, state, formatBytes(storedBytes), id];
}
export const DESTINATION_HEADINGS = ['NAME', 'KIND', 'PLACE', 'STATE', 'STORED', 'ID'];

export function backupRow(backup: Backup): string[] {
  const { id, databaseName, snapshotAt, state, level, plainBytes, storedBytes, pin, name } = backup;
  const size = `${formatBytes(plainBytes)} → ${formatBytes(storedBytes)} (${formatShare(storedBytes, plainBytes)})`;
  const notes = [name, pin === undefined ? undefined : 'pinned'].filter((note) => note !== undefined);
  return [snapshotAt, databaseName, state, String(level), size, notes.join(', '), id];
}
export const BACKUP_HEADINGS = ['SNAPSHOT', 'DATABASE', 'STATE', 'LEVEL', 'SIZE', 'NOTES', 'ID'];

export function scheduleRow({ name, words, enabled, nextRuns, id }: Schedule): string[] {
  return [name, words, enabled ? (nextRuns[0] ?? 'no run to come') : 'paused', id];
}
export const SCHEDULE_HEADINGS = ['NAME', 'WHEN', 'NEXT', 'ID'];

export function runRow({ queuedAt, kind, trigger, state, code, id }: Run): string[] {
  return [queuedAt, kind, trigger, state, code ?? '', id];
}
export const RUN_HEADINGS = ['QUEUED', 'KIND', 'BY', 'STATE', 'CODE', 'ID'];

/** A list: the items as one document, and a table for people. */
export function listOutcome<T>(
  items: readonly T[],
  { headings, row, noun }: { headings: readonly string[]; row: (item: T) => string[]; noun: string },
): Outcome {
  if (items.length === 0) return { document: { items }, lines: [`No ${noun} yet.`] };
  return { document: { items }, lines: table(headings, items.map(row)), summary: [counted(items.length, noun)] };
}

/** Something's fields, name before value. */
export function fieldLines(fields: Readonly<Record<string, string | number | boolean | undefined>>): string[] {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(...there.map(([name]) => name.length));
  return there.map(([name, value]) => `${name.padEnd(width)}  ${String(value)}`);
}

export function probeLines({ probes }: Destination): string[] {
  return probes.map(
    ({ action, expected, ok, detail }) => `${ok ? '✔' : '✘'} ${expected.padEnd(7)} ${action}: ${detail}`,
  );
}
