import type { Level } from '../domain/backup.ts';
import type { Difference } from '../domain/inventory.ts';
import { REPORT_FORMAT, type ReportBody } from '../domain/manifest.ts';
import { folderOf, REPORTS_FOLDER } from './layout.ts';
import type { Needs, VerifyOutcome, VerifyRequest } from './pipeline.ts';
import { seal } from './seal.ts';

/** What is compared, in one line: `changed rows public.orders: 10 → 9`. */
export function differenceLine({ kind, what, expected, found }: Difference): string {
  if (kind === 'changed') return `changed ${what}: ${expected} → ${found}`;
  return `${kind} ${what}`;
}

/** Puts a signed report beside the manifest it speaks of. */
export async function writeReport(
  needs: Pick<Needs, 'storage' | 'signer' | 'now'>,
  request: VerifyRequest,
  found: { readonly outcome: VerifyOutcome; readonly values: Readonly<Record<string, string>> },
): Promise<ReportBody> {
  const at = needs.now();
  const body = reportBody(request, { at, ...found });
  const name = `${at.toISOString().replace(/[-:.]/g, '')}-${found.outcome.reached}.json`;
  const key = `${folderOf(request.manifest.key)}/${REPORTS_FOLDER}/${name}`;
  await needs.storage.put(key, Buffer.from(await seal(needs.signer, body)));
  return body;
}

interface Found {
  readonly at: Date;
  readonly outcome: VerifyOutcome;
  readonly values: Readonly<Record<string, string>>;
}

function reportBody({ manifest, level }: VerifyRequest, { at, outcome, values }: Found): ReportBody {
  const { plainBytes: bytes, plainSha256: sha256, restoreSeconds } = outcome;
  return {
    format: REPORT_FORMAT,
    version: 1,
    backup: manifest.body.backup,
    manifestSha256: manifest.sha256,
    at: at.toISOString(),
    asked: level,
    reached: outcome.reached,
    status: reportStatus(outcome),
    ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
    ...(bytes === undefined || sha256 === undefined ? {} : { plain: { bytes, sha256 } }),
    tables: { ...outcome.tables },
    values: { ...values },
    differences: outcome.differences.map(differenceLine),
    ...(restoreSeconds === undefined ? {} : { restoreSeconds }),
    notices: [...outcome.notices],
  };
}

function reportStatus({ status }: VerifyOutcome): ReportBody['status'] {
  if (status === 'sealed' || status === 'deleted') return 'suspect';
  return status;
}

/** The level a status and a report stand for. */
export function levelOf(report: ReportBody): Level {
  if (report.status !== 'good' && report.status !== 'stored') return 0;
  return report.reached as Level;
}
