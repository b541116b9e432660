import { z } from 'zod';
import type { Outcome } from '../screen.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService, type ServiceSession } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { startedOutcome } from './follow.ts';
import { collected, findSchedule } from './found.ts';
import { ownZone } from './own-zone.ts';
import { listOutcome, SCHEDULE_HEADINGS, scheduleRow } from './words.ts';

export const scheduleList: Work = (_given, options) =>
  askService(ServiceOptions.parse(options), async ({ client }) =>
    listOutcome(await collected(client.each('schedules.list')), {
      headings: SCHEDULE_HEADINGS,
      row: scheduleRow,
      noun: 'schedule',
    }),
  );

const PreviewOptions = ServiceOptions.extend({ zone: z.string().optional(), count: z.number() });

export const schedulePreview: Work = ([cron = ''], options) => {
  const { zone = ownZone(), count, ...service } = PreviewOptions.parse(options);
  return askService(service, async ({ client }) => {
    const preview = await client.call('schedules.preview', { body: { cron, zone, count } });
    return { document: preview, lines: scheduleLines({ ...preview, zone }) };
  });
};

/** The pattern in words, and its next runs as the clocks there will show them. */
export function scheduleLines({ words, nextRuns, zone }: { words: string; nextRuns: readonly string[]; zone: string }) {
  const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone: zone });
  return [words, ...nextRuns.map((at) => `  ${format.format(new Date(at))} ${zone} · ${at}`)];
}

const RunNowOptions = ServiceOptions.extend({ wait: z.boolean().default(true) });

export const scheduleRunNow: Work = ([name = ''], options) => {
  const { wait, ...service } = RunNowOptions.parse(options);
  return askService(service, async (session) => {
    const { id } = await findSchedule(session.client, name);
    const run = await session.client.call('schedules.runNow', { params: { scheduleId: id } });
    return startedOutcome(session, run, wait);
  });
};

async function switched({ client }: ServiceSession, name: string, to: 'pause' | 'resume'): Promise<Outcome> {
  const { id } = await findSchedule(client, name);
  const after = await client.call(`schedules.${to}`, { params: { scheduleId: id } });
  const line = after.enabled
    ? `✔ resumed    ${after.name}, next ${after.nextRuns[0] ?? 'never'}`
    : `✔ paused     ${after.name}`;
  return { document: after, summary: [line] };
}

export const schedulePause: Work = ([name = ''], options) =>
  askService(ServiceOptions.parse(options), (session) => switched(session, name, 'pause'));

export const scheduleResume: Work = ([name = ''], options) =>
  askService(ServiceOptions.parse(options), (session) => switched(session, name, 'resume'));

export const scheduleRemove: Work = ([name = ''], options) =>
  askService(ServiceOptions.parse(options), async ({ client }) => {
    const { id, name: known } = await findSchedule(client, name);
    await client.call('schedules.delete', { params: { scheduleId: id } });
    return { document: { id, name: known, removed: true }, summary: [`✔ removed    ${known}`] };
  });
