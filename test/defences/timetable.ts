import type { Defence } from './defence.ts';

const DISPATCH = 'test/operations/background/dispatch.test.ts';
const WATCH = 'test/operations/background/watch.test.ts';
const OUTBOX = 'test/operations/background/outbox.test.ts';

/** Schedules, clocks, notices and the watch over what did not happen. */
export const timetableDefences: readonly Defence[] = [
  {
    fault: 'F46',
    what: 'a slot of a schedule has one row',
    file: 'src/catalog/migrations/tables-work.ts',
    remove: '  UNIQUE (tenant_id, schedule_id, slot),\n',
    put: '',
    test: DISPATCH,
  },
  {
    fault: 'F47',
    what: 'a slot that is due and has no run is an alarm',
    file: 'src/domain/alarms.ts',
    remove: 'now.getTime() - due.getTime() > NO_RUN_MS',
    put: 'now.getTime() - due.getTime() > 1e9 * NO_RUN_MS',
    test: WATCH,
  },
  {
    fault: 'F50',
    what: 'a run that waits while nothing else is at work is an alarm',
    file: 'src/domain/alarms.ts',
    remove: '(moving ? QUEUE_MS : NOT_STARTED_MS)',
    put: '1e9 * NOT_STARTED_MS * (moving ? QUEUE_MS : 1)',
    test: WATCH,
  },
  {
    fault: 'F55',
    what: 'a slot waits for its delay',
    file: 'src/domain/time.ts',
    remove: 'if (rule.jitterMinutes <= 0) return slot;',
    put: 'if (rule.jitterMinutes >= 0) return slot;',
    test: DISPATCH,
  },
  {
    fault: 'F66',
    what: 'a time that a change of clocks skips is the first instant after it',
    file: 'src/domain/time.ts',
    remove: 'if (valid.length > 0) return new Date(Math.min(...valid));',
    put: 'return new Date(local - (valid.length > 0 ? local - Math.min(...valid) : after));',
    test: 'test/domain/time.test.ts',
  },
  {
    fault: 'F66',
    what: 'a repeated time is its first occurrence',
    file: 'src/domain/time.ts',
    remove: 'new Date(Math.min(...valid))',
    put: 'new Date(Math.max(...valid))',
    test: 'test/domain/time.test.ts',
  },
  {
    fault: 'F67',
    what: 'a jump of the clock is noticed',
    file: 'src/platform/local/ticker.ts',
    remove: 'await options.onJump?.(jumped);',
    put: '',
    test: 'test/platform/ticker.test.ts',
  },
  {
    fault: 'F67',
    what: 'a leap ahead leaves a bounded number of rows',
    file: 'src/domain/slots.ts',
    remove: 'missed: missed.slice(-MOST_MISSED),',
    put: 'missed,',
    test: DISPATCH,
  },
  {
    fault: 'F68',
    what: 'slots that nobody ran are recorded',
    file: 'src/operations/background/take-slots.ts',
    remove: "...slots.missed.map((slot) => missed(slot, 'not_ready')), newest",
    put: 'newest',
    test: DISPATCH,
  },
  {
    fault: 'F68',
    what: 'slots that an outage cost are told of though a good run has followed',
    file: 'src/catalog/repositories/watch-facts.ts',
    remove: 'or (r.queued_at >',
    put: 'or (false and r.queued_at >',
    test: WATCH,
  },
  {
    fault: 'F69',
    what: 'a notice that was refused is tried again',
    file: 'src/operations/background/outbox.ts',
    remove: 'final ? undefined : secondsToNextTry(notice.attempts, Math.random())',
    put: 'final || secondsToNextTry(notice.attempts, Math.random()) ? undefined : 1',
    test: OUTBOX,
  },
  {
    fault: 'F69',
    what: 'notices that were given up are an alarm through the other channels',
    file: 'src/domain/alarms.ts',
    remove: "...facts.undelivered.map((data) => of('notice.undelivered', data)),",
    put: '',
    test: WATCH,
  },
  {
    fault: 'F89',
    what: 'a redirect is no acceptance',
    file: 'src/platform/webhook.ts',
    remove: 'if (status >= 200 && status < 300) return;',
    put: 'if (status >= 200 && status < 400) return;',
    test: OUTBOX,
  },
];
