import { relative } from 'node:path';
import { Failure } from '../src/domain/failure.ts';
import { counted, formatAge, formatBytes, formatCount, formatSeconds, formatShare } from '../src/domain/figures.ts';
import { backUpSample, proveSample, type Remembered, recallSample } from '../src/operations/sample.ts';
import { type Local, openLocal, SAMPLE } from '../src/runtime/local.ts';
import type { StartOptions } from './options.ts';
import type { Printer } from './printer.ts';
import { ensureSample, type SampleFacts } from './sample.ts';
import { type RunningService, startService } from './service.ts';

export interface Trial {
  readonly options: StartOptions;
  readonly checkout: string;
  readonly signal: AbortSignal;
  readonly print: Printer;
}

type Server = Awaited<ReturnType<Local['startServer']>>;
type Source = ReturnType<Local['sample']>;

/** Tools, server, sample, backup, proof; then waits for Ctrl-C where somebody is there to press it. */
export async function runTrial(trial: Trial): Promise<void> {
  const { options, checkout, signal, print } = trial;
  print.busy('looking for tools');
  const { note, progress } = print;
  const local = await openLocal({ dataDir: options.dataDir, checkout, signal, note, progress });
  try {
    if (local.moved !== undefined) print.note(`Everything is kept in ${local.dataFolder}: ${local.moved}.`);
    if (local.server.trialClient)
      print.note('This pg_dump is below its floor: it serves for the sample and for nothing else.');
    print.done('tools', toolsSentence(local));
    print.busy('starting PostgreSQL');
    const server = await local.startServer();
    try {
      await runWith(trial, local, server);
    } finally {
      await server.stop();
    }
  } finally {
    print.end();
    local.close();
  }
}

async function runWith(trial: Trial, local: Local, server: Server): Promise<void> {
  const { options, print, signal } = trial;
  print.done(
    'catalog',
    `${local.server.origin} in ${shown(trial, `${local.dataFolder}/catalog`)}, port ${server.port}`,
  );
  signal.throwIfAborted();
  if (options.sample) await provideSample(trial, local, server);
  if (options.once) return;
  print.busy('starting the service');
  const service = await startService({ local, server, port: options.port, checkout: trial.checkout });
  try {
    await serve(trial, local, service);
    await Promise.race([untilAborted(signal), server.failed]).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  } finally {
    await service.stop();
  }
}

async function serve(trial: Trial, local: Local, service: RunningService): Promise<void> {
  const { print } = trial;
  const key = `"Authorization: Bearer $(cat ${shown(trial, service.keyFile)})"`;
  print.next('API', `curl -H ${key} ${service.url}/v1/me`);
  print.next('sign in', `${await service.signInLink()}  (good once, for 15 minutes)`);
  print.next('running', `until Ctrl-C; everything stays in ${shown(trial, local.dataFolder)}/`);
}

async function provideSample(trial: Trial, local: Local, server: Server): Promise<void> {
  const { print } = trial;
  print.busy('making the sample');
  const facts = await ensureSample(local, server);
  print.done(
    'sample',
    `${SAMPLE.database}: ${counted(facts.tables, 'table')}, ${counted(facts.rows, 'row')}, ${formatBytes(facts.bytes)}`,
  );
  const source = local.sample(server, await local.samplePassword());
  const urlFile = await local.writeSampleUrl(source);
  await protectSample(trial, local, { facts, source });
  if (trial.options.once) return;
  print.next(
    'try it',
    `npx dbdump rescue backup file:${shown(trial, urlFile)} --to file://${local.backups} --data-dir ${shown(trial, local.dataFolder)}`,
  );
}

interface Sample {
  readonly facts: SampleFacts;
  readonly source: Source;
}

/** Repeats nothing that is still true: the last proof is shown, unless its bytes are gone or changed. */
async function protectSample(trial: Trial, local: Local, { facts, source }: Sample): Promise<void> {
  const needs = await local.needs();
  try {
    const remembered = facts.fresh ? undefined : await recallSample(needs, source.database);
    if (remembered !== undefined && remembered.wrong === undefined) return tellRemembered(trial.print, remembered);
    if (remembered !== undefined)
      trial.print.note(`The last backup cannot be used any more: ${remembered.wrong} A new one is made.`);
    await backUpAndProve(trial, needs, source);
  } finally {
    await needs.storage.close();
  }
}

type Needs = Awaited<ReturnType<Local['needs']>>;

async function backUpAndProve({ print }: Trial, needs: Needs, source: Source): Promise<void> {
  const manifest = await backUpSample(needs, source);
  const { plain, stored, startedAt, finishedAt } = manifest.body;
  const took = formatSeconds((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
  const size = `${formatBytes(stored.bytes)} (${formatShare(stored.bytes, plain.bytes)})`;
  print.done(
    'backup',
    `${source.database} → ${needs.storage.url}  ${size} in ${took} · sha256 ${stored.sha256.slice(0, 4)}…`,
  );
  const { reached, status, reason, tables, differences } = await proveSample(needs, manifest, source);
  if (reached < 3 || status !== 'good') {
    throw new Failure('level_not_reached', `The backup was made but not proven: ${reason ?? status}.`, {
      remedy: 'Run: npx dbdump doctor. It says what this machine lacks.',
    });
  }
  print.done(
    'verified',
    `restored and compared: ${sentenceOf(tables)}, ${counted(differences.length, 'difference')} (level 3)`,
  );
}

function tellRemembered(print: Printer, { summary }: Remembered): void {
  const { manifest, verifiedAt, level } = summary;
  const { stored, plain, inventory, finishedAt } = manifest.body;
  const now = new Date();
  const size = `${formatBytes(stored.bytes)} (${formatShare(stored.bytes, plain.bytes)})`;
  print.done(
    'backup',
    `${formatAge(new Date(finishedAt), now)}, ${size}: still there, hash matches · sha256 ${stored.sha256.slice(0, 4)}…`,
  );
  const age = verifiedAt === undefined ? '' : `${formatAge(verifiedAt, now)}, `;
  print.done(
    'verified',
    `${age}restored and compared: ${sentenceOf(inventory.tables)}, 0 differences (level ${level})`,
  );
}

function sentenceOf(tables: Readonly<Record<string, { readonly rows: number }>>): string {
  const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
  return `${counted(Object.keys(tables).length, 'table')}, ${formatCount(rows)} rows`;
}

function toolsSentence(local: Local): string {
  const names = ['pg_dump', 'mariadb-dump', 'mysqldump', 'mongodump', 'zstd'];
  const best = names.map((name) => local.rescue.workshop.tools.all(name)[0]).filter((tool) => tool !== undefined);
  return best.map(({ name, version }) => `${name} ${version}`).join(' · ');
}

/** A path as the reader's shell would take it: relative where that is shorter. */
function shown({ checkout }: Trial, path: string): string {
  const short = relative(checkout, path);
  return short.startsWith('..') ? path : short;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
