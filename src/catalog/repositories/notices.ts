import type { EventName } from '../../domain/notice/events.ts';
import { channelFilterOf, type Happening, type Notice, noticeOf, stableId, wants } from '../../domain/notice/notice.ts';
import type { TenantTransaction } from '../catalog.ts';
import { type ChannelRow, enabledChannels } from './channels.ts';
import { insertNotice, type NoticeRow } from './outbox.ts';

/**
 * Tells every channel that wants to hear of it, in the transaction of what happened: neither is ever there without the
 * other. Told again under the same key, it is the same notice. `silent`: a channel that is not told, because it is about it.
 * Returns how many channels are told for the first time.
 */
export async function tell<Event extends EventName>(
  trx: TenantTransaction,
  happening: Happening<Event>,
  silent?: string,
): Promise<number> {
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
