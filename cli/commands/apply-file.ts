import { parse } from 'yaml';
import { z } from 'zod';
import { Name } from '../../src/contract/resources/basics.ts';
import { DatabaseCreate, DestinationCreate } from '../../src/contract/resources/places.ts';
import { ChannelCreate } from '../../src/contract/resources/service.ts';
import { ScheduleCreate } from '../../src/contract/resources/work.ts';
import { Failure, messageOf } from '../../src/domain/failure.ts';

const ScheduleInFile = ScheduleCreate.omit({ databaseId: true, destinationIds: true }).extend({
  database: Name,
  destinations: z.array(Name).min(1).max(8),
});

/** What a file may say: the bodies of the API, with names where the API has ids. A kind that is left out is left alone. */
const ConfigFile = z.strictObject({
  version: z.literal(1),
  destinations: z.array(DestinationCreate).optional(),
  databases: z.array(DatabaseCreate).optional(),
  schedules: z.array(ScheduleInFile).optional(),
  channels: z.array(ChannelCreate).optional(),
});
export type Wanted = z.output<typeof ConfigFile>;

/** Gives what a reference in the file (`env:NAME`, `file:PATH`) stands for. */
export type Resolve = (reference: string) => Promise<string>;

export async function readWanted(text: string, resolve: Resolve): Promise<Wanted> {
  const raw = await withAddresses(parsed(text), resolve);
  const read = ConfigFile.safeParse(raw);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw refused(`${issue?.path.join('.') || 'The file'}: ${issue?.message ?? 'it cannot be read'}.`);
  }
  requireOneOfEach(read.data);
  requireNoPassword(read.data);
  return read.data;
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    // The first line names the place; what follows repeats the file.
    const [cause = ''] = messageOf(error).split('\n');
    throw refused(`The file is not YAML: ${cause.replace(/:$/, '')}.`, error);
  }
}

const WithChannels = z.looseObject({ channels: z.array(z.unknown()) });
const Addressed = z.looseObject({ target: z.looseObject({ kind: z.string(), url: z.string() }) });

/** The address of a chat's webhook is its key, and stands in the file by reference only. */
async function withAddresses(raw: unknown, resolve: Resolve): Promise<unknown> {
  const read = WithChannels.safeParse(raw);
  if (!read.success) return raw;
  const channels: unknown[] = [];
  for (const channel of read.data.channels) {
    // Each by itself: one that has no address, as mail has none, says nothing of its neighbours.
    const { success, data } = Addressed.safeParse(channel);
    channels.push(success ? { ...data, target: await withAddress(data.target, resolve) } : channel);
  }
  return { ...read.data, channels };
}

async function withAddress(target: { kind: string; url: string }, resolve: Resolve) {
  if (/^(env|file):/.test(target.url)) return { ...target, url: await resolve(target.url) };
  if (target.kind !== 'slack') return target;
  throw new Failure('usage', 'The address of a chat’s webhook is a secret, and stands in the file itself.', {
    remedy: 'Write url: env:NAME or url: file:/PATH instead.',
  });
}

function requireOneOfEach(wanted: Wanted): void {
  const { destinations = [], databases = [], schedules = [], channels = [] } = wanted;
  for (const [kind, items] of Object.entries({ destinations, databases, schedules, channels })) {
    const names = items.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw refused(`${kind}: the name ${JSON.stringify(twice)} is there twice.`);
  }
}

function requireNoPassword({ databases = [] }: Wanted): void {
  const sealed = databases.find(({ credential }) => credential.kind === 'sealed' && credential.password !== undefined);
  if (sealed === undefined) return;
  throw new Failure('usage', `The file holds the password of ${sealed.name}.`, {
    remedy: 'Give a reference to it: kind env, file, command, secret or rds-iam.',
  });
}

function refused(message: string, cause?: unknown): Failure {
  return new Failure('usage', message, { remedy: 'See docs/cli.md for what the file may say.', cause });
}
