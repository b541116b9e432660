import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure, messageOf } from '../../src/domain/failure.ts';
import { counted } from '../../src/domain/figures.ts';
import type { Outcome } from '../screen.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService, type ServiceSession } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { type Change, changeLines, type Step } from './apply-change.ts';
import { readWanted } from './apply-file.ts';
import { removalsOf, stepsOf } from './apply-kind.ts';
import { channelKind, databaseKind, destinationKind, type Known, type Scope, scheduleKind } from './apply-kinds.ts';
import { collected } from './found.ts';

const ApplyOptions = ServiceOptions.extend({
  file: z.string(),
  dryRun: z.boolean().default(false),
  prune: z.boolean().default(false),
});

/** `dbdump apply -f FILE`: names are the identity; done twice it changes nothing; nothing is removed without --prune. */
export const applyFile: Work = (_given, options) => {
  const { file, dryRun, prune, ...service } = ApplyOptions.parse(options);
  return askService(service, async (session) => {
    const scope = await scopeOf(session, await textOf(file));
    const steps = stepsFor(scope, prune);
    return dryRun ? planned(steps) : made(session, steps);
  });
};

async function scopeOf(session: ServiceSession, text: string): Promise<Scope> {
  const { client } = session;
  const wanted = await readWanted(text, async (reference) =>
    // An address that is a key travels as text from here on; it is hidden wherever it would be shown.
    (await session.secret(reference, 'address')).reveal(),
  );
  const known: Known = {
    destinations: await collected(client.each('destinations.list')),
    databases: (await collected(client.each('databases.list'))).filter(({ managed }) => managed),
    schedules: await collected(client.each('schedules.list')),
    channels: await collected(client.each('channels.list')),
  };
  const byName = (items: readonly { name: string; id: string }[]) => new Map(items.map(({ name, id }) => [name, id]));
  return {
    session,
    wanted,
    known,
    ids: { destinations: byName(known.destinations), databases: byName(known.databases) },
  };
}

/** What others name comes first, and goes last. */
function stepsFor(scope: Scope, prune: boolean): Step[] {
  const destinations = destinationKind(scope);
  const databases = databaseKind(scope);
  const schedules = scheduleKind(scope);
  const channels = channelKind(scope);
  const steps = [...stepsOf(destinations), ...stepsOf(databases), ...stepsOf(schedules), ...stepsOf(channels)];
  if (!prune) return steps;
  return [
    ...steps,
    ...removalsOf(channels),
    ...removalsOf(schedules),
    ...removalsOf(databases),
    ...removalsOf(destinations),
  ];
}

function withoutMake({ make: _how, ...change }: Step): Change {
  return change;
}

function planned(steps: readonly Step[]): Outcome {
  const count = counted(steps.length, 'change');
  return {
    document: { dryRun: true, changes: steps.map(withoutMake) },
    lines: steps.flatMap(changeLines),
    summary: [steps.length === 0 ? 'Nothing to change.' : `${count} would be made; nothing was changed.`],
  };
}

async function made({ screen }: ServiceSession, steps: readonly Step[]): Promise<Outcome> {
  const changes = [];
  const lines: string[] = [];
  for (const step of steps) {
    const once = await step.make();
    changes.push({ ...withoutMake(step), ...once });
    screen.note(`${step.action} ${step.kind} ${step.name}`);
    for (const [what, value] of Object.entries(once ?? {}))
      lines.push(`${step.kind} ${step.name}: ${what} ${String(value)} (shown this once)`);
  }
  const summary = steps.length === 0 ? 'Nothing to change.' : `✔ applied    ${counted(steps.length, 'change')}`;
  return { document: { dryRun: false, changes }, lines, summary: [summary] };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : file, 'utf8');
  } catch (error) {
    throw new Failure('usage', `The file ${file} cannot be read: ${messageOf(error)}.`, {
      remedy: 'Give the path of a YAML file: dbdump apply -f config.yaml',
      cause: error,
    });
  }
}
