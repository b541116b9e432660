import { randomBytes, randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { found, requireVersion } from '../catalog/repositories/changing.ts';
import {
  type ChannelRow,
  changeChannel,
  deleteChannel,
  getChannel,
  insertChannel,
  listChannels,
  lockChannel,
  rotateSecret,
} from '../catalog/repositories/channels.ts';
import { putNotice } from '../catalog/repositories/notices.ts';
import { listNotices, type NoticeRow } from '../catalog/repositories/outbox.ts';
import { changed } from '../contract/resources/basics.ts';
import { ChannelCreate, Delivery } from '../contract/resources/service.ts';
import { noticeOf } from '../domain/notice/notice.ts';
import { Secret } from '../domain/secret.ts';
import { change, look, ShownOnce } from './change.ts';
import { instant, maybeInstant } from './instant.ts';
import type { Operation } from './operation.ts';
import { refuse } from './refusal.ts';

/** Bytes of a signing secret (Standard Webhooks). */
const SECRET_BYTES = 32;

type Fields = z.infer<typeof ChannelCreate>;

function fieldsOf(row: ChannelRow): Fields {
  return ChannelCreate.parse({ ...row.settings, name: row.name, enabled: row.enabled });
}

function channelResource(row: ChannelRow) {
  return { ...fieldsOf(row), id: row.id, createdAt: instant(row.created_at), version: row.version };
}

/** For the audit chain: the address of a chat's webhook is its key. */
function toldOf(row: ChannelRow) {
  const { target, ...rest } = fieldsOf(row);
  return { ...rest, target: target.kind === 'email' ? target : { kind: target.kind, host: new URL(target.url).host } };
}

function deliveryResource(row: NoticeRow) {
  return {
    id: row.id,
    event: Delivery.shape.event.parse(row.event),
    severity: Delivery.shape.severity.parse(row.severity),
    state: Delivery.shape.state.parse(row.state),
    attempts: row.attempts,
    lastError: row.last_error ?? undefined,
    createdAt: instant(row.created_at),
    deliveredAt: maybeInstant(row.delivered_at),
  };
}

export const listAllChannels: Operation<'channels.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listChannels(trx, query));
  return { items: rows.map(channelResource), next };
};

export const getOneChannel: Operation<'channels.get', 'catalog'> = async (runtime, asker, { params }) =>
  channelResource(await look(runtime, asker, async (trx) => found(await getChannel(trx, params.channelId), 'channel')));

/** A webhook's signing secret is made here, kept sealed, and shown this once. */
export const createChannel: Operation<'channels.create', 'catalog' | 'vault'> = async (runtime, asker, { body }) => {
  const { tenantId } = asker;
  const id = randomUUID();
  requireHttp(body.target);
  const signingSecret = body.target.kind === 'webhook' ? newSecret() : undefined;
  const purpose = { tenantId, what: `channel ${id}` };
  const sealed = signingSecret === undefined ? undefined : await runtime.vault.seal(new Secret(signingSecret), purpose);
  const { name, enabled, ...settings } = body;
  const { answer } = await change(runtime, asker, async (trx, told) => {
    const row = await insertChannel(trx, { tenantId, id, name, settings, enabled, sealed });
    await told({ action: 'channels.create', object: `channel ${id}`, after: toldOf(row) });
    return new ShownOnce({ ...channelResource(row), signingSecret });
  });
  return answer;
};

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/** Both secrets sign for so long. */
const ROTATION_HOURS = 24;

/** For a secret that got about, or that is old. It is shown this once; the one before it signs beside it for a day. */
export const rotateChannelSecret: Operation<'channels.rotateSecret', 'catalog' | 'vault'> = async (
  runtime,
  asker,
  { params },
) => {
  const signingSecret = newSecret();
  const purpose = { tenantId: asker.tenantId, what: `channel ${params.channelId}` };
  const sealed = await runtime.vault.seal(new Secret(signingSecret), purpose);
  const { answer } = await change(runtime, asker, async (trx, told) => {
    const row = found(await lockChannel(trx, params.channelId), 'channel');
    if (row.sealed_secret === null) refuse('Only calls of a webhook are signed.', 'Add a channel of kind webhook.');
    const after = await rotateSecret(trx, row.id, { sealed, hours: ROTATION_HOURS });
    await told({ action: 'channels.rotateSecret', object: `channel ${row.id}`, after: { hours: ROTATION_HOURS } });
    return new ShownOnce({ ...channelResource(after), signingSecret });
  });
  return answer;
};

/** Credentials do not belong in an address, and only the web is called. */
function requireHttp(target: Fields['target']): void {
  if (target.kind === 'email') return;
  const url = new URL(target.url);
  if (!['https:', 'http:'].includes(url.protocol)) refuse('A webhook is called by https.', 'Give an https:// address.');
  if (url.username !== '' || url.password !== '')
    refuse('The address of a webhook holds credentials.', 'Leave them out: calls are signed.');
}

export const updateChannel: Operation<'channels.update', 'catalog'> = (runtime, asker, { params, body }) =>
  change(runtime, asker, async (trx, told) => {
    const row = found(await lockChannel(trx, params.channelId), 'channel');
    requireVersion(row, asker.ifMatch);
    const { name, enabled, ...settings } = changed(fieldsOf(row), body);
    requireHttp(settings.target);
    if ((settings.target.kind === 'webhook') !== (fieldsOf(row).target.kind === 'webhook'))
      refuse('A channel does not become a webhook, or stop being one.', 'Add another channel.');
    const after = await changeChannel(trx, row.id, { name, settings, enabled });
    await told({ action: 'channels.update', object: `channel ${row.id}`, before: toldOf(row), after: toldOf(after) });
    return channelResource(after);
  });

export const deleteOneChannel: Operation<'channels.delete', 'catalog'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const row = found(await deleteChannel(trx, params.channelId), 'channel');
    await told({ action: 'channels.delete', object: `channel ${row.id}`, before: toldOf(row) });
    return undefined;
  });

/** Goes the way of every notice: through the outbox. */
export const testChannel: Operation<'channels.test', 'catalog' | 'now'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const row = found(await getChannel(trx, params.channelId), 'channel');
    const data = { channelName: row.name };
    const { tenantId } = asker;
    const test = noticeOf({ event: 'test', tenantId, key: randomUUID(), at: runtime.now(), data });
    const notice = found(await putNotice(trx, row, test), 'notice');
    await told({ action: 'channels.test', object: `channel ${row.id}`, after: { delivery: notice.id } });
    return deliveryResource(notice);
  });

export const listDeliveries: Operation<'channels.deliveries', 'catalog'> = async (
  runtime,
  asker,
  { params, query },
) => {
  const { rows, next } = await look(runtime, asker, async (trx) => {
    const channel = found(await getChannel(trx, params.channelId), 'channel');
    return listNotices(trx, channel.id, query);
  });
  return { items: rows.map(deliveryResource), next };
};
