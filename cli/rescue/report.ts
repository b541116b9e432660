import type { Level } from '../../src/domain/backup.ts';
import { FAILURES, type FailureCode } from '../../src/domain/failure.ts';
import { counted, formatBytes, formatSeconds, formatShare } from '../../src/domain/figures.ts';
import type { BackupSummary, TrustedManifest, VerifyOutcome } from '../../src/pipeline/pipeline.ts';
import { differenceLine } from '../../src/pipeline/report.ts';

/** Words and documents about backups, the same in every command. */

/** Names and row counts, from a manifest or from a verification. */
export type Tables = Readonly<Record<string, { readonly rows: number }>>;

export interface TableRow {
  readonly name: string;
  readonly rows: number;
}

export function tableRows(tables: Tables): TableRow[] {
  return Object.entries(tables).map(([name, { rows }]) => ({ name, rows }));
}

/** `14 tables, 52,310 rows`. */
export function tablesSentence(tables: Tables): string {
  const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
  return `${counted(Object.keys(tables).length, 'table')}, ${counted(rows, 'row')}`;
}

/** `34.1 MB → 4.1 MB (12 %)`. */
export function sizesSentence({ body }: TrustedManifest): string {
  const { plain, stored } = body;
  return `${formatBytes(plain.bytes)} → ${formatBytes(stored.bytes)} (${formatShare(stored.bytes, plain.bytes)})`;
}

const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  0: 'not read back',
  1: 're-read, hashes equal',
  2: 'decoded and read to its end',
  3: 'restored and compared',
};

export function levelWords(level: Level): string {
  return LEVEL_WORDS[level];
}

/** Why an outcome is not what was asked for, as the failure that names it; undefined where it is. */
export function shortfall(outcome: VerifyOutcome, asked: Level): FailureCode | undefined {
  if (outcome.status === 'lost') return 'backup_lost';
  if (outcome.status === 'archived') return 'backup_archived';
  if (outcome.differences.length > 0) return 'differences_found';
  if (outcome.status === 'suspect') return 'backup_damaged';
  return outcome.reached < asked ? 'level_not_reached' : undefined;
}

export function exitOf(code: FailureCode | undefined): number {
  return code === undefined ? 0 : FAILURES[code].exit;
}

/** The document of `backup` and `verify`. */
export function verifiedDocument(manifest: TrustedManifest, outcome: VerifyOutcome, seconds: number): object {
  const { body } = manifest;
  const tables = Object.keys(outcome.tables).length > 0 ? outcome.tables : body.inventory.tables;
  return {
    backup: body.backup,
    status: outcome.status,
    level: outcome.reached,
    bytes: { plain: body.plain.bytes, stored: body.stored.bytes },
    tables: tableRows(tables),
    seconds: rounded(seconds),
    database: body.database.name,
    engine: body.database.engine,
    type: body.type,
    consistency: body.consistency,
    sha256: body.stored.sha256,
    key: manifest.key,
    ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
    ...(outcome.restoreSeconds === undefined ? {} : { restoreSeconds: rounded(outcome.restoreSeconds) }),
    differences: outcome.differences.map(differenceLine),
    notices: outcome.notices,
    warnings: body.warnings,
  };
}

/** The verification's line or lines for people. */
export function verifiedLines(manifest: TrustedManifest, outcome: VerifyOutcome, asked: Level): string[] {
  const { reached, status, reason, restoreSeconds } = outcome;
  const failed = shortfall(outcome, asked);
  const tables = Object.keys(outcome.tables).length > 0 ? outcome.tables : manifest.body.inventory.tables;
  const compared = reached === 3 ? `, ${counted(outcome.differences.length, 'difference')}` : '';
  const took = restoreSeconds === undefined ? '' : `, restored in ${formatSeconds(restoreSeconds)}`;
  const level = failed === 'level_not_reached' ? `level ${reached}; level ${asked} was asked for` : `level ${reached}`;
  const words = `${levelWords(reached)}: ${tablesSentence(tables)}${compared}${took} (${level})`;
  return [
    `${failed === undefined ? '✔' : '✘'} ${status.padEnd(10)} ${words}`,
    ...(reason === undefined ? [] : [`  ${reason}`]),
    ...outcome.differences.map((difference) => `  ${differenceLine(difference)}`),
    ...outcome.notices.map((notice) => `  ${notice}`),
  ];
}

export function backupLine(manifest: TrustedManifest, storeUrl: string): string {
  const { body } = manifest;
  const took = formatSeconds((Date.parse(body.finishedAt) - Date.parse(body.startedAt)) / 1000);
  return `✔ backup     ${body.database.name} → ${storeUrl}  ${sizesSentence(manifest)} in ${took} · sha256 ${body.stored.sha256.slice(0, 12)}…`;
}

/** One backup in the document of `list`. */
export function summaryDocument({ manifest, status, level, verifiedAt, reason }: BackupSummary): object {
  const { body } = manifest;
  return {
    backup: body.backup,
    status,
    level,
    bytes: { plain: body.plain.bytes, stored: body.stored.bytes },
    database: body.database.name,
    engine: body.database.engine,
    type: body.type,
    snapshotAt: body.snapshotAt,
    finishedAt: body.finishedAt,
    verifiedAt: verifiedAt?.toISOString() ?? null,
    tables: tableRows(body.inventory.tables),
    sha256: body.stored.sha256,
    key: manifest.key,
    signed: manifest.signed,
    ...(reason === undefined ? {} : { reason }),
  };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
