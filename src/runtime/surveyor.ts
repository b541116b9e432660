import { randomUUID } from 'node:crypto';
import { Failure } from '../domain/failure.ts';
import type { Connection, Engine, Workbench } from '../engines/engine.ts';
import type { DatabaseLook, Surveyor, TaskRuntime } from './runtime.ts';

export interface SurveyorParts extends Pick<TaskRuntime, 'openBench' | 'openDatabase'> {
  readonly engines: readonly Engine[];
  readonly surveyStore: Surveyor['destination'];
  readonly lookMs?: number;
  readonly planMs?: number;
}

/** Somebody waits for the answer. */
const LOOK_MS = 30_000;
const PLAN_MS = 60_000;

/** Looks at clients' servers through a bench and a connection that last as long as the look. */
export function makeSurveyor(parts: SurveyorParts): Surveyor {
  const { lookMs = LOOK_MS, planMs = PLAN_MS } = parts;
  return {
    database: (look) => during(parts, { look, ms: lookMs }, ({ engine, bench, source }) => engine.probe(bench, source)),
    restore: (look, { database, origin, request }) =>
      during(parts, { look, ms: planMs }, ({ engine, bench, source }) =>
        engine.plan(bench, origin, { ...request, target: { ...source, database } }),
      ),
    destination: parts.surveyStore,
  };
}

interface Visit {
  readonly engine: Engine;
  readonly bench: Workbench;
  readonly source: Connection;
}

async function during<T>(
  parts: SurveyorParts,
  { look, ms }: { readonly look: DatabaseLook; readonly ms: number },
  work: (visit: Visit) => Promise<T>,
): Promise<T> {
  const engine = parts.engines.find(({ id }) => id === look.engine);
  if (engine === undefined) throw new Failure('internal', `There is no engine ${look.engine}.`);
  const runId = randomUUID();
  const time = timeLimit(look, ms);
  const { bench, close } = parts.openBench({ runId, signal: time.signal, note: () => undefined });
  const visit = async (): Promise<T> => {
    const open = await parts.openDatabase(look, { runId, bench });
    try {
      return await work({ engine, bench, source: open.connection });
    } finally {
      await open.close();
    }
  };
  try {
    return await Promise.race([visit(), time.over]);
  } finally {
    time.end();
    await close();
  }
}

/** Also for what does not listen to the signal, such as a server that accepts a connection and never says a word. */
function timeLimit({ settings }: DatabaseLook, ms: number) {
  const stop = new AbortController();
  const late = new Failure('database_unreachable', `${settings.host} gave no answer within ${ms / 1000} seconds.`, {
    remedy: 'Check host, port and firewall, and whether the server is overloaded.',
  });
  const over = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true });
  });
  // Nobody listens any more when the visit has ended first.
  over.catch(() => undefined);
  const timer = setTimeout(() => stop.abort(late), ms);
  return { signal: stop.signal, over, end: () => clearTimeout(timer) };
}
