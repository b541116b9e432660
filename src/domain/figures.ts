/** Figures as people read and write them: bytes in powers of ten, times in words. Pure text, English digits. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0 B`, `999 B`, `34.1 MB`, `412 GB`: three significant digits at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `52,310`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 table`, `14 tables`, `0 differences`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A span of time: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return joined(whole, { unit: MINUTE, name: 'min', rest: 1, restName: 's' });
  if (whole < 2 * DAY) return joined(whole, { unit: HOUR, name: 'h', rest: MINUTE, restName: 'min' });
  return `${Math.floor(whole / DAY)} d`;
}

function joined(seconds: number, words: { unit: number; name: string; rest: number; restName: string }): string {
  const first = Math.floor(seconds / words.unit);
  const second = Math.floor((seconds % words.unit) / words.rest);
  return second === 0 ? `${first} ${words.name}` : `${first} ${words.name} ${second} ${words.restName}`;
}

/** How long ago something was, in one unit: `just now`, `9 h ago`, `3 d ago`; a moment ahead of us is `in the future`. */
export function formatAge(then: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - then.getTime()) / 1000);
  if (seconds < -MINUTE) return 'in the future';
  if (seconds < MINUTE) return 'just now';
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  return `${Math.floor(seconds / DAY)} d ago`;
}

/** `12 %`, `0.4 %`; nothing to compare with is `0 %`. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0) return '0 %';
  const percent = (100 * part) / whole;
  return percent > 0 && percent < 1 ? `${percent.toFixed(1)} %` : `${Math.round(percent)} %`;
}

/** Each is a thousand of the one before it; with an `i`, 1024. */
const MULTIPLES: readonly string[] = ['', 'k', 'm', 'g', 't'];

/** `500000`, `20MB`, `1.5GiB`, `20MB/s` as bytes; undefined where it is none, or not above zero. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*(?:([kmgt])(i?)b?|b)?(?:\/s)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, number = '', unit = '', binary = ''] = match;
  const power = MULTIPLES.indexOf(unit.toLowerCase());
  const bytes = Math.round(Number(number) * (binary === '' ? 1000 : 1024) ** power);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

const SPANS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['', 1e3],
  ['s', 1e3],
  ['m', 6e4],
  ['min', 6e4],
  ['h', 3.6e6],
]);

/** `500ms`, `90s`, `5m`, `2h` as milliseconds; a bare number is seconds; undefined where it is none. */
export function parseSpan(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)$/.exec(text.trim()) ?? [];
  const factor = SPANS.get(unit);
  return number === undefined || factor === undefined ? undefined : Math.round(Number(number) * factor);
}
