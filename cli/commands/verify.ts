import { z } from 'zod';
import { ServiceOptions } from '../service-options.ts';
import { askService } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { startedOutcome } from './follow.ts';
import { findBackup } from './found.ts';

const VerifyOptions = ServiceOptions.extend({
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  wait: z.boolean().default(true),
});

/** `dbdump verify BACKUP` */
export const verifyBackup: Work = ([reference = ''], given) => {
  const { level, wait, ...service } = VerifyOptions.parse(given);
  return askService(service, async (session) => {
    const { id } = await findBackup(session.client, reference);
    const run = await session.client.call('backups.verify', { params: { backupId: id }, body: { level } });
    return startedOutcome(session, run, wait);
  });
};
