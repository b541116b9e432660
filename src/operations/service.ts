import { openApiDocument } from '../contract/openapi.ts';
import { Failure } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { engineOf } from './database-rules.ts';
import { metricsText } from './metrics.ts';
import type { Operation } from './operation.ts';

/** Programs that every backup needs, whichever the engine. */
const ALWAYS = ['zstd'] as const;

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
const PATIENCE_MS = 2000;

/** Work can be taken: the catalog answers, and its clock and ours agree. Else a Failure `not_ready`, for those who only look at the status. */
export const getReady: Operation<'ready.get', 'catalog' | 'now'> = async ({ catalog, now }) => {
  const theirs = await clockOf(catalog);
  const checks = {
    catalog: theirs !== undefined,
    clock: theirs !== undefined && Math.abs(theirs.getTime() - now().getTime()) < SKEW_MS,
  };
  if (checks.catalog && checks.clock) return { ready: true, checks };
  throw new Failure('not_ready', checks.catalog ? 'The clocks differ.' : 'The catalog does not answer.', {
    remedy: 'Look at the log of the service, at its PostgreSQL and at the clock of this machine.',
    details: { checks, retryAfterSeconds: 5 },
  });
};

/** Undefined where it does not answer in time. */
async function clockOf(catalog: Runtime['catalog']): Promise<Date | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  const asked = catalog.now().catch(() => undefined);
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

/** Counts over all tenants, and ages by the id of a database; no name of anything. For one machine: on AWS they are in CloudWatch. */
export const getMetrics: Operation<'metrics.get', 'catalog' | 'installation' | 'now'> = async (runtime) => {
  if (runtime.installation.kind === 'one-machine') return metricsText(runtime);
  throw new Failure('not_found', 'Metrics are shown on one machine only.', { remedy: 'Look at them in CloudWatch.' });
};
