/**
 * `npm run test:matrix`: every server that can be started here, and any a person names, through backup, level 3 and
 * restore, then every backup on every other version. Ends with 1 when a row that must work fails or one that must be
 * refused is accepted.
 *
 *   --url URL     also this server (repeatable; `env:NAME` takes it from the environment)
 *   --only WORD   only products whose name and series hold this word (repeatable)
 *   --write       put the table into docs/compatibility.md
 */
import { parseArgs } from 'node:util';
import { table } from '../cli/table.ts';
import type { Host } from '../test/support/hosts/host.ts';
import { allHosts } from '../test/support/hosts/hosts.ts';
import { lineOf, openTrial, type Trial } from '../test/support/trial.ts';
import { writeDocument } from './matrix/document.ts';
import { familyRows } from './matrix/family.ts';
import { givenRow } from './matrix/given.ts';
import { cellsOf, failedRow, HEADINGS, type Row } from './matrix/row.ts';

const EXPECTED = [
  'PostgreSQL 15',
  'PostgreSQL 16',
  'PostgreSQL 17',
  'PostgreSQL 18',
  'MariaDB 10.11',
  'MariaDB 11.4',
  'MySQL 9.7',
  'MongoDB wire server 7.0',
];

const { values } = parseArgs({
  options: {
    url: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true, default: [] },
    write: { type: 'boolean', default: false },
  },
});

const trial = await openTrial({ belowFloor: true });
const warnings = [
  ...Map.groupBy(trial.overridden, ({ flavour, version, floor }) => `${flavour} ${version}|${floor}`),
].map(([key, tools]) => {
  const [release, floor] = key.split('|');
  const names = tools.map(({ name }) => name).join(', ');
  return `${release} is below its floor ${floor} and was used for this table only: ${names}.`;
});
for (const warning of warnings) console.error(`! ${warning}`);
const rows: Row[] = [];
try {
  await run(trial);
} finally {
  trial.close();
}
const red = rows.filter(({ wrong }) => wrong !== undefined).length;
const passed = `${rows.length - red} of ${rows.length} rows as expected`;
console.log(`\n${table(HEADINGS, rows.map(cellsOf)).join('\n')}\n\n${passed}`);
if (values.write) console.log(`written to ${writeDocument({ rows, date: new Date(), warnings, passed })}`);
process.exitCode = red > 0 || rows.length === 0 ? 1 : 0;

async function run(trial: Trial): Promise<void> {
  const all = allHosts(trial.tools);
  const chosen = all.filter((host) => isWanted(labelOf(host)));
  for (const missing of EXPECTED.filter((label) => isWanted(label) && !all.some((host) => labelOf(host) === label))) {
    say(failedRow(missing, 'its programs are not on this machine: run sh scripts/bootstrap matrix'));
  }
  for (const engine of new Set(chosen.map((host) => host.engine))) {
    await familyRows(
      trial,
      chosen.filter((host) => host.engine === engine),
      say,
    );
  }
  for (const url of values.url)
    say(await givenRow(trial, urlOf(url)).catch((error) => failedRow('--url', lineOf(error))));
}

function labelOf({ product, series }: Host): string {
  return `${product} ${series}`;
}

function isWanted(label: string): boolean {
  return values.only.length === 0 || values.only.some((word) => label.toLowerCase().includes(word.toLowerCase()));
}

function urlOf(given: string): string {
  return given.startsWith('env:') ? (process.env[given.slice(4)] ?? '') : given;
}

function say(row: Row): void {
  rows.push(row);
  const [mark = '', server = '', version = '', ...rest] = cellsOf(row);
  console.error(`${mark} ${server} ${version}: ${rest.filter((cell) => cell !== '–' && cell !== '').join(', ')}`);
}
