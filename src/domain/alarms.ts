import type { EventData, EventName } from './notice/events.ts';

/** Conditions that last: each is told once when it begins and once when it is over. All of it is judged here, of facts alone. */
export interface Alarm<Event extends EventName = EventName> {
  readonly event: Event;
  /** `schedule <id>`: with the event, what makes it this condition and no other. See `subjectOf`. */
  readonly subject: string;
  readonly data: EventData<Event>;
}

/** What lasts until it is put right. */
type Lasting =
  | 'run.missed'
  | 'verification.failed'
  | 'level3.overdue'
  | 'size.dropped'
  | 'destination.broken'
  | 'database.broken'
  | 'key.expiring'
  | 'notice.undelivered';

const SUBJECTS: { readonly [Event in Lasting]: (data: EventData<Event>) => string } = {
  'run.missed': ({ scheduleId }) => `schedule ${scheduleId}`,
  'verification.failed': ({ databaseId, databaseName, state, backupId }) =>
    `backups of ${databaseId ?? databaseName}, ${state}: ${backupId}`,
  'level3.overdue': ({ databaseId }) => `database ${databaseId}`,
  'size.dropped': ({ databaseId }) => `database ${databaseId}`,
  'destination.broken': ({ destinationId }) => `destination ${destinationId}`,
  'database.broken': ({ databaseId }) => `database ${databaseId}`,
  'key.expiring': ({ apiKeyId }) => `key ${apiKeyId}`,
  'notice.undelivered': ({ channelId }) => `channel ${channelId}`,
};

/**
 * Conditions that have one cause more often than not: the backups of one database that are lost at once. The first of a family
 * is told for all that follow within the hour, and so is its end.
 */
export function familyOf(subject: string): string {
  // The last colon is ours; a name may have some of its own.
  return subject.replace(/: [^:]*$/, '');
}

const SUBJECT_OF: { readonly [Event in EventName]?: (data: EventData<Event>) => string } = SUBJECTS;

/** What a lasting condition is about; undefined for what happens and is over: a run, a restore, a digest. */
export function subjectOf<Event extends EventName>(event: Event, data: EventData<Event>): string | undefined {
  return SUBJECT_OF[event]?.(data);
}

interface OfDatabase {
  readonly databaseId: string;
  readonly databaseName: string;
}

interface OfSchedule extends OfDatabase {
  readonly scheduleId: string;
  readonly scheduleName: string;
}

/** A schedule's slot that is due and has no run; `slot` undefined: it is on and has no next slot at all. */
export interface LateSlot extends OfSchedule {
  readonly slot: Date | undefined;
  readonly due: Date | undefined;
}

/** Slots of one schedule that were recorded as missed, and not made up for by a good run since, or not told of yet. */
export interface MissedSlots extends OfSchedule {
  readonly newest: Date;
  readonly slots: number;
  readonly code: string | undefined;
  readonly caughtUp: boolean;
}

/** A scheduled run that was queued long after its slot, and not told of yet or not over. */
export interface LateRun extends OfSchedule {
  readonly slot: Date;
}

/** A scheduled run that waits to begin. */
export interface WaitingRun extends OfSchedule {
  readonly slot: Date;
  readonly queuedAt: Date;
}

export interface Level3 extends OfDatabase {
  readonly everyDays: number;
  /** Of the first backup there is. */
  readonly firstAt: Date;
  readonly lastAt: Date | undefined;
}

/** The newest backup beside the good one before it, of the same kind and place. */
export interface Sizes extends OfDatabase {
  readonly backupId: string;
  readonly bytes: number;
  readonly bytesBefore: number;
}

export interface BadBackup {
  readonly databaseId: string | undefined;
  readonly databaseName: string;
  readonly state: 'suspect' | 'lost' | 'archived';
  readonly backupId: string;
  /** Of the database that are in that state. */
  readonly backups: number;
}

export interface TenantFacts {
  readonly lateSlots: readonly LateSlot[];
  readonly missedSlots: readonly MissedSlots[];
  readonly lateRuns: readonly LateRun[];
  readonly waitingRuns: readonly WaitingRun[];
  /** Whether any run of the tenant is at work. */
  readonly moving: boolean;
  readonly level3: readonly Level3[];
  readonly sizes: readonly Sizes[];
  readonly badBackups: readonly BadBackup[];
  readonly brokenDatabases: readonly (OfDatabase & { readonly cause: string })[];
  readonly brokenDestinations: readonly {
    readonly destinationId: string;
    readonly destinationName: string;
    readonly cause: string;
  }[];
  readonly keys: readonly {
    readonly apiKeyId: string;
    readonly keyName: string;
    readonly prefix: string;
    readonly expiresAt: Date;
  }[];
  readonly undelivered: readonly {
    readonly channelId: string;
    readonly channelName: string;
    readonly undelivered: number;
    readonly lastError: string;
  }[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A slot that is due has a run within seconds; after this long nobody is at it (T8). */
export const NO_RUN_MS = 90_000;
/** A run begins as soon as there is room; where nothing else is at work, there is. */
const NOT_STARTED_MS = 15 * MINUTE_MS;
/** However long the queue: this long after its slot a run has not run. */
const QUEUE_MS = 4 * HOUR_MS;
/** A key is named so long before it ends. */
export const KEY_NOTICE_MS = 7 * DAY_MS;
/** A restore test that is a little late is no alarm. */
const LEVEL3_GRACE_MS = DAY_MS;

/** Every condition that holds at `now`; at most one for each event and subject, the first. */
export function judgeAlarms(facts: TenantFacts, now: Date): Alarm[] {
  const alarms: Alarm[] = [
    ...missed(facts, now),
    ...overdue(facts, now),
    ...facts.sizes.filter(dropped).map((data) => of('size.dropped', data)),
    ...facts.badBackups.map(bad),
    ...facts.brokenDatabases.map((data) => of('database.broken', data)),
    ...facts.brokenDestinations.map((data) => of('destination.broken', data)),
    ...facts.keys
      .filter(({ expiresAt }) => expiresAt > now && expiresAt.getTime() - now.getTime() <= KEY_NOTICE_MS)
      .map((key) => of('key.expiring', { ...key, expiresAt: key.expiresAt.toISOString() })),
    ...facts.undelivered.map((data) => of('notice.undelivered', data)),
  ];
  return [...new Map(alarms.reverse().map((alarm) => [nameOf(alarm), alarm])).values()].reverse();
}

function of<Event extends Lasting>(event: Event, data: EventData<Event>): Alarm {
  return { event, subject: SUBJECTS[event](data), data } as Alarm;
}

/** More than half of it gone. */
function dropped({ bytes, bytesBefore }: Sizes): boolean {
  return bytes * 2 < bytesBefore;
}

function bad({ databaseId, ...rest }: BadBackup): Alarm {
  return of('verification.failed', { ...rest, ...(databaseId === undefined ? {} : { databaseId }) });
}

type Missed = EventData<'run.missed'>;

/** The first that holds of a schedule is told: what nobody does now before what was not done then. */
function missed(facts: TenantFacts, now: Date): Alarm[] {
  const { moving } = facts;
  const told = [
    ...facts.lateSlots.filter((one) => isLate(one, now)).map((one) => missedOf(one, lateData(one, now))),
    ...facts.missedSlots.map((one) =>
      missedOf(one, { slot: one.newest, slots: one.slots, reason: reasonOf(one.code), caughtUp: one.caughtUp }),
    ),
    ...facts.lateRuns.map((one) => missedOf(one, { slot: one.slot, slots: 1, reason: 'outage', caughtUp: true })),
    ...facts.waitingRuns
      .filter(({ queuedAt }) => now.getTime() - queuedAt.getTime() > (moving ? QUEUE_MS : NOT_STARTED_MS))
      .map((one) => missedOf(one, { slot: one.slot, slots: 1, reason: 'not-started', caughtUp: false })),
  ];
  return told;
}

function isLate({ due }: LateSlot, now: Date): boolean {
  return due === undefined || now.getTime() - due.getTime() > NO_RUN_MS;
}

function lateData({ slot }: LateSlot, now: Date): MissedFacts {
  const reason = slot === undefined ? 'no-slot' : 'outage';
  return { slot: slot ?? now, slots: 1, reason, caughtUp: false };
}

type MissedFacts = Omit<Missed, keyof OfSchedule | 'slot'> & { readonly slot: Date };

function missedOf(schedule: OfSchedule, { slot, ...rest }: MissedFacts): Alarm {
  const { scheduleId, scheduleName, databaseId, databaseName } = schedule;
  const data = { scheduleId, scheduleName, databaseId, databaseName, slot: slot.toISOString(), ...rest };
  return of('run.missed', data);
}

function reasonOf(code: string | undefined): Missed['reason'] {
  if (code === 'limit_reached') return 'limit';
  return code === 'already_running' ? 'not-started' : 'outage';
}

/** The first backup within a day, and then one in so many days (T21). */
function overdue({ level3 }: TenantFacts, now: Date): Alarm[] {
  return level3
    .filter(({ everyDays, firstAt, lastAt }) => {
      const until = lastAt === undefined ? firstAt.getTime() : lastAt.getTime() + everyDays * DAY_MS;
      return now.getTime() > until + LEVEL3_GRACE_MS;
    })
    .map(({ databaseId, databaseName, everyDays, lastAt }) =>
      of('level3.overdue', {
        databaseId,
        databaseName,
        everyDays,
        ...(lastAt === undefined ? {} : { lastAt: lastAt.toISOString() }),
      }),
    );
}

export interface OpenAlarm {
  readonly id: string;
  readonly event: string;
  readonly subject: string;
}

function nameOf({ event, subject }: Pick<OpenAlarm, 'event' | 'subject'>): string {
  return `${event} ${subject}`;
}

/** What begins and what is over, when these hold and those were open. */
export function changesOf<Open extends OpenAlarm>(
  open: readonly Open[],
  holding: readonly Alarm[],
): { readonly begin: readonly Alarm[]; readonly end: readonly Open[] } {
  const before = new Set(open.map(nameOf));
  const now = new Set(holding.map(nameOf));
  return {
    begin: holding.filter((alarm) => !before.has(nameOf(alarm))),
    end: open.filter((alarm) => !now.has(nameOf(alarm))),
  };
}

/** Passing things that are over without anything having been put right: nobody is told. */
const ENDS_SILENTLY: readonly string[] = ['size.dropped', 'key.expiring'] satisfies EventName[];

export function endsSilently(event: string): boolean {
  return ENDS_SILENTLY.includes(event);
}

/** Digests go out at this hour, UTC; weekly ones on Mondays. */
const DIGEST_HOUR = 7;
const MONDAY = 1;

/** The moment of the newest digest that is due at `now`; before a channel was there it is owed none. */
export function digestMoment(period: 'daily' | 'weekly', now: Date): Date {
  const moment = new Date(now);
  moment.setUTCHours(DIGEST_HOUR, 0, 0, 0);
  if (moment > now) moment.setUTCDate(moment.getUTCDate() - 1);
  if (period === 'weekly') moment.setUTCDate(moment.getUTCDate() - ((moment.getUTCDay() + 7 - MONDAY) % 7));
  return moment;
}
