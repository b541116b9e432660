import type { StepDefinition, WorkflowDefinition } from './workflow.ts';

/** Where tasks run, in the words of ECS. Strings may be placeholders, `${Cluster}`, which are put in later. */
export interface TaskCluster {
  readonly partition: string;
  readonly cluster: string;
  /** Before an engine's id it is the family of that engine's task. */
  readonly taskFamily: string;
  readonly container: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly publicAddress: boolean;
}

export interface StateMachinePlaces {
  /** The function of a step, by its name. */
  functionOf(step: string): string;
  readonly tasks: TaskCluster;
}

type State = Readonly<Record<string, unknown>>;

export interface StateMachine {
  readonly Comment: string;
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/**
 * A workflow as Amazon States Language (JSONPath). Its only loop goes through the first step, which counts attempts and names
 * them: a task is never retried by the machine itself, since the repetition would carry the same token and be answered with
 * the task that has ended.
 */
export function stateMachine(definition: WorkflowDefinition, places: StateMachinePlaces): StateMachine {
  const { name, steps, failure } = definition;
  const [claim, ...rest] = steps;
  if (claim === undefined) throw new TypeError(`The workflow ${name} has no step.`);
  const first = rest[0] === undefined ? DONE : titleOf(rest[0]);
  const failed = titleOf(failure);
  const body = rest.map((step, index): [string, State] => {
    const next = rest[index + 1];
    return [titleOf(step), stateOf(step, places, { next: next === undefined ? DONE : titleOf(next), failed })];
  });
  return {
    Comment: `${name}: ${steps.map((step) => step.name).join(', ')}`,
    StartAt: titleOf(claim),
    States: {
      [titleOf(claim)]: { ...functionState(claim, places, RUN_ONLY), ...onwards('Claimed?', failed) },
      'Claimed?': outcomes({ first, failed }),
      'Wait for its turn': { Type: 'Wait', SecondsPath: '$.waitSeconds', Next: titleOf(claim) },
      ...Object.fromEntries(body),
      [failed]: failureState(failure, places),
      'Again?': choice(
        [{ Variable: '$.settled.again', BooleanEquals: true, Next: 'Wait before the next attempt' }],
        'Failed',
      ),
      'Wait before the next attempt': { Type: 'Wait', SecondsPath: '$.settled.waitSeconds', Next: titleOf(claim) },
      Failed: { Type: 'Fail', Error: 'RunNotDone', Cause: 'The run says why.' },
      [DONE]: { Type: 'Succeed' },
    },
  };
}

const DONE = 'Done';

/** What goes round the loop, whatever the state holds by then. */
const RUN_ONLY = { 'tenantId.$': '$.tenantId', 'runId.$': '$.runId' } as const;

function titleOf({ name }: StepDefinition): string {
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
}

function onwards(next: string, failed: string) {
  return { Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failed', Next: failed }], Next: next };
}

function choice(choices: readonly State[], otherwise: string): State {
  return { Type: 'Choice', Choices: choices, Default: otherwise };
}

function outcomes({ first, failed }: { readonly first: string; readonly failed: string }): State {
  const on = (outcome: string, next: string) => ({ Variable: '$.outcome', StringEquals: outcome, Next: next });
  return choice([on('claimed', first), on('busy', 'Wait for its turn'), on('exhausted', failed)], DONE);
}

interface Ways {
  readonly next: string;
  readonly failed: string;
}

function stateOf(step: StepDefinition, places: StateMachinePlaces, { next, failed }: Ways): State {
  const state = step.place === 'task' ? taskState(step, places.tasks) : functionState(step, places, undefined);
  return { ...state, ...onwards(next, failed) };
}

/** Faults of the function service itself; the function's own failures are no business of these. */
const RETRY = [
  {
    ErrorEquals: [
      'Lambda.ServiceException',
      'Lambda.AWSLambdaException',
      'Lambda.SdkClientException',
      'Lambda.TooManyRequestsException',
    ],
    IntervalSeconds: 2,
    MaxAttempts: 6,
    BackoffRate: 2,
    JitterStrategy: 'FULL',
  },
] as const;

/** Answers with the whole state for the next step. */
function functionState(step: StepDefinition, places: StateMachinePlaces, payload: State | undefined): State {
  return {
    ...invocation(step, places),
    Parameters: {
      FunctionName: places.functionOf(step.name),
      ...(payload === undefined ? { 'Payload.$': '$' } : { Payload: payload }),
    },
    OutputPath: '$.Payload',
    Retry: RETRY,
  };
}

function invocation({ timeoutSeconds }: StepDefinition, { tasks }: StateMachinePlaces) {
  return {
    Type: 'Task',
    Resource: `arn:${tasks.partition}:states:::lambda:invoke`,
    TimeoutSeconds: timeoutSeconds,
  } as const;
}

/** Always reached, and tried until it has said what becomes of the run. */
function failureState(step: StepDefinition, places: StateMachinePlaces): State {
  return {
    ...invocation(step, places),
    Parameters: { FunctionName: places.functionOf(step.name), 'Payload.$': '$' },
    ResultSelector: { 'again.$': '$.Payload.again', 'waitSeconds.$': '$.Payload.waitSeconds' },
    ResultPath: '$.settled',
    Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 4, BackoffRate: 2 }],
    Next: 'Again?',
  };
}

/** Run id and attempt are the token: asked twice for one attempt, ECS starts one task. Its output is not ours and is dropped. */
function taskState(step: StepDefinition, tasks: TaskCluster): State {
  return {
    Type: 'Task',
    Resource: `arn:${tasks.partition}:states:::ecs:runTask.sync`,
    TimeoutSecondsPath: '$.deadlineSeconds',
    Parameters: {
      Cluster: tasks.cluster,
      'TaskDefinition.$': `States.Format('${tasks.taskFamily}{}', $.engine)`,
      'ClientToken.$': "States.Format('{}-{}', $.runId, $.attempt)",
      LaunchType: 'FARGATE',
      NetworkConfiguration: {
        AwsvpcConfiguration: {
          Subnets: tasks.subnets,
          SecurityGroups: tasks.securityGroups,
          AssignPublicIp: tasks.publicAddress ? 'ENABLED' : 'DISABLED',
        },
      },
      Overrides: {
        ContainerOverrides: [
          { Name: tasks.container, 'Command.$': `States.Array('${step.name}', States.JsonToString($))` },
        ],
      },
    },
    ResultPath: null,
  };
}
