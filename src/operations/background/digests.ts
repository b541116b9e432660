import type { TenantTransaction } from '../../catalog/catalog.ts';
import { openAlarms } from '../../catalog/repositories/alarms.ts';
import { type ChannelRow, enabledChannels } from '../../catalog/repositories/channels.ts';
import { databaseFigures, periodFigures } from '../../catalog/repositories/figures.ts';
import { deliveryId, putNotice } from '../../catalog/repositories/notices.ts';
import { knownNotices } from '../../catalog/repositories/outbox.ts';
import { digestMoment } from '../../domain/alarms.ts';
import type { EventData } from '../../domain/notice/events.ts';
import { channelFilterOf, noticeOf } from '../../domain/notice/notice.ts';

const DAYS = { daily: 1, weekly: 7 } as const;
const DAY_MS = 86_400_000;
const DEFAULT_RPO_HOURS = 24;

/** One digest for each channel that wants one and has not had that day's or week's. */
export async function tellDigests(trx: TenantTransaction, tenantId: string, now: Date): Promise<void> {
  for (const period of ['daily', 'weekly'] as const) {
    const moment = digestMoment(period, now);
    const wanting = (await enabledChannels(trx)).filter((channel) => wantsDigest(channel, period, moment));
    if (wanting.length === 0) continue;
    const happening = { event: 'digest', tenantId, key: `${period} ${moment.toISOString()}`, at: moment } as const;
    const noticeId = noticeOf({ ...happening, data: EMPTY }).payload.id;
    const known = await knownNotices(
      trx,
      wanting.map(({ id }) => deliveryId(noticeId, id)),
    );
    const owed = wanting.filter(({ id }) => !known.has(deliveryId(noticeId, id)));
    if (owed.length === 0) continue;
    const notice = noticeOf({ ...happening, data: await digestOf(trx, period, moment) });
    for (const channel of owed) await putNotice(trx, channel, notice);
  }
}

/** Its id does not depend on what it says. */
const EMPTY: EventData<'digest'> = {
  period: 'daily',
  from: '',
  to: '',
  databases: 0,
  restorable: 0,
  runs: { succeeded: 0, failed: 0, missed: 0 },
  storedBytes: 0,
  open: [],
};

/** A channel is owed nothing of the time before it was there. */
function wantsDigest({ settings, created_at: since }: ChannelRow, period: 'daily' | 'weekly', moment: Date): boolean {
  return channelFilterOf(settings).digest === period && since < moment;
}

async function digestOf(trx: TenantTransaction, period: 'daily' | 'weekly', to: Date): Promise<EventData<'digest'>> {
  const from = new Date(to.getTime() - DAYS[period] * DAY_MS);
  const databases = await databaseFigures(trx);
  const { succeeded, failed, missed, storedBytes } = await periodFigures(trx, from, to);
  const fresh = databases.filter(({ hours, rpo_hours: rpo }) => hours !== null && hours <= (rpo ?? DEFAULT_RPO_HOURS));
  const open = (await openAlarms(trx)).map(({ event, about, opened_at: since }) => ({
    event,
    about,
    since: since.toISOString(),
  }));
  return {
    period,
    from: from.toISOString(),
    to: to.toISOString(),
    databases: databases.length,
    restorable: fresh.length,
    runs: { succeeded, failed, missed },
    storedBytes,
    open,
  };
}
