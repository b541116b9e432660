import { counted } from '../../src/domain/figures.ts';
import type { Difference } from '../../src/domain/inventory.ts';
import type { Connection, Engine } from '../../src/engines/engine.ts';
import type { TrustedManifest } from '../../src/pipeline/pipeline.ts';
import { backUp, compareDatabases, lineOf, restoreAs, type Trial, verifyFully } from '../../test/support/trial.ts';
import { BLANK_CELLS, type Expectation, judge, type Outcome, oneLine, type Row, shortList } from './row.ts';

/** A database on a server, as the matrix meets it. */
export interface Place {
  readonly engine: Engine;
  /** `PostgreSQL 15`. */
  readonly label: string;
  readonly version: string;
  at(database: string): Connection;
  readonly scratch?: Connection;
}

/** Backup, level 3 and a restore beside the source, on one server. The manifest is what crossings start from. */
export async function provingRow(
  trial: Trial,
  place: Place,
  { database, copy }: { readonly database: string; readonly copy: string },
): Promise<{ readonly row: Row; readonly manifest: TrustedManifest | undefined }> {
  const started = performance.now();
  const row: { -readonly [Key in keyof Row]: Row[Key] } = {
    ...BLANK_CELLS,
    server: place.label,
    version: place.version,
    seconds: 0,
  };
  let manifest: TrustedManifest | undefined;
  try {
    manifest = await backUp(trial, place.engine, place.at(database));
    row.tool = `${manifest.body.tool.program} ${manifest.body.tool.version}`;
    row.backup = manifest.body.consistency;
    const scratch = place.scratch === undefined ? {} : { scratch: place.scratch };
    const verified = await verifyFully(trial, place.engine, { manifest, ...scratch });
    row.level3 =
      verified.reached === 3 && verified.status === 'good' ? 'good' : `${verified.status}, ${verified.reached}`;
    row.notes = verified.reason ?? '';
    const target = place.at('');
    const outcome = await restoreAs(trial, place.engine, { manifest, target, name: copy });
    const pair = { source: place.at(database), copy: place.at(copy) };
    const found = await compareDatabases(trial, place.engine, pair);
    row.restore = found.length === 0 ? 'identical' : 'differs';
    row.notes = [row.notes, shortList(outcome.notices), shortList(found.map(lineOfDifference))]
      .filter(Boolean)
      .join('; ');
    if (row.level3 !== 'good') row.wrong = 'level 3 was not reached';
    else if (found.length > 0) row.wrong = 'the copy is not identical';
  } catch (error) {
    row.wrong = oneLine(lineOf(error));
  }
  row.seconds = (performance.now() - started) / 1000;
  return { row, manifest };
}

export interface Crossing {
  readonly from: Place;
  readonly to: Place;
  readonly manifest: TrustedManifest;
  readonly database: string;
  readonly expected: Expectation;
}

/** A backup of one server restored on another. */
export async function crossingRow(trial: Trial, crossing: Crossing): Promise<Row> {
  const { from, to, manifest, expected } = crossing;
  const started = performance.now();
  const { refusal, differences, leftover, fault } = await cross(trial, crossing).catch((error: unknown) => ({
    refusal: undefined,
    differences: [],
    leftover: false,
    fault: oneLine(lineOf(error)),
  }));
  const losses = differences.filter(isLoss).map(lineOfDifference);
  const changed = differences.filter((difference) => !isLoss(difference)).map(lineOfDifference);
  const outcome: Outcome = { refusal, losses, leftover };
  const accepted = losses.length > 0 ? 'differs' : 'same rows and content';
  const other =
    changed.length === 0 ? '' : `${counted(changed.length, 'definition')} read otherwise: ${shortList(changed)}`;
  return {
    ...BLANK_CELLS,
    server: `${from.label} → ${to.label}`,
    version: `${from.version} → ${to.version}`,
    tool: `${manifest.body.tool.program} ${manifest.body.tool.version}`,
    restore: refusal === undefined ? accepted : 'refused',
    seconds: (performance.now() - started) / 1000,
    notes: refusal ?? other,
    wrong: fault ?? judge(expected, outcome),
  };
}

async function cross(trial: Trial, { from, to, manifest, database }: Crossing) {
  const { engine } = to;
  const name = `from_${from.label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}`;
  const admin = engine.admin(trial.needs(engine).bench);
  const target = to.at('');
  try {
    await restoreAs(trial, engine, { manifest, target, name });
  } catch (error) {
    const leftover = await admin.exists(target, name);
    return { refusal: oneLine(lineOf(error)), differences: [], leftover, fault: undefined };
  }
  const differences = await compareDatabases(trial, engine, { source: from.at(database), copy: to.at(name) });
  await admin.drop(target, name);
  if (await admin.exists(target, name)) throw new Error(`${name} could not be dropped`);
  return { refusal: undefined, differences, leftover: false, fault: undefined };
}

/** Rows, content, values and whole objects; a definition that a newer server prints in other words is none. */
function isLoss({ kind, what }: Difference): boolean {
  return /^(?:rows|content|value) /.test(what) || (kind === 'missing' && !what.startsWith('fact '));
}

function lineOfDifference({ kind, what, expected, found }: Difference): string {
  const values = what.startsWith('fact ') || what.startsWith('rows ') ? ` (${expected ?? '–'} → ${found ?? '–'})` : '';
  return `${kind} ${what}${values}`;
}
