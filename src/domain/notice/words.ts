import { counted, formatBytes, formatSeconds, formatShare } from '../figures.ts';
import type { EventData, EventName, Severity } from './events.ts';

interface Words {
  readonly title: string;
  readonly text: string;
}

type Speakers = { readonly [Event in EventName]: (data: EventData<Event>) => Words };

const REASONS: Readonly<Record<EventData<'run.missed'>['reason'], string>> = {
  outage: 'The service was not running, or did not come to it.',
  'not-started': 'The run waits and has not begun.',
  'no-slot': 'The schedule had no next time.',
  limit: "The tenant's limit of runs is reached.",
  refused: 'The schedule could not be run.',
};

const WORDS: Speakers = {
  'run.failed': (data) => ({
    title: `${nounOf(data.kind)} ${data.state === 'partly' ? 'partly failed' : verbOf(data.state)}: ${subjectOf(data)}`,
    text: lines(
      data.cause,
      data.remedy,
      ...data.failing.map(({ name, detail }) => `Destination ${name}: ${detail ?? 'no copy of this backup.'}`),
      data.inARow > 1 ? `It is the ${ordinal(data.inARow)} failure in a row.` : undefined,
      `Run ${data.runId}.`,
    ),
  }),
  'run.recovered': (data) => ({
    title: `Backups of ${data.databaseName} work again`,
    text: lines(
      `The backup succeeded after ${counted(data.failedRuns, 'failed run')}, the first at ${data.since}.`,
      `Run ${data.runId}.`,
    ),
  }),
  'run.missed': (data) => ({
    title: `Backup did not run: ${data.databaseName} (${data.scheduleName})`,
    text: lines(
      `${data.slots === 1 ? 'The run' : `${counted(data.slots, 'run')} up to the one`} of ${data.slot} did not take place in time.`,
      REASONS[data.reason],
      data.detail,
      data.caughtUp
        ? 'One run makes up for it now.'
        : 'Nothing makes up for it: start a backup by hand if you need one.',
    ),
  }),
  'verification.failed': (data) => ({
    title:
      data.backups === 1
        ? `A backup of ${data.databaseName} is ${data.state}`
        : `${counted(data.backups, 'backup')} of ${data.databaseName} are ${data.state}`,
    text: lines(
      data.state === 'archived'
        ? 'Its objects were moved to an archive class: it cannot be restored until they are fetched from there.'
        : data.state === 'lost'
          ? 'Its objects are not in the store any more.'
          : 'What is stored is not what was written: do not count on it.',
      `Backup ${data.backupId}. Make another backup now, and look at who may write to the destination.`,
    ),
  }),
  'level3.overdue': (data) => ({
    title: `No restore test of ${data.databaseName} for too long`,
    text: lines(
      data.lastAt === undefined
        ? 'No backup of it was ever restored and compared.'
        : `The last one that was restored and compared was of ${data.lastAt}.`,
      `It should be once in ${counted(data.everyDays, 'day')}: verify a backup to level 3, and see why the schedule does not.`,
    ),
  }),
  'size.dropped': (data) => ({
    title: `The backup of ${data.databaseName} is ${formatShare(data.bytesBefore - data.bytes, data.bytesBefore)} smaller than before`,
    text: lines(
      `${formatBytes(data.bytes)} after ${formatBytes(data.bytesBefore)}.`,
      `If nobody deleted that much, look at what the backup user may read. Backup ${data.backupId}.`,
    ),
  }),
  'retention.blocked': (data) => ({
    title: `Retention is blocked${data.databaseName === undefined ? '' : `: ${data.databaseName}`}`,
    text: lines(data.cause, data.remedy, 'Nothing was half done; it is tried again.', `Run ${data.runId}.`),
  }),
  'destination.broken': (data) => ({
    title: `The destination ${data.destinationName} does not work`,
    text: lines(data.cause, 'Backups to it fail until this is put right; verify it again afterwards.'),
  }),
  'database.broken': (data) => ({
    title: `The database ${data.databaseName} cannot be backed up`,
    text: lines(data.cause, 'Put this right and verify it again.'),
  }),
  'restore.finished': (data) => ({
    title: `Restore ${data.state}: ${data.databaseName}`,
    text: lines(
      data.seconds === undefined ? undefined : `It took ${formatSeconds(data.seconds)}.`,
      data.cause,
      data.remedy,
      `Run ${data.runId}.`,
    ),
  }),
  'key.expiring': (data) => ({
    title: `The API key ${data.keyName} ends soon`,
    text: lines(
      `${data.prefix}… ends at ${data.expiresAt}. Make another before then, and put it where this one is used.`,
    ),
  }),
  'notice.undelivered': (data) => ({
    title: `Notices do not get through the channel ${data.channelName}`,
    text: lines(
      `${counted(data.undelivered, 'notice')} of the last 7 days ${data.undelivered === 1 ? 'was' : 'were'} given up.`,
      `The last answer: ${data.lastError}`,
      'Put the channel right and send a test through it.',
    ),
  }),
  'alarm.ended': (data) => ({
    title: `Over: ${data.about}`,
    text: `The alarm ${data.alarm} of ${data.since} is over.`,
  }),
  digest: (data) => ({
    title: `${data.restorable} of ${counted(data.databases, 'database')} restorable`,
    text: lines(
      `${data.period === 'daily' ? 'Day' : 'Week'} up to ${data.to}: ${data.runs.succeeded} good, ${data.runs.failed} failed, ${data.runs.missed} missed; ${formatBytes(data.storedBytes)} stored.`,
      ...(data.open.length === 0
        ? ['No alarm is open.']
        : data.open.map(({ about, since }) => `Open since ${since}: ${about}`)),
    ),
  }),
  test: (data) => ({
    title: `A test of the channel ${data.channelName}`,
    text: 'This is a test from Database Dump. Nothing has happened.',
  }),
};

export function wordsOf<Event extends EventName>(event: Event, data: EventData<Event>): Words {
  return WORDS[event](data);
}

const SEVERITY: Readonly<Record<EventName, Severity>> = {
  'run.failed': 'critical',
  'run.recovered': 'info',
  'run.missed': 'critical',
  'verification.failed': 'critical',
  'level3.overdue': 'warning',
  'size.dropped': 'warning',
  'retention.blocked': 'warning',
  'destination.broken': 'critical',
  'database.broken': 'critical',
  'restore.finished': 'info',
  'key.expiring': 'warning',
  'notice.undelivered': 'critical',
  'alarm.ended': 'info',
  digest: 'info',
  test: 'info',
};

/** A run that somebody cancelled is news, no alarm; a restore that failed is one. */
export function severityOf<Event extends EventName>(event: Event, data: EventData<Event>): Severity {
  const state = 'state' in data ? data.state : undefined;
  if (event === 'run.failed' && state === 'cancelled') return 'info';
  if (event === 'verification.failed' && state === 'archived') return 'warning';
  if (event === 'restore.finished' && state !== 'succeeded') return state === 'cancelled' ? 'info' : 'critical';
  return SEVERITY[event];
}

function lines(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join('\n');
}

function nounOf(kind: string): string {
  return `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`;
}

function verbOf(state: string): string {
  return state === 'failed' ? 'failed' : `was ${state}`;
}

/** In a title. */
const MOST_NAMES = 3;

function subjectOf({ databaseName, failing }: EventData<'run.failed'>): string {
  const some = failing.slice(0, MOST_NAMES).map(({ name }) => name);
  const more = failing.length - some.length;
  const names = [...some, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return [databaseName ?? 'no database', names === '' ? undefined : `not in ${names}`].filter(Boolean).join(', ');
}

function ordinal(n: number): string {
  const last = n % 10;
  const teen = Math.floor(n / 10) % 10 === 1;
  if (teen || last === 0 || last > 3) return `${n}th`;
  return `${n}${['st', 'nd', 'rd'][last - 1]}`;
}
