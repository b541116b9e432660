import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StateMachine } from 'aws-local-stepfunctions';
import { type JobRunner, startJobRunner } from '../../local/job-runner.ts';
import { listBackupRows } from '../../src/catalog/repositories/backups.ts';
import { askToCancel } from '../../src/catalog/repositories/runs.ts';
import { Failure } from '../../src/domain/failure.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { backupDefinition } from '../../src/workflows/backup/definition.ts';
import { backupSteps } from '../../src/workflows/backup/steps.ts';
import { claim } from '../../src/workflows/claim.ts';
import { WORKFLOWS, type Workflow } from '../../src/workflows/registry.ts';
import { stateMachine } from '../../src/workflows/state-machine.ts';
import type { TaskInput } from '../../src/workflows/task.ts';
import type { RunInput, WorkflowDefinition } from '../../src/workflows/workflow.ts';
import { type Behaviour, startWorkflowWorld, type Tenant, type WorkflowWorld } from '../support/workflow-world.ts';

const TASK_SECONDS = 4;

/** As it is, but no task takes longer than the test has patience. */
const hasty: WorkflowDefinition = {
  ...backupDefinition,
  steps: backupDefinition.steps.map((step) =>
    step.place === 'task' ? { ...step, timeoutSeconds: TASK_SECONDS } : step,
  ),
};
const workflow = {
  definition: hasty,
  steps: {
    ...backupSteps,
    claim: (runtime: Runtime, input: RunInput) => claim(runtime, hasty, input),
  } as Workflow['steps'],
};

const places = {
  functionOf: (step: string) => `arn:aws:lambda:eu-central-1:000000000000:function:${step}`,
  tasks: {
    partition: 'aws',
    cluster: 'c',
    taskFamily: 'database-dump-',
    container: 'task',
    subnets: ['subnet-1'],
    securityGroups: ['sg-1'],
    publicAddress: true,
  },
};

type Column = (world: WorkflowWorld, run: RunInput) => Promise<void>;

interface Row {
  readonly name: string;
  readonly behaviours: readonly Behaviour[];
  /** While the first task is at work. */
  readonly meanwhile?: 'cancel';
  readonly starts?: number;
  readonly expected: {
    readonly state: string;
    readonly attempt: number;
    readonly code: string | null;
    readonly backups: number;
  };
}

const unreachable = new Failure('storage_unreachable', 'The store does not answer.', { remedy: 'Wait.' });
const wrongPassword = new Failure('authentication_failed', 'The password is wrong.', { remedy: 'Give the right one.' });

const TABLE: readonly Row[] = [
  { name: 'success', behaviours: ['good'], expected: { state: 'succeeded', attempt: 1, code: null, backups: 1 } },
  {
    name: 'a failure that passes, then success',
    behaviours: [unreachable, 'good'],
    expected: { state: 'succeeded', attempt: 2, code: null, backups: 1 },
  },
  {
    name: 'a failure that passes, but not in time',
    behaviours: [unreachable],
    expected: { state: 'failed', attempt: 3, code: 'storage_unreachable', backups: 0 },
  },
  {
    name: 'a permanent failure',
    behaviours: [wrongPassword],
    expected: { state: 'failed', attempt: 1, code: 'authentication_failed', backups: 0 },
  },
  { name: 'a timeout', behaviours: ['hang'], expected: { state: 'failed', attempt: 1, code: 'stalled', backups: 0 } },
  {
    name: 'a task that dies without a word, then success',
    behaviours: ['die', 'good'],
    expected: { state: 'succeeded', attempt: 2, code: null, backups: 1 },
  },
  {
    name: 'a cancel',
    behaviours: ['hang'],
    meanwhile: 'cancel',
    expected: { state: 'cancelled', attempt: 1, code: 'cancelled', backups: 0 },
  },
  {
    name: 'a start that is delivered three times',
    behaviours: ['good'],
    starts: 3,
    expected: { state: 'succeeded', attempt: 1, code: null, backups: 1 },
  },
];

describe('one table, two columns', () => {
  let world: WorkflowWorld;
  let runner: JobRunner;

  beforeAll(async () => {
    world = await startWorkflowWorld();
    const { runtime, tasks, queueUrl } = world;
    runner = await startJobRunner({
      ...{ runtime, tasks, queueUrl, concurrency: 8, perTenant: 8, alone: true },
      // Nobody else looks for what is queued: starts are those of the test.
      sweepMs: 3_600_000,
      workflows: { ...WORKFLOWS, backup: workflow },
      pace: () => 0,
    });
  }, 60_000);
  afterAll(async () => {
    await runner?.stop();
    await world?.stop();
  });

  const columns: Readonly<Record<string, Column>> = {
    'the generated state machine': runMachine,
    'the job runner of one machine': async (_world, run) => {
      await runner.launcher.start('backup', run);
    },
  };

  describe.each(Object.entries(columns))('%s', (_column, start) => {
    it.each(TABLE)(
      'comes to the same end: $name',
      async ({ behaviours, meanwhile, starts = 1, expected }) => {
        const tenant = await world.tenant();
        const runId = await tenant.backup();
        const run = { tenantId: tenant.tenantId, runId };
        world.behaviours.set(runId, behaviours);
        const started = Promise.all(Array.from({ length: starts }, () => start(world, run)));
        if (meanwhile === 'cancel') await cancel(world, run, runner);
        await started;
        expect(await outcomeOf(world, tenant, runId)).toEqual(expected);
      },
      60_000,
    );
  });
});

describe('the generated state machine', () => {
  const validate = createRequire(import.meta.url)('asl-validator') as (asl: object) => {
    isValid: boolean;
    errorsText(): string;
  };

  it.each(Object.entries(WORKFLOWS))('of %s is valid Amazon States Language, and small', (_kind, { definition }) => {
    const machine = stateMachine(definition, places);
    const { isValid, errorsText } = validate(machine);
    expect(isValid ? '' : errorsText()).toBe('');
    expect(JSON.stringify(machine).length).toBeLessThan(10_000);
  });

  it('runs claim, dump, record, retention and notify, in this order', () => {
    const { StartAt, States } = stateMachine(backupDefinition, places);
    const order = [StartAt];
    for (let at = 'Dump'; at !== 'Done'; at = String(States[at]?.Next)) order.push(at);
    expect(order).toEqual(['Claim', 'Dump', 'Record', 'Retention', 'Notify']);
  });

  it('sends every failure of every step to the failure step, and only through claim back', () => {
    const { States } = stateMachine(backupDefinition, places);
    for (const name of ['Claim', 'Dump', 'Record', 'Retention', 'Notify'])
      expect(States[name]?.Catch).toEqual([{ ErrorEquals: ['States.ALL'], ResultPath: '$.failed', Next: 'Fail' }]);
    expect(States.Dump).not.toHaveProperty('Retry');
    expect(States['Wait before the next attempt']).toMatchObject({ Next: 'Claim' });
  });

  it('names each attempt’s task by run and attempt, and gives it ids alone', () => {
    const { Parameters } = stateMachine(backupDefinition, places).States.Dump as { Parameters: object };
    expect(Parameters).toMatchObject({ 'ClientToken.$': "States.Format('{}-{}', $.runId, $.attempt)" });
  });
});

async function cancel(world: WorkflowWorld, { tenantId, runId }: RunInput, runner: JobRunner): Promise<void> {
  while (!world.started.has(runId)) await new Promise((resolve) => setTimeout(resolve, 20));
  await world.runtime.catalog.withTenant(tenantId, (trx) => askToCancel(trx, runId));
  await runner.launcher.cancel({ tenantId, runId });
  for (const task of machineTasks.get(runId) ?? []) task.stop();
}

async function outcomeOf(world: WorkflowWorld, { tenantId, databaseId }: Tenant, runId: string) {
  for (let waited = 0; waited < 400; waited += 1) {
    const { state } = await world.run(tenantId, runId);
    if (!['queued', 'running'].includes(state)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { state, attempt, code } = await world.run(tenantId, runId);
  const { rows } = await world.runtime.catalog.withTenant(tenantId, (trx) =>
    listBackupRows(trx, { databaseId, limit: 10 }),
  );
  return { state, attempt, code, backups: rows.length };
}

const machineTasks = new Map<string, { stop(): void }[]>();

/** The interpreter looks for a timeout's path in the parameters, not in the state's input as the specification has it. */
function interpretable() {
  const { States, ...rest } = stateMachine(hasty, places);
  const { TimeoutSecondsPath, ...dump } = States.Dump ?? {};
  expect(TimeoutSecondsPath).toBe('$.deadlineSeconds');
  return { ...rest, States: { ...States, Dump: { ...dump, TimeoutSeconds: TASK_SECONDS } } };
}

/** Runs the ASL in the interpreter: functions are the real steps, tasks what ECS would make of them. */
async function runMachine(world: WorkflowWorld, run: RunInput): Promise<void> {
  const machine = new StateMachine(interpretable() as never);
  const call = (step: string) => async (parameters: { Payload: never }) => ({
    Payload: await workflow.steps[step]?.(world.runtime, parameters.Payload),
  });
  const titled = ['claim', 'record', 'retention', 'notify', 'fail'].map((step) => [
    `${step.slice(0, 1).toUpperCase()}${step.slice(1)}`,
    call(step),
  ]);
  const execution = machine.run(run as never, {
    overrides: {
      taskResourceLocalHandlers: { ...Object.fromEntries(titled), Dump: (given: unknown) => runEcs(world, given) },
      waitTimeOverrides: { 'Wait for its turn': 50, 'Wait before the next attempt': 10 },
    },
  });
  await execution.result.catch((error: Error) => {
    if (!/The run says why/.test(error.message)) throw error;
  });
}

/** RunTask.sync: the exit status is in the cause, as ECS describes a task that has ended. */
async function runEcs(world: WorkflowWorld, given: unknown): Promise<object> {
  const { Overrides } = given as { Overrides: { ContainerOverrides: [{ Command: [string, string] }] } };
  const [name, json] = Overrides.ContainerOverrides[0].Command;
  const input = JSON.parse(json) as TaskInput;
  const task = await world.tasks.start(name, { input, onLine: () => undefined });
  machineTasks.set(input.runId, [...(machineTasks.get(input.runId) ?? []), task]);
  const { code } = await task.ended;
  const described = { Containers: [{ ExitCode: code ?? 137 }], StoppedReason: 'Essential container in task exited' };
  if (code === 0) return described;
  throw Object.assign(new Error(JSON.stringify(described)), { name: 'States.TaskFailed' });
}
