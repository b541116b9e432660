import { type RawBuilder, sql } from 'kysely';
import type { TenantFacts } from '../../domain/alarms.ts';
import { KEY_NOTICE_MS, NO_RUN_MS } from '../../domain/alarms.ts';
import type { TenantTransaction } from '../catalog.ts';

/** Of a tenant what may be an alarm; the rest is left where it is. `now` is the catalog's clock. */
export async function watchFacts(trx: TenantTransaction, now: Date): Promise<TenantFacts> {
  const ask = async <Row>(query: RawBuilder<Row>) => (await query.execute(trx)).rows;
  const moving = await ask(sql`select from runs where state = 'running' limit 1`);
  return {
    lateSlots: (await ask(lateSlots(now))).map(known),
    missedSlots: (await ask(missedSlots(now))).map(known),
    lateRuns: await ask(lateRuns(now)),
    waitingRuns: await ask(waitingRuns(now)),
    moving: moving.length > 0,
    level3: (await ask(LEVEL3)).map(known),
    sizes: await ask(sizes(now)),
    badBackups: (await ask(BAD_BACKUPS)).map(known),
    brokenDatabases: await ask(BROKEN_DATABASES),
    brokenDestinations: await ask(BROKEN_DESTINATIONS),
    keys: await ask(keys(now)),
    undelivered: await ask(undelivered(now)),
  };
}

type Nullable<Row> = { readonly [Field in keyof Row]: undefined extends Row[Field] ? Row[Field] | null : Row[Field] };

function known<Row extends object>(row: Nullable<Row>): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value ?? undefined])) as Row;
}

type Rows<Key extends keyof TenantFacts> = TenantFacts[Key] extends readonly (infer Row)[] ? Row : never;

const SCHEDULE = sql`s.id as "scheduleId", s.name as "scheduleName", d.id as "databaseId", d.name as "databaseName"`;
const DATABASE_OF_SCHEDULE = sql`join databases d on d.tenant_id = s.tenant_id and d.id = s.database_id`;
const ago = (now: Date, ms: number) => new Date(now.getTime() - ms);

const lateSlots = (now: Date) => sql<Nullable<Rows<'lateSlots'>>>`
  select ${SCHEDULE}, s.next_slot as slot, s.next_due as due from schedules s ${DATABASE_OF_SCHEDULE}
  where s.enabled and (s.next_due is null or s.next_due < ${ago(now, NO_RUN_MS)}) order by s.id`;

const LAST_TOLD = sql`coalesce((select max(a.opened_at) from alarms a
  where a.event = 'run.missed' and a.subject = 'schedule ' || r.schedule_id), '-infinity')`;
const RAN = sql`('succeeded', 'partly')`;
const MONTH_MS = 30 * 86_400_000;

/** As long as no good run has followed; and if one has before anybody was told, until somebody is. */
const missedSlots = (now: Date) => sql<Nullable<Rows<'missedSlots'>>>`
  select ${SCHEDULE}, m.newest, m.slots, m.code, exists (select from runs q where q.tenant_id = s.tenant_id
      and q.schedule_id = s.id and q.slot > m.newest and q.state in ('queued', 'running', 'succeeded', 'partly')) as "caughtUp"
  from (select r.schedule_id, max(r.slot) as newest, count(*)::int as slots, (array_agg(r.code order by r.slot desc))[1] as code
    from runs r where r.state = 'missed' and r.schedule_id is not null and (
      r.slot > coalesce((select max(g.slot) from runs g where g.tenant_id = r.tenant_id and g.schedule_id = r.schedule_id and g.state in ${RAN}), '-infinity')
      or (r.queued_at > ${ago(now, MONTH_MS)} and r.queued_at > ${LAST_TOLD}))
    group by r.schedule_id) m
  join schedules s on s.id = m.schedule_id ${DATABASE_OF_SCHEDULE} where s.enabled order by s.id`;

const LATE = sql`interval '5 minutes' + make_interval(mins => coalesce((s.settings ->> 'jitterMinutes')::int, 0))`;
const DAY_MS = 86_400_000;

const lateRuns = (now: Date) => sql<Rows<'lateRuns'>>`
  select distinct on (s.id) ${SCHEDULE}, r.slot from runs r
  join schedules s on s.tenant_id = r.tenant_id and s.id = r.schedule_id ${DATABASE_OF_SCHEDULE}
  where r.trigger = 'schedule' and r.slot is not null and r.state <> 'missed' and r.queued_at > ${ago(now, DAY_MS)}
    and r.queued_at - r.slot > ${LATE} and s.enabled
    and (r.state in ('queued', 'running') or r.queued_at > ${LAST_TOLD})
  order by s.id, r.slot desc`;

const QUARTER_MS = 15 * 60_000;

const waitingRuns = (now: Date) => sql<Rows<'waitingRuns'>>`
  select distinct on (s.id) ${SCHEDULE}, r.slot, r.queued_at as "queuedAt" from runs r
  join schedules s on s.tenant_id = r.tenant_id and s.id = r.schedule_id ${DATABASE_OF_SCHEDULE}
  where r.state = 'queued' and r.attempt = 0 and r.slot is not null and r.queued_at < ${ago(now, QUARTER_MS)}
  order by s.id, r.queued_at`;

const LEVEL3 = sql<Nullable<Rows<'level3'>>>`
  select d.id as "databaseId", d.name as "databaseName", s.days as "everyDays", b.first as "firstAt", b.last as "lastAt"
  from databases d
  join lateral (select min(coalesce((settings ->> 'level3EveryDays')::int, 7)) as days from schedules
    where tenant_id = d.tenant_id and database_id = d.id and enabled) s on s.days is not null
  join lateral (select min(created_at) as first, max(level3_at) as last from backups
    where tenant_id = d.tenant_id and database_id = d.id and state <> 'deleted') b on b.first is not null
  where d.removed_at is null order by d.id`;

const sizes = (now: Date) => sql<Rows<'sizes'>>`
  select * from (select distinct on (d.id, b.identity) d.id as "databaseId", d.name as "databaseName", b.id as "backupId",
      b.plain_bytes::float8 as bytes, p.plain_bytes::float8 as "bytesBefore"
    from backups b join databases d on d.tenant_id = b.tenant_id and d.id = b.database_id
    join lateral (select plain_bytes from backups where tenant_id = b.tenant_id and database_id = b.database_id
      and identity = b.identity and destination_id = b.destination_id and state = 'good' and snapshot_at < b.snapshot_at
      and facts ->> 'type' = b.facts ->> 'type' order by snapshot_at desc limit 1) p on true
    where b.created_at > ${ago(now, 2 * DAY_MS)} and b.state in ('sealed', 'stored', 'good') and d.removed_at is null
    order by d.id, b.identity, b.snapshot_at desc, b.id) newest where bytes * 2 < "bytesBefore"`;

/** The newest first; how many there are stands in each. */
const BAD_BACKUPS = sql<Nullable<Rows<'badBackups'>>>`
  select b.database_id as "databaseId", coalesce(d.name, b.facts ->> 'databaseName', 'an unknown database') as "databaseName",
    b.state, b.id as "backupId", (count(*) over (partition by b.database_id, b.state))::int as backups
  from backups b left join databases d on d.tenant_id = b.tenant_id and d.id = b.database_id
  where b.state in ('suspect', 'lost', 'archived') order by b.snapshot_at desc, b.id limit 5000`;

/** Of what nobody uses nobody needs to hear, unless they were told already. */
const BROKEN_DATABASES = sql<Rows<'brokenDatabases'>>`
  select d.id as "databaseId", d.name as "databaseName", coalesce(d.error, 'It could not be verified.') as cause
  from databases d where d.state = 'error' and d.removed_at is null
    and (exists (select from schedules s where s.tenant_id = d.tenant_id and s.database_id = d.id and s.enabled)
      or exists (select from alarms a where a.event = 'database.broken' and a.subject = 'database ' || d.id and a.closed_at is null))
  order by d.id`;

const BROKEN_DESTINATIONS = sql<Rows<'brokenDestinations'>>`
  select d.id as "destinationId", d.name as "destinationName", coalesce(d.error, 'It could not be verified.') as cause
  from destinations d where d.state = 'error' and d.removed_at is null
    and (exists (select from schedules s where s.tenant_id = d.tenant_id and d.id = any(s.destination_ids) and s.enabled)
      or exists (select from alarms a where a.event = 'destination.broken' and a.subject = 'destination ' || d.id and a.closed_at is null))
  order by d.id`;

const keys = (now: Date) => sql<Rows<'keys'>>`
  select id as "apiKeyId", name as "keyName", prefix, expires_at as "expiresAt" from api_keys
  where expires_at > ${now} and expires_at <= ${new Date(now.getTime() + KEY_NOTICE_MS)} order by id`;

/** Given up since the channel last took one. */
const undelivered = (now: Date) => sql<Rows<'undelivered'>>`
  select c.id as "channelId", c.name as "channelName", count(*)::int as undelivered,
    coalesce((array_agg(o.last_error order by o.created_at desc))[1], 'none') as "lastError"
  from channels c join outbox o on o.tenant_id = c.tenant_id and o.channel_id = c.id
  where c.enabled and o.state = 'failed' and o.created_at > ${ago(now, 7 * DAY_MS)}
    and o.created_at > coalesce((select max(g.delivered_at) from outbox g where g.tenant_id = c.tenant_id
      and g.channel_id = c.id and g.state = 'delivered'), '-infinity')
  group by c.id, c.name order by c.id`;
