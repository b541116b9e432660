import { type ServiceFigures, serviceFigures } from '../catalog/repositories/service-figures.ts';
import type { Runtime } from '../runtime/runtime.ts';

type Needs = Pick<Runtime, 'catalog' | 'installation' | 'now'>;

/** Asked more often than this, the answer is the one before: a scraper must not load the catalog. */
const KEPT_MS = 5000;
/** Counted no further. */
const COUNTED = 10_000;
const kept = new WeakMap<Runtime['catalog'], { readonly at: number; readonly text: Promise<string> }>();

/** Everything in the text format of Prometheus. Ids of databases are its only trace of tenants. */
export function metricsText(runtime: Needs): Promise<string> {
  const now = runtime.now().getTime();
  const last = kept.get(runtime.catalog);
  if (last !== undefined && now - last.at < KEPT_MS) return last.text;
  const text = gather(runtime);
  kept.set(runtime.catalog, { at: now, text });
  return text;
}

async function gather({ catalog, installation, now }: Needs): Promise<string> {
  const { find } = catalog;
  const tenants = await find.tenants();
  const [dead, due] = await Promise.all([find.deadRuns(now(), COUNTED), find.dueSchedules(now(), COUNTED)]);
  const figures: ServiceFigures[] = [];
  for (const tenantId of tenants) figures.push(await catalog.withTenant(tenantId, serviceFigures));
  const runs = countsOf(figures.flatMap((one) => one.runs.map(({ kind, state, n }) => [labels({ kind, state }), n])));
  const queued = figures.flatMap((one) => one.runs).filter(({ state }) => state === 'queued');
  const ages = figures.flatMap((one) => one.ages);
  const outbox = countsOf([
    ['{state="pending"}', 0],
    ['{state="failed"}', 0],
    ...figures.flatMap((one) => one.outbox.map(({ state, n }) => [labels({ state }), n] as const)),
  ]);
  const alarms = countsOf(
    figures.flatMap((one) => one.alarms.map(({ event, severity, n }) => [labels({ event, severity }), n] as const)),
  );
  return [
    metric('build_info', 'Version of the service.', [[labels({ version: installation.version }), 1]]),
    metric('tenants', 'Tenants.', [['', tenants.length]]),
    metric('runs', 'Runs at work, and those that ended in the last 24 hours.', runs),
    metric('queue_depth', 'Runs that wait.', [['', queued.reduce((sum, { n }) => sum + n, 0)]]),
    metric('runs_without_sign_of_life', 'Runs whose lease is over.', [['', dead.length]]),
    metric('schedules_due', 'Schedules whose slot has come and is not taken yet.', [['', due.length]]),
    metric(
      'last_verified_age_seconds',
      'Age of the newest verified backup of each database that has one.',
      ages.flatMap(({ id, seconds }) => (seconds === null ? [] : [[labels({ database: id }), seconds] as const])),
    ),
    metric('never_verified', 'Databases without any verified backup.', [
      ['', ages.filter(({ seconds }) => seconds === null).length],
    ]),
    metric('outbox_undelivered', 'Notices that were not delivered.', outbox),
    metric(
      'alarms_open',
      'Conditions that hold and that people were told of.',
      alarms.length === 0 ? [['', 0]] : alarms,
    ),
    metric('process_resident_bytes', 'Memory of the service.', [['', process.memoryUsage.rss()]]),
    metric('process_uptime_seconds', 'Seconds since the service started.', [['', process.uptime()]]),
  ].join('');
}

type Sample = readonly [labels: string, value: number];

function countsOf(samples: readonly Sample[]): Sample[] {
  const sums = new Map<string, number>();
  for (const [key, n] of samples) sums.set(key, (sums.get(key) ?? 0) + n);
  return [...sums];
}

function labels(pairs: Readonly<Record<string, string>>): string {
  const list = Object.entries(pairs).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '_')}"`);
  return `{${list.join(',')}}`;
}

function metric(name: string, help: string, samples: readonly Sample[]): string {
  const full = `database_dump_${name}`;
  const lines = samples.map(([key, value]) => `${full}${key} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} gauge\n${lines.join('')}`;
}
