import { z } from 'zod';
import { ServiceOptions } from '../service-options.ts';
import { askService } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { startedOutcome } from './follow.ts';
import { destinationsFor, findDatabase } from './found.ts';

const NowOptions = ServiceOptions.extend({
  to: z.array(z.string()).default([]),
  type: z.enum(['full', 'schema', 'data']),
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  name: z.string().optional(),
  encryptTo: z.array(z.string()).optional(),
  password: z.string().optional(),
  wait: z.boolean().default(true),
});

/** `dbdump backup now DATABASE` */
export const backupNow: Work = ([database = ''], given) => {
  const { to, type, level, name, encryptTo, password, wait, ...service } = NowOptions.parse(given);
  return askService(service, async (session) => {
    const { client } = session;
    const oneOff = password === undefined ? undefined : await session.secret(password, 'password');
    const [{ id: databaseId }, destinations] = await Promise.all([
      findDatabase(client, database),
      destinationsFor(client, to),
    ]);
    const destinationIds = destinations.map(({ id }) => id);
    const body = { databaseId, destinationIds, type, level, name, recipients: encryptTo, password: oneOff };
    return startedOutcome(session, await client.call('backups.start', { body }), wait);
  });
};
