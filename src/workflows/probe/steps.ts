import type { TenantTransaction } from '../../catalog/catalog.ts';
import { clock, found } from '../../catalog/repositories/changing.ts';
import { getDatabase, judgeDatabase } from '../../catalog/repositories/databases.ts';
import { getDestination, judgeDestination } from '../../catalog/repositories/destinations.ts';
import { tell } from '../../catalog/repositories/notices.ts';
import { finishRun, renewLease, requireLease } from '../../catalog/repositories/run-lease.ts';
import { ProbeRun } from '../../contract/resources/stored.ts';
import { Failure } from '../../domain/failure.ts';
import type { Probe } from '../../engines/engine.ts';
import { probeFacts } from '../../pipeline/probe-facts.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Survey } from '../../storage/storage.ts';
import { claim } from '../claim.ts';
import { concludeRun } from '../ending.ts';
import { fail } from '../fail.ts';
import { jobOf } from '../job.ts';
import { type Claimed, LEASE_SECONDS, type RunInput } from '../workflow.ts';
import { probeDefinition } from './definition.ts';

type Needs = Pick<Runtime, 'catalog' | 'surveyor'>;

/** What a look found; what is wrong with what was looked at is a finding too. */
interface Verdict {
  readonly problem: string | undefined;
  readonly remedy: string | undefined;
  readonly code: string | undefined;
}

/** Looks, then in one transaction: the verdict on the version that was looked at, the run's end, and who is told. */
async function look(runtime: Needs, input: Claimed): Promise<Claimed> {
  const { tenantId, runId, lease } = input;
  const ref = { runId, lease };
  const run = await runtime.catalog.withTenant(tenantId, async (trx) => {
    await renewLease(trx, ref, LEASE_SECONDS * 4);
    return requireLease(trx, ref);
  });
  const request = ProbeRun.parse(run.request);
  const judged =
    request.what === 'database'
      ? await lookAtDatabase(runtime, input)
      : await lookAtDestination(runtime, { ...input, destinationId: request.destinationId });
  await runtime.catalog.withTenant(tenantId, async (trx) => {
    // Longer than a lease is no harm as long as nobody else has claimed the run.
    await renewLease(trx, ref, LEASE_SECONDS);
    await requireLease(trx, ref);
    await judged.keep(trx, request.version);
    const { problem: cause, remedy, code } = judged.verdict;
    const state = cause === undefined ? 'succeeded' : 'failed';
    await concludeRun(trx, await finishRun(trx, ref, { state, code, cause, remedy }));
  });
  return input;
}

interface Judged {
  readonly verdict: Verdict;
  keep(trx: TenantTransaction, version: number): Promise<void>;
}

async function lookAtDatabase({ catalog, surveyor }: Needs, { tenantId, runId, lease }: Claimed): Promise<Judged> {
  const { database } = await catalog.withTenant(tenantId, async (trx) =>
    jobOf(trx, await requireLease(trx, { runId, lease })),
  );
  const { id, look: where } = found(database, 'database');
  const { verdict, answer } = await lookOrRefusal(() => surveyor.database(where), obstacleOf);
  return {
    verdict,
    keep: async (trx, version) => {
      const before = found(await getDatabase(trx, id), 'database');
      const probe = answer === undefined ? undefined : probeFacts(answer);
      const { problem: error } = verdict;
      const taken = await judgeDatabase(trx, { id, version, ok: error === undefined, error, probe });
      if (!taken || error === undefined || before.verified_at === null) return;
      const data = { databaseId: id, databaseName: before.name, cause: error };
      await tell(trx, { event: 'database.broken', tenantId, key: `run ${runId}`, at: await clock(trx), data });
    },
  };
}

function obstacleOf({ obstacles }: Probe): string | undefined {
  return obstacles.length === 0 ? undefined : obstacles.join(' ');
}

async function lookAtDestination(
  { surveyor }: Needs,
  { tenantId, runId, destinationId }: Claimed & { readonly destinationId: string },
): Promise<Judged> {
  const { verdict, answer } = await lookOrRefusal(
    () => surveyor.destination({ tenantId, destinationId, runId }),
    weakness,
  );
  return {
    verdict,
    keep: async (trx, version) => {
      const before = found(await getDestination(trx, destinationId), 'destination');
      const { problem: error } = verdict;
      const { findings: probes = [], capabilities } = answer ?? {};
      const facts = capabilities === undefined ? undefined : { ...capabilities };
      const judged = { id: destinationId, version, ok: error === undefined, error, probes, capabilities: facts };
      if (!(await judgeDestination(trx, judged)) || error === undefined || before.verified_at === null) return;
      const data = { destinationId, destinationName: before.name, cause: error };
      await tell(trx, { event: 'destination.broken', tenantId, key: `run ${runId}`, at: await clock(trx), data });
    },
  };
}

/** A store that overwrites what is there when asked not to cannot keep a backup safe (F30, F44). */
function weakness({ findings, capabilities }: Survey): string | undefined {
  const bad = findings.find(({ ok }) => !ok);
  if (bad !== undefined) return `${bad.action}: ${bad.detail}`;
  if (capabilities?.conditionalWrites === true) return undefined;
  return 'The store overwrites an object although it was asked not to.';
}

async function lookOrRefusal<T>(
  ask: () => Promise<T>,
  problemOf: (answer: T) => string | undefined,
): Promise<{ readonly verdict: Verdict; readonly answer: T | undefined }> {
  try {
    const answer = await ask();
    const problem = problemOf(answer);
    return {
      verdict: { problem, remedy: undefined, code: problem === undefined ? undefined : 'not_verified' },
      answer,
    };
  } catch (error) {
    if (!(error instanceof Failure) || ['internal', 'cancelled', 'not_ready'].includes(error.code)) throw error;
    return { verdict: { problem: error.message, remedy: error.remedy, code: error.code }, answer: undefined };
  }
}

/** The functions of the workflow, by the names of its steps. */
export const probeSteps = {
  claim: (runtime: Pick<Runtime, 'catalog'>, input: RunInput) => claim(runtime, probeDefinition, input),
  look,
  fail: (runtime: Pick<Runtime, 'catalog'>, input: Parameters<typeof fail>[2]) => fail(runtime, probeDefinition, input),
};
