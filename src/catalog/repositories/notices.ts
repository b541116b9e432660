import { randomUUID } from 'node:crypto';
import { familyOf, subjectOf } from '../../domain/alarms.ts';
import type { EventName } from '../../domain/notice/events.ts';
import { channelFilterOf, type Happening, type Notice, noticeOf, stableId, wants } from '../../domain/notice/notice.ts';
import type { TenantTransaction } from '../catalog.ts';
import { openAlarm, openedSince } from './alarms.ts';
import { type ChannelRow, enabledChannels } from './channels.ts';
import { insertNotice, type NoticeRow } from './outbox.ts';

/**
 * Tells every channel that wants to hear of it, in the transaction of what happened: neither is ever there without the
 * other. Told again under the same key, it is the same notice; a condition that lasts is told once until the watch finds that
 * it is over. Returns how many channels are told now.
 */
export async function tell<Event extends EventName>(
  trx: TenantTransaction,
  happening: Happening<Event>,
): Promise<number> {
  const subject = subjectOf(happening.event, happening.data);
  if (subject === undefined) return tellChannels(trx, happening);
  return (await raise(trx, happening, subject)).told;
}

const FAMILY_MS = 3_600_000;

export interface Raised {
  /** False: it was open already, and nobody is told again. */
  readonly opened: boolean;
  readonly told: number;
}

/** Opens the alarm of a lasting condition, and tells of it. */
export async function raise<Event extends EventName>(
  trx: TenantTransaction,
  { event, tenantId, at, data }: Happening<Event>,
  subject: string,
): Promise<Raised> {
  const id = randomUUID();
  const happening = { event, tenantId, key: `alarm ${id}`, at, data };
  const { title: about, severity } = noticeOf(happening).payload;
  const family = familyOf(subject);
  const since = new Date(at.getTime() - FAMILY_MS);
  const spoken = family !== subject && (await openedSince(trx, { event, family, since }));
  if (!(await openAlarm(trx, { tenantId, id, event, subject, about, severity, data, at })))
    return { opened: false, told: 0 };
  if (spoken) return { opened: true, told: 0 };
  // A channel that takes nothing is not the one to say so.
  const silent = event === 'notice.undelivered' ? subject.replace('channel ', '') : undefined;
  return { opened: true, told: await tellChannels(trx, happening, silent) };
}

async function tellChannels(trx: TenantTransaction, happening: Happening, silent?: string): Promise<number> {
  const channels = (await enabledChannels(trx)).filter(({ id }) => id !== silent);
  if (channels.length === 0) return 0;
  const notice = noticeOf(happening);
  let told = 0;
  for (const channel of channels.filter(({ settings }) => wants(channelFilterOf(settings), notice))) {
    if ((await putNotice(trx, channel, notice)) !== undefined) told += 1;
  }
  return told;
}

/** One notice for one channel, whatever that channel wants; undefined when it was put there before. */
export async function putNotice(
  trx: TenantTransaction,
  channel: Pick<ChannelRow, 'tenant_id' | 'id'>,
  { payload }: Notice,
): Promise<NoticeRow | undefined> {
  return insertNotice(trx, {
    tenantId: channel.tenant_id,
    id: deliveryId(payload.id, channel.id),
    channelId: channel.id,
    event: payload.type,
    severity: payload.severity,
    payload,
  });
}

/** Of one notice in one channel: what a receiver knows repeated deliveries by. */
export function deliveryId(noticeId: string, channelId: string): string {
  return stableId(noticeId, channelId);
}
