/** Offsets of time zones as the runtime's own data says them, found without any code of ours. */

export interface Transition {
  readonly zone: string;
  /** First instant with the new offset. */
  readonly at: number;
  /** Minutes east of Greenwich, before and after. */
  readonly before: number;
  readonly after: number;
}

const MINUTE = 60_000;

function offsets(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'longOffset' });
  return (at) => {
    const text = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const match = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(text);
    if (match === null) throw new Error(`${zone}: ${text} is no offset`);
    const [, sign, hours = '0', minutes = '0'] = match;
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
}

/** Every change of a zone's offset between two instants, that holds for longer than `stepMs`. */
export function transitionsOf(
  zone: string,
  { from, to, stepMs }: { from: number; to: number; stepMs: number },
): Transition[] {
  const offsetAt = offsets(zone);
  const found: Transition[] = [];
  let before = offsetAt(from);
  for (let at = from; at < to; at += stepMs) {
    const after = offsetAt(at + stepMs);
    if (after === before) continue;
    let [low, high] = [at / MINUTE, (at + stepMs) / MINUTE];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle * MINUTE) === before) low = middle;
      else high = middle;
    }
    found.push({ zone, at: high * MINUTE, before, after });
    before = after;
  }
  return found;
}

/** A pattern of five fields as sets of numbers, by the plainest reading of crontab(5). */
export interface PlainPattern {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  matchesDay(date: Date): boolean;
}

export function plainPattern(pattern: string): PlainPattern {
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = pattern.split(' ');
  const [days, months] = [setOf(day, 1, 31), setOf(month, 1, 12)];
  const weekdays = new Set([...setOf(weekday, 0, 7)].map((n) => n % 7));
  return {
    minutes: setOf(minute, 0, 59),
    hours: setOf(hour, 0, 23),
    matchesDay: (date) => {
      if (!months.has(date.getUTCMonth() + 1)) return false;
      const [byDay, byWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
      // Both given: either is enough.
      return day !== '*' && weekday !== '*' ? byDay || byWeekday : byDay && byWeekday;
    },
  };
}

function setOf(field: string, least: number, most: number): Set<number> {
  const numbers = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '*', step = '1'] = part.split('/');
    const [first = least, last = range.includes('-') || range === '*' ? most : Number(range)] =
      range === '*' ? [least, most] : range.split('-').map(Number);
    for (let n = first; n <= last; n += Number(step)) numbers.add(n);
  }
  return numbers;
}

/**
 * Minute by minute over one change of clocks: a local minute that matches fires at its first occurrence; those that the change
 * skips fire together at the first instant after it.
 */
export function expectedRuns(
  { minutes, hours, matchesDay }: PlainPattern,
  { at, before, after }: Transition,
  window: { readonly from: number; readonly to: number },
): number[] {
  const days = new Map<number, boolean>();
  const matches = (local: number): boolean => {
    const minuteOfDay = local - Math.floor(local / 1440) * 1440;
    if (!minutes.has(minuteOfDay % 60) || !hours.has(Math.floor(minuteOfDay / 60))) return false;
    const day = Math.floor(local / 1440);
    const known = days.get(day);
    if (known !== undefined) return known;
    const verdict = matchesDay(new Date(day * 86_400_000));
    days.set(day, verdict);
    return verdict;
  };
  const fired: number[] = [];
  // The newest local minute there has been.
  let newest = window.from / MINUTE + (window.from < at ? before : after) - 1;
  // A window that begins in the repeated time begins with what was there before it.
  if (window.from >= at && after < before) newest = Math.max(newest, at / MINUTE + before - 1);
  for (let utc = window.from; utc < window.to; utc += MINUTE) {
    const local = utc / MINUTE + (utc < at ? before : after);
    let fires = false;
    for (let one = newest + 1; one <= local; one += 1) fires ||= matches(one);
    newest = Math.max(newest, local);
    if (fires) fired.push(utc);
  }
  return fired;
}
