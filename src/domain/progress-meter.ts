import { formatBytes, formatSeconds } from './figures.ts';

/** One event of a long operation; the pipeline's progress events are such. */
export interface ProgressEvent {
  readonly phase: string;
  readonly storedBytes?: number;
  readonly plainBytes?: number;
  /** Expected end of the leading count, where known. */
  readonly totalBytes?: number;
  readonly note?: string;
}

const PHASES: Readonly<Record<string, string>> = {
  probe: 'looking',
  dump: 'dumping',
  seal: 'sealing',
  fetch: 'reading',
  decode: 'decoding',
  restore: 'restoring',
  compare: 'comparing',
  upload: 'storing',
};
const LABEL_WIDTH = 10;
const BAR_WIDTH = 24;
const SMOOTHING_SECONDS = 5;

/** What a person should see of a phase that runs. */
export interface ProgressMeter {
  /** `seconds` is a clock that only goes forward. */
  add(event: ProgressEvent, seconds: number): void;
  /** One line of at most `width` characters. */
  line(width: number): string;
}

interface Sample {
  readonly phase: string;
  readonly event: ProgressEvent;
  readonly bytes: number;
  readonly seconds: number;
  /** Bytes per second, smoothed over the last seconds; undefined until two samples are there. */
  readonly rate: number | undefined;
}

/** Turns progress events into rate, share and time left. A count that passes its expected end loses its share, not its line. */
export function progressMeter(): ProgressMeter {
  let last: Sample | undefined;
  return {
    add: (event, seconds) => {
      last = next(last, event, seconds);
    },
    line: (width) => (last === undefined ? '' : draw(last).slice(0, Math.max(0, width))),
  };
}

function next(last: Sample | undefined, event: ProgressEvent, seconds: number): Sample {
  const bytes = event.plainBytes ?? event.storedBytes ?? 0;
  if (last === undefined || last.phase !== event.phase || bytes < last.bytes) {
    return { phase: event.phase, event, bytes, seconds, rate: undefined };
  }
  const merged = { ...last.event, ...event };
  const passed = seconds - last.seconds;
  if (passed <= 0) return { ...last, event: merged, bytes };
  const now = (bytes - last.bytes) / passed;
  const weight = last.rate === undefined ? 1 : 1 - Math.exp(-passed / SMOOTHING_SECONDS);
  const rate = weight * now + (1 - weight) * (last.rate ?? 0);
  return { phase: event.phase, event: merged, bytes, seconds, rate };
}

function draw({ phase, event, bytes, rate }: Sample): string {
  const label = (PHASES[phase] ?? phase).padEnd(LABEL_WIDTH);
  const total = event.totalBytes;
  const speed = rate === undefined || rate < 1 ? '' : ` · ${formatBytes(rate)}/s`;
  if (total !== undefined && total > 0 && bytes === 0) return `${label} ${formatBytes(total)}`;
  if (total === undefined || total <= 0 || bytes > total) return `${label} ${amounts(event)}${speed}`.trimEnd();
  const left = rate === undefined || rate < 1 ? '' : ` · ${formatSeconds((total - bytes) / rate)} left`;
  // Of a dump only the size of its database is known beforehand.
  const about = phase === 'dump' ? 'about ' : '';
  const percent = `${Math.floor((100 * bytes) / total)} %`.padStart(5);
  return `${label} ${bar(bytes / total)} ${percent}  ${formatBytes(bytes)} of ${about}${formatBytes(total)}${speed}${left}`;
}

function amounts({ plainBytes = 0, storedBytes = 0 }: ProgressEvent): string {
  const parts = [plainBytes, storedBytes].filter((bytes) => bytes > 0);
  return parts.map((bytes) => formatBytes(bytes)).join(' → ');
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR_WIDTH);
  return '━'.repeat(full) + '─'.repeat(BAR_WIDTH - full);
}
