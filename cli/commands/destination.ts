import { z } from 'zod';
import type { Outcome } from '../screen.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService, type ServiceSession } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { exitOfRun, followRun, startedOutcome } from './follow.ts';
import { collected, type Destination, findDestination } from './found.ts';
import { leavingLines } from './leaving.ts';
import { DESTINATION_HEADINGS, destinationRow, listOutcome, probeLines } from './words.ts';

const Waiting = ServiceOptions.extend({ wait: z.boolean().default(true) });
const RoleTemplate = ServiceOptions.extend({ format: z.enum(['cloudformation', 'terraform', 'cli']) });
const Removing = ServiceOptions.extend({ backups: z.enum(['keep', 'delete']), confirm: z.string().optional() });

export const destinationList: Work = (_given, options) =>
  askService(ServiceOptions.parse(options), async ({ client }) =>
    listOutcome(await collected(client.each('destinations.list')), {
      headings: DESTINATION_HEADINGS,
      row: destinationRow,
      noun: 'destination',
    }),
  );

export const destinationVerify: Work = ([name = ''], options) => {
  const { wait, ...service } = Waiting.parse(options);
  return askService(service, async (session) =>
    verifiedDestination(session, await findDestination(session.client, name), wait),
  );
};

/** Starts the look and, where that is wanted, waits for what it finds. */
export async function verifiedDestination(
  session: ServiceSession,
  { id }: Destination,
  wait: boolean,
): Promise<Outcome> {
  const { client } = session;
  const started = await client.call('destinations.verify', { params: { destinationId: id } });
  if (!wait) return startedOutcome(session, started, false);
  const run = await followRun(session, started.id);
  const after = await client.call('destinations.get', { params: { destinationId: id } });
  const why = after.error === undefined ? [] : [`  ${after.error}`];
  const mark = after.state === 'verified' ? '✔' : '✘';
  return {
    document: after,
    lines: [`${mark} ${after.name} is ${after.state}`, ...why, ...probeLines(after)],
    exit: exitOfRun(run),
  };
}

export const destinationRoleTemplate: Work = ([name = ''], options) => {
  const { format, ...service } = RoleTemplate.parse(options);
  return askService(service, async ({ client }) => {
    const { id } = await findDestination(client, name);
    const template = await client.call('destinations.roleTemplate', {
      params: { destinationId: id },
      query: { format },
    });
    return { document: template, lines: [template.text.trimEnd()] };
  });
};

export const destinationRemove: Work = ([name = ''], options) => {
  const { backups, confirm, ...service } = Removing.parse(options);
  return askService(service, async ({ client }) => {
    const { id, name: known } = await findDestination(client, name);
    const query = { backups, confirm };
    const leaving = await client.call('destinations.delete', { params: { destinationId: id }, query });
    return { document: leaving, summary: [`✔ removed    ${known}`, ...leavingLines(leaving)] };
  });
};
