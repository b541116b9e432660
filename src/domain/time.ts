import { Cron } from 'croner';
import cronstrue from 'cronstrue';
import { Failure } from './failure.ts';

const LONGEST_PATTERN = 120;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Patterns may skip this many local times (all inside one gap) before the next instant is found. */
const SEARCH_LIMIT = 5_000;
const BATCH = 10;

/** A schedule's pattern was written by a person: 5 fields, or one of the presets. */
export interface CronRule {
  readonly pattern: string;
  /** IANA name. */
  readonly zone: string;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  try {
    const made = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, made);
    return made;
  } catch (cause) {
    throw new Failure('usage', `${zone.slice(0, 60)} is not an IANA time zone.`, {
      cause,
      remedy: 'Use a name such as Europe/Berlin or UTC.',
    });
  }
}

/** The wall clock of a zone at an instant, as if it were UTC: only differences and fields of it mean anything. */
export function wallClock(at: Date, zone: string): Date {
  const fields: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) fields[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

function offsetMs(at: number, zone: string): number {
  const whole = Math.floor(at / 1000) * 1000;
  return wallClock(new Date(whole), zone).getTime() - whole;
}

/**
 * The instant of a wall-clock time. A time that occurs twice is its first occurrence; a time that a clock change skips is
 * the first valid instant after the gap. So a daily slot happens exactly once on every local day (F66).
 */
export function instantOf(wall: Date, zone: string): Date {
  const local = wall.getTime();
  const before = offsetMs(local - DAY_MS, zone);
  const after = offsetMs(local + DAY_MS, zone);
  const valid = [local - before, local - after].filter((instant) => instant + offsetMs(instant, zone) === local);
  if (valid.length > 0) return new Date(Math.min(...valid));
  return new Date(
    firstChange(local - DAY_MS - Math.max(before, after), local + DAY_MS - Math.min(before, after), zone),
  );
}

/** The first second at which the zone's offset is no longer what it was at `from`. */
function firstChange(from: number, to: number, zone: string): number {
  const start = offsetMs(from, zone);
  let low = Math.floor(from / 1000);
  let high = Math.ceil(to / 1000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(middle * 1000, zone) === start) low = middle;
    else high = middle;
  }
  return high * 1000;
}

/** Checks a pattern and zone; a Failure `usage` names what is wrong. Linear in the pattern's length (F99). */
export function checkRule({ pattern, zone }: CronRule): void {
  formatOf(zone);
  parse(pattern);
}

function parse(pattern: string): Cron {
  const fields = pattern.trim().split(/\s+/);
  if (pattern.length > LONGEST_PATTERN || fields.length !== 5) {
    throw new Failure('usage', 'A schedule has five fields: minute, hour, day of month, month, day of week.', {
      remedy: 'For example 30 2 * * * for every night at half past two.',
    });
  }
  try {
    return new Cron(fields.join(' '), { timezone: 'UTC', mode: '5-part', paused: true });
  } catch (cause) {
    throw new Failure('usage', `The schedule ${pattern.trim()} cannot be read.`, {
      cause,
      remedy: 'For example 30 2 * * * for every night at half past two.',
    });
  }
}

/** The next instants after `after`, at most `count`; fewer when the pattern has no more (30 February has none). */
export function nextRuns({ pattern, zone }: CronRule, after: Date, count: number): Date[] {
  const cron = parse(pattern);
  const result: Date[] = [];
  let wall: Date | null = new Date(wallClock(after, zone).getTime() - leadMs(after, zone));
  for (let tries = 0; tries < SEARCH_LIMIT && result.length < count; tries += 1) {
    wall = cron.nextRun(wall);
    if (wall === null) break;
    const instant = instantOf(wall, zone);
    if (instant > after && instant.getTime() !== result.at(-1)?.getTime()) result.push(instant);
  }
  return result;
}

/** Around a change of clocks the search starts a day early: a local time that is skipped or repeated is not where it seems. */
function leadMs(after: Date, zone: string): number {
  const at = after.getTime();
  const offsets = new Set([at - DAY_MS, at, at + DAY_MS].map((instant) => offsetMs(instant, zone)));
  return offsets.size === 1 ? 1000 : DAY_MS;
}

/**
 * The newest instants after `after` and not after `until`, oldest first, at most `most`; found from the near end, so that a
 * long time without service costs no more than a short one (F68).
 */
export function latestRuns(
  { pattern, zone }: CronRule,
  { after, until, most }: { readonly after: Date; readonly until: Date; readonly most: number },
): Date[] {
  const cron = parse(pattern);
  const lead = leadMs(until, zone);
  const found = new Set<number>();
  let wall = new Date(wallClock(until, zone).getTime() + lead);
  // A few at a time: most of those who ask want no more.
  for (let tries = 0; tries < SEARCH_LIMIT && found.size < most; tries += BATCH) {
    const walls = cron.previousRuns(BATCH, wall);
    const instants = walls.map((local) => instantOf(local, zone).getTime()).filter((at) => at <= until.getTime());
    for (const at of instants) if (at > after.getTime()) found.add(at);
    const last = walls.at(-1);
    if (last === undefined || walls.length < BATCH || instants.some((at) => at <= after.getTime())) break;
    wall = last;
  }
  return [...found]
    .sort((one, two) => one - two)
    .slice(-most)
    .map((at) => new Date(at));
}

/** The pattern in words, as the console and the CLI show it; one that nobody has words for is shown as it is. */
export function inWords({ pattern, zone }: CronRule): string {
  checkRule({ pattern, zone });
  const plain = pattern.trim().replaceAll(/\s+/g, ' ');
  return `${wordsOf(plain) ?? plain} (${zone})`;
}

function wordsOf(pattern: string): string | undefined {
  try {
    return cronstrue.toString(pattern, { use24HourTimeFormat: true, verbose: true });
  } catch {
    // It reads fewer patterns than those that run.
    return undefined;
  }
}

export type Preset = 'hourly' | 'daily' | 'weekly' | 'monthly';

/** The pattern of a preset at a minute and hour of one's choice; weekly is Sunday, monthly the first. */
export function presetPattern(preset: Preset, at: { readonly hour: number; readonly minute: number }): string {
  const { hour, minute } = at;
  if (preset === 'hourly') return `${minute} * * * *`;
  if (preset === 'daily') return `${minute} ${hour} * * *`;
  return preset === 'weekly' ? `${minute} ${hour} * * 0` : `${minute} ${hour} 1 * *`;
}

/**
 * The same rule for EventBridge Scheduler, one expression or two: there a day of the month and a day of the week cannot be
 * given together, where cron fires on either. Days of the week are numbered from Sunday = 1 there.
 */
export function eventBridgeExpressions(rule: CronRule): string[] {
  checkRule(rule);
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = rule.pattern.trim().split(/\s+/);
  const expression = (dayField: string, weekdayField: string) =>
    `cron(${minute} ${hour} ${dayField} ${month} ${weekdayField} *)`;
  const anyDay = day === '*' || day === '?';
  const anyWeekday = weekday === '*' || weekday === '?';
  if (anyWeekday) return [expression(anyDay ? '*' : day, '?')];
  const named = eventBridgeWeekday(weekday);
  return anyDay ? [expression('?', named)] : [expression(day, '?'), expression('?', named)];
}

const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const;

/** Numbers become names, so that nobody has to know which day is 1; ranges and steps are written out. */
function eventBridgeWeekday(field: string): string {
  // The last Friday is `5#L` here and `6L` there.
  if (/[L#]/i.test(field))
    return field.replace(/#L/gi, 'L').replace(/\d(?=[L#])/gi, (day) => String((Number(day) % 7) + 1));
  const saturday = new Date(Date.UTC(2026, 0, 3, 12));
  const week = parse(`0 0 * * ${field}`).nextRuns(7, saturday);
  const days = new Set(week.map((day) => day.getUTCDay()));
  return WEEKDAYS.filter((_, day) => days.has(day)).join(',');
}

/** A schedule's delay of one slot within a window, in milliseconds: always the same for the two, spread over schedules (F55). */
export function jitterMs(scheduleId: string, slot: Date, windowMs: number): number {
  if (windowMs <= 0) return 0;
  let hash = 2166136261;
  for (const letter of `${scheduleId} ${slot.getTime()}`) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
  // Neighbouring texts have neighbouring sums: stirred once more, so that the low end of the window gets no more than its share.
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519) >>> 0;
  return ((hash ^ (hash >>> 13)) >>> 0) % windowMs;
}

export interface SlotRule extends CronRule {
  readonly scheduleId: string;
  readonly jitterMinutes: number;
}

/** When a slot is due: within the schedule's window, and always before the slot that follows it. */
export function dueAt(rule: SlotRule, slot: Date): Date {
  if (rule.jitterMinutes <= 0) return slot;
  const [following] = nextRuns(rule, slot, 1);
  const gap = following === undefined ? Number.POSITIVE_INFINITY : following.getTime() - slot.getTime();
  return new Date(slot.getTime() + jitterMs(rule.scheduleId, slot, Math.min(rule.jitterMinutes * MINUTE_MS, gap)));
}
