import { openApiDocument } from '../contract/openapi.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { engineOf } from './database-rules.ts';
import type { Operation } from './operation.ts';

/** Programs that every backup needs, whichever the engine. */
const ALWAYS = ['zstd'] as const;
/** Ids asked for at most when queues are counted. */
const COUNTED = 10_000;

function toolsOf({ tools }: Pick<Runtime, 'tools'>, names: readonly string[]) {
  return names.flatMap((name) => {
    const [best] = tools.all(name);
    if (best === undefined) return [];
    const { version, ok, reason } = best;
    return [{ name, version, ok, reason }];
  });
}

export const listEngines: Operation<'engines.list', 'engines' | 'tools'> = async (runtime) => ({
  items: runtime.engines.map((engine) => ({
    id: engine.id,
    label: engine.label,
    schemes: [...engine.schemes],
    defaultPort: engine.defaultPort,
    types: [...engine.types],
    options: [...engine.options],
    tools: toolsOf(runtime, engine.registration.tools),
  })),
});

export const getSetupGuide: Operation<'engines.guide', 'engines'> = async (runtime, _asker, { params }) => {
  const { id, registration } = engineOf(runtime, params.engine);
  return { engine: id, statements: registration.guide };
};

export const getOpenApi: Operation<'openapi.get', 'installation'> = async ({ installation }) => ({
  ...openApiDocument(installation.version),
});

/** Open to everyone: says whether the programs are there and sound, nothing about anybody's data. */
export const getHealth: Operation<'health.get', 'engines' | 'tools' | 'installation'> = async (runtime) => {
  const names = [...new Set([...ALWAYS, ...runtime.engines.flatMap(({ registration }) => registration.tools)])];
  const tools = toolsOf(runtime, names);
  const compressor = tools.some(({ name }) => name === 'zstd');
  const status = compressor && tools.every(({ ok }) => ok) ? 'ok' : 'degraded';
  return { status, version: runtime.installation.version, tools };
};

const SKEW_MS = 5 * 60_000;

/** Work can be taken: the catalog answers, and its clock and ours agree. */
export const getReady: Operation<'ready.get', 'catalog' | 'now'> = async ({ catalog, now }) => {
  const theirs = await catalog.now().catch(() => undefined);
  const checks = {
    catalog: theirs !== undefined,
    clock: theirs !== undefined && Math.abs(theirs.getTime() - now().getTime()) < SKEW_MS,
  };
  return { ready: Object.values(checks).every(Boolean), checks };
};

/** Counts over all tenants, without a name of anything. */
export const getMetrics: Operation<'metrics.get', 'catalog' | 'installation' | 'now'> = async (runtime) => {
  const { find } = runtime.catalog;
  const now = runtime.now();
  const [queued, dead, due, notices] = await Promise.all([
    find.queuedRuns(COUNTED),
    find.deadRuns(now, COUNTED),
    find.dueSchedules(now, COUNTED),
    find.dueNotices(now, COUNTED),
  ]);
  return [
    gauge(
      'build_info',
      'Always 1; the label is the version.',
      `{version=${JSON.stringify(runtime.installation.version)}} 1`,
    ),
    gauge('runs_queued', 'Runs that wait for a worker.', ` ${queued.length}`),
    gauge('runs_without_sign_of_life', 'Running runs whose lease is over.', ` ${dead.length}`),
    gauge('schedules_due', 'Schedules whose slot has come and was not taken yet.', ` ${due.length}`),
    gauge('notices_due', 'Notices that wait to be sent.', ` ${notices.length}`),
    gauge('resident_memory_bytes', 'Resident memory of this process.', ` ${process.memoryUsage.rss()}`),
  ].join('');
};

function gauge(name: string, help: string, sample: string): string {
  const full = `database_dump_${name}`;
  return `# HELP ${full} ${help}\n# TYPE ${full} gauge\n${full}${sample}\n`;
}
