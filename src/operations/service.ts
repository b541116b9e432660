import { openApiDocument } from '../contract/openapi.ts';
import { Failure } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { metricsText } from './metrics.ts';
import type { Operation } from './operation.ts';

const documents = new Map<string, ReturnType<typeof openApiDocument>>();

export const getOpenApi: Operation<'openapi.get', 'installation'> = async ({ installation }) => {
  const { version } = installation;
  const document = documents.get(version) ?? openApiDocument(version);
  documents.set(version, document);
  return { ...document };
};

/** Programs without which no backup of some engine is made. */
const PROGRAMS = ['pg_dump', 'pg_restore', 'mariadb-dump', 'mysqldump', 'mongodump', 'mongorestore', 'zstd'];

/** Degraded: a program is here that must not be used. One that is not here at all is its engine's to refuse. */
export const getHealth: Operation<'health.get', 'installation' | 'tools'> = async ({ installation, tools }) => {
  const found = PROGRAMS.flatMap((name) => tools.all(name)[0] ?? []);
  return {
    status: found.every((tool) => tool.ok) ? 'ok' : 'degraded',
    version: installation.version,
    tools: found.map(({ name, version, ok, reason }) => ({ name, version, ok, reason })),
  };
};

/** A Failure `not_ready` where the service can do nothing for anybody. */
export const getReady: Operation<'ready.get', 'catalog'> = async ({ catalog }) => {
  if (await answers(catalog)) return { ready: true, checks: { catalog: true } };
  throw new Failure('not_ready', 'The catalog does not answer.', {
    remedy: 'Look at the log of the service and at its PostgreSQL.',
    details: { retryAfterSeconds: 5 },
  });
};

const PATIENCE_MS = 2000;

async function answers(catalog: Runtime['catalog']): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS);
  });
  const asked = catalog.now().then(
    () => true,
    () => false,
  );
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

export const getMetrics: Operation<'metrics.get', 'catalog' | 'installation' | 'now'> = (runtime) => {
  if (runtime.installation.kind === 'one-machine') return metricsText(runtime);
  throw new Failure('not_found', 'Metrics are shown on one machine only.', {
    remedy: 'On AWS they are in CloudWatch.',
  });
};
