import { z } from 'zod';
import { Failure } from '../../src/domain/failure.ts';
import { presetPattern } from '../../src/domain/time.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { destinationsFor, findDatabase } from './found.ts';
import { ownZone } from './own-zone.ts';
import { scheduleLines } from './schedule.ts';

const Count = z.number().optional();
const AddOptions = ServiceOptions.extend({
  database: z.string(),
  to: z.array(z.string()).default([]),
  cron: z.string().optional(),
  every: z.enum(['hourly', 'daily', 'weekly', 'monthly']).optional(),
  zone: z.string().optional(),
  jitter: z.number().optional(),
  keepLast: Count,
  keepDays: Count,
  keepHourly: Count,
  keepDaily: Count,
  keepWeekly: Count,
  keepMonthly: Count,
  keepYearly: Count,
  maxBytes: Count,
  type: z.enum(['full', 'schema', 'data']),
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  encryptTo: z.array(z.string()).optional(),
  paused: z.boolean().default(false),
});
type AddOptions = z.infer<typeof AddOptions>;

const MINUTE = 60_000;
const USUAL_TIME = { hour: 3, minute: 0 };

/** `dbdump schedule add NAME` */
export const scheduleAdd: Work = ([name = ''], given) => {
  const options = AddOptions.parse(given);
  return askService(options, async ({ client }) => {
    const cron = patternOf(options);
    const [{ id: databaseId }, destinations] = await Promise.all([
      findDatabase(client, options.database),
      destinationsFor(client, options.to),
    ]);
    const added = await client.call('schedules.create', {
      body: {
        name,
        databaseId,
        destinationIds: destinations.map(({ id }) => id),
        cron,
        zone: options.zone ?? ownZone(),
        jitterMinutes: options.jitter === undefined ? undefined : Math.round(options.jitter / MINUTE),
        type: options.type,
        level: options.level,
        recipients: options.encryptTo,
        enabled: !options.paused,
        retention: retentionOf(options),
      },
    });
    return { document: added, lines: scheduleLines(added), summary: [`✔ added      ${added.name} (${added.id})`] };
  });
};

function patternOf({ cron, every }: AddOptions): string {
  if (cron !== undefined) return cron;
  if (every !== undefined) return presetPattern(every, USUAL_TIME);
  throw new Failure('usage', 'When it should run is not said.', {
    remedy: 'Give --every daily, or --cron "30 2 * * *".',
  });
}

function retentionOf(options: AddOptions) {
  const { keepLast, keepDays, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, maxBytes } = options;
  return {
    keepLast,
    keepDays,
    hourly: keepHourly,
    daily: keepDaily,
    weekly: keepWeekly,
    monthly: keepMonthly,
    yearly: keepYearly,
    maxBytes,
  };
}
