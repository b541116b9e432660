import type { OwnedId } from '../../catalog/catalog.ts';
import { type ChannelRow, getChannel } from '../../catalog/repositories/channels.ts';
import { type NoticeRow, noticeDelivered, noticeRefused, takeNotice } from '../../catalog/repositories/outbox.ts';
import { ChannelCreate } from '../../contract/resources/service.ts';
import { Failure, messageOf } from '../../domain/failure.ts';
import { chatOf, mailOf } from '../../domain/notice/letters.ts';
import { NoticePayload } from '../../domain/notice/notice.ts';
import { signedHeaders } from '../../domain/notice/signature.ts';
import { secondsToNextTry } from '../../domain/notice/tries.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { inLanes } from './lanes.ts';

type Needs = Pick<Runtime, 'catalog' | 'notices' | 'vault' | 'installation' | 'now' | 'log'>;

/** Nobody else tries meanwhile; longer than any one try takes. A sender that died is followed by another after it. */
const TAKEN_SECONDS = 90;
/** Slow receivers must not keep the others waiting. */
const LANES = 8;

export interface Deliveries {
  readonly delivered: number;
  readonly refused: number;
  readonly givenUp: number;
  /** Whether more may be due already. */
  readonly more: boolean;
}

/**
 * Delivers what is due, at least once each: a notice is marked after it was accepted, so a crash between the two sends it
 * again under the same id. Any number may run at once.
 */
export async function deliverDue(runtime: Needs, most = 200): Promise<Deliveries> {
  const due = await runtime.catalog.find.dueNotices(await runtime.catalog.now(), most);
  const outcomes = await inLanes(due, LANES, (ref) => deliverOne(runtime, ref));
  const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
  const [delivered, refused, givenUp] = [count('delivered'), count('refused'), count('given up')];
  return { delivered, refused, givenUp, more: due.length === most };
}

type Outcome = 'delivered' | 'refused' | 'given up' | 'taken by another';

async function deliverOne(runtime: Needs, { tenantId, id }: OwnedId): Promise<Outcome> {
  const taken = await runtime.catalog.withTenant(tenantId, async (trx) => {
    const notice = await takeNotice(trx, id, TAKEN_SECONDS);
    const channel = notice && (await getChannel(trx, notice.channel_id));
    return notice && channel ? { notice, channel } : undefined;
  });
  if (taken === undefined) return 'taken by another';
  try {
    await send(runtime, taken.channel, taken.notice);
  } catch (error) {
    return refuse(runtime, taken.notice, error);
  }
  await runtime.catalog.withTenant(tenantId, (trx) => noticeDelivered(trx, id));
  return 'delivered';
}

async function refuse(runtime: Needs, notice: NoticeRow, error: unknown): Promise<Outcome> {
  const final = error instanceof Failure && error.details?.final === true;
  const againInSeconds = final ? undefined : secondsToNextTry(notice.attempts, Math.random());
  const outcome = { error: messageOf(error), againInSeconds };
  await runtime.catalog.withTenant(notice.tenant_id, (trx) => noticeRefused(trx, notice.id, outcome));
  if (againInSeconds !== undefined) return 'refused';
  const about = { notice: notice.id, channel: notice.channel_id, attempts: notice.attempts, cause: outcome.error };
  runtime.log('error', about, 'a notice was given up');
  return 'given up';
}

async function send(runtime: Needs, channel: ChannelRow, row: NoticeRow): Promise<void> {
  const { notices, installation } = runtime;
  const payload = NoticePayload.parse(row.payload);
  if (!channel.enabled) throw new Failure('conflict', 'The channel is turned off.', { details: { final: true } });
  const { target } = ChannelCreate.parse({ ...channel.settings, name: channel.name, enabled: true });
  const link = installation.publicUrl;
  if (target.kind === 'email') return notices.email({ id: row.id, to: target.to, ...mailOf(payload, link) });
  if (target.kind === 'slack') return notices.webhook({ url: target.url, body: chatOf(payload, link), headers: {} });
  const body = JSON.stringify(payload);
  const secrets = await secretsOf(runtime, channel);
  const headers = signedHeaders({ id: row.id, at: runtime.now(), body }, secrets);
  return notices.webhook({ url: target.url, body, headers });
}

/** The present secret first; the one before it as long as it still signs. */
async function secretsOf({ vault, now }: Needs, channel: ChannelRow): Promise<string[]> {
  const { sealed_secret: present, sealed_previous: previous, previous_until: until } = channel;
  if (present === null) throw new Failure('conflict', 'The webhook has no secret.', { details: { final: true } });
  const old = previous !== null && until !== null && until > now() ? [previous] : [];
  const purpose = { tenantId: channel.tenant_id, what: `channel ${channel.id}` };
  return Promise.all([present, ...old].map(async (sealed) => (await vault.unseal(sealed, purpose)).reveal()));
}
