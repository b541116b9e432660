import { setTimeout } from 'node:timers/promises';
import { copyName } from '../../src/domain/backup.ts';
import { FAILURES, Failure, type FailureCode } from '../../src/domain/failure.ts';
import type { Outcome } from '../screen.ts';
import type { ServiceSession } from '../service-session.ts';
import { collected, type Run } from './found.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
const OVER = ['succeeded', 'partly', 'failed', 'cancelled', 'interrupted', 'missed'];

/** Shows a run's progress until it is over. A reading where nothing changed costs no body; `changed` sees all others. */
export async function followRun(
  { client, screen, signal }: ServiceSession,
  id: string,
  changed: (run: Run) => void = () => undefined,
): Promise<Run> {
  let etag: string | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const reading = await client
      .look('runs.get', { params: { runId: id } }, etag)
      .catch((error: unknown) => Promise.reject(signal.aborted ? leftAlone(id) : error));
    etag = reading.etag;
    if (reading.value !== undefined) {
      changed(reading.value);
      if (OVER.includes(reading.value.state)) return reading.value;
      screen.progress(progressOf(reading.value));
    }
    await setTimeout(pause, undefined, { signal }).catch(() => Promise.reject(leftAlone(id)));
  }
}

function leftAlone(id: string): Failure {
  return new Failure('cancelled', `Nobody watches the run ${id} any more; it goes on.`, {
    remedy: `Watch it again with: dbdump run watch ${id}; end it with: dbdump run cancel ${id}`,
  });
}

function progressOf({ state, progress }: Run) {
  const { phase = state, plainBytes, storedBytes, totalBytes } = progress ?? {};
  return {
    phase,
    ...(plainBytes === undefined ? {} : { plainBytes }),
    ...(storedBytes === undefined ? {} : { storedBytes }),
    ...(totalBytes === undefined ? {} : { totalBytes }),
  };
}

/** The exit code that a run's end means. */
export function exitOfRun({ state, code, outcomes }: Run): number {
  if (state === 'succeeded') return 0;
  const told = code ?? outcomes.find(({ ok }) => !ok)?.code ?? WITHOUT_CODE[state] ?? 'internal';
  return FAILURES[isCode(told) ? told : 'internal'].exit;
}

const WITHOUT_CODE: Readonly<Record<string, FailureCode>> = { cancelled: 'cancelled', interrupted: 'lease_lost' };

function isCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

/** How a run ended, for people: each destination's outcome its own, by the destination's name. */
export async function runLines({ client }: Pick<ServiceSession, 'client'>, run: Run): Promise<string[]> {
  const { state, kind, cause, remedy, outcomes } = run;
  const destinations = outcomes.length === 0 ? [] : await collected(client.each('destinations.list'));
  const names = new Map(destinations.map(({ id, name }) => [id, name]));
  return [
    `${state === 'succeeded' ? '✔' : '✘'} ${kind.padEnd(10)} ${state}${cause === undefined ? '' : `: ${cause}`}`,
    ...(remedy === undefined ? [] : [`  → ${remedy}`]),
    ...outcomes.map((outcome) => {
      const { destinationId, databaseName } = outcome;
      return outcomeLine(outcome, copyName(names.get(destinationId) ?? destinationId, databaseName));
    }),
  ];
}

function outcomeLine({ ok, backupId, code, detail }: Run['outcomes'][number], copy: string): string {
  if (ok) return `  ✔ ${copy}: backup ${backupId ?? ''}`.trimEnd();
  return `  ✘ ${copy}: ${[code, detail].filter((word) => word !== undefined).join(': ')}`;
}

/** A run that was started: watched to its end, or left to itself. */
export async function startedOutcome(session: ServiceSession, run: Run, wait: boolean): Promise<Outcome> {
  if (!wait) return { document: run, lines: [run.id], summary: [`Watch it with: dbdump run watch ${run.id}`] };
  const ended = await followRun(session, run.id);
  return { document: ended, lines: await runLines(session, ended), exit: exitOfRun(ended) };
}
