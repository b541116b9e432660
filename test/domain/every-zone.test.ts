import { describe, expect, it } from '@jest/globals';
import { eventBridgeExpressions, nextRuns } from '../../src/domain/time.ts';
import { soaking } from '../support/size.ts';
import { expectedRuns, plainPattern, type Transition, transitionsOf } from '../support/zone-history.ts';

const PATTERNS = [
  '0 0 * * *',
  '30 0 * * *',
  '59 23 * * *',
  '0 1 * * *',
  '15 1 * * *',
  '45 1 * * *',
  '0 2 * * *',
  '15 2 * * *',
  '30 2 * * *',
  '59 2 * * *',
  '0 3 * * *',
  '0 4 * * *',
  '0 */2 * * *',
  '30 * * * *',
  '*/20 1-2 * * *',
  '10,50 0,2,23 * * *',
  '30 2 * * 0',
  '15 1 1 * *',
  '30 1 1-7 * 6',
  '5 2 29 2,3,10 0',
] as const;

const FROM = Date.UTC(2020, 0, 1);
const TO = Date.UTC(2038, 0, 1);
const HOUR = 3_600_000;
/** Of each change: the whole local day in a soak, what the change can touch in every run. */
const SIDE = (soaking ? 26 : 15) * HOUR;

/** Changes of every zone; those that are alike in instant and offsets are one, unless all are asked for. */
function everyTransition(): { zones: number; all: number; distinct: Transition[] } {
  const zones = Intl.supportedValuesOf('timeZone');
  const stepMs = (soaking ? 12 : 120) * HOUR;
  const all = zones.flatMap((zone) => transitionsOf(zone, { from: FROM, to: TO, stepMs }));
  const distinct = new Map(
    all.map((one) => [soaking ? `${one.zone} ${one.at}` : `${one.at} ${one.before} ${one.after}`, one]),
  );
  return { zones: zones.length, all: all.length, distinct: [...distinct.values()] };
}

describe('the evaluator', () => {
  it('T9 M27 F66 fires each local slot exactly once, in every zone, at every change of clocks, for 20 patterns', () => {
    const { zones, all, distinct } = everyTransition();
    const patterns = PATTERNS.map((pattern) => ({ pattern, plain: plainPattern(pattern) }));
    const wrong: string[] = [];
    let cases = 0;
    let slots = 0;

    for (const transition of distinct) {
      const window = { from: transition.at - SIDE, to: transition.at + SIDE };
      for (const { pattern, plain } of patterns) {
        const expected = expectedRuns(plain, transition, window);
        const found = nextRuns({ pattern, zone: transition.zone }, new Date(window.from - 1), expected.length + 1)
          .map((run) => run.getTime())
          .filter((run) => run < window.to);
        cases += 1;
        slots += expected.length;
        if (found.join() !== expected.join())
          wrong.push(`${pattern} ${JSON.stringify(transition)}: ${found} for ${expected}`);
      }
    }

    console.log(
      `T9: ${zones} zones, ${all} changes, ${distinct.length} distinct × ${PATTERNS.length} patterns = ${cases} cases, ${slots} slots`,
    );
    expect(wrong.slice(0, 5)).toEqual([]);
    // Zones and changes there are: a runtime without its own data would have none.
    expect(zones).toBeGreaterThan(400);
    expect(all).toBeGreaterThan(4000);
    expect(distinct.length).toBeGreaterThan(500);
  }, 7_200_000);

  it('T9 goes on from any moment of a change of clocks as it would have from before it', () => {
    const changes = [
      'Europe/Berlin',
      'Australia/Lord_Howe',
      'America/St_Johns',
      'Africa/Cairo',
      'Pacific/Chatham',
    ].flatMap((zone) =>
      transitionsOf(zone, { from: Date.UTC(2026, 0, 1), to: Date.UTC(2027, 0, 1), stepMs: 24 * HOUR }),
    );
    const wrong: string[] = [];

    for (const transition of changes) {
      for (const pattern of ['30 2 * * *', '*/20 1-2 * * *', '30 * * * *', '0 0 * * *', '15 1 * * *']) {
        const plain = plainPattern(pattern);
        const window = { from: transition.at - SIDE, to: transition.at + 2 * SIDE };
        const expected = expectedRuns(plain, transition, window);
        for (let after = transition.at - 2 * HOUR; after <= transition.at + 2 * HOUR; after += 7 * 60_000 + 1000) {
          const [found] = nextRuns({ pattern, zone: transition.zone }, new Date(after), 1);
          const next = expected.find((run) => run > after);
          if (found?.getTime() !== next)
            wrong.push(`${pattern} ${transition.zone} after ${new Date(after).toISOString()}`);
        }
      }
    }

    expect(changes.length).toBe(10);
    expect(wrong).toEqual([]);
  });

  it.each([
    '30 2 * * *',
    '0 0 * * 0',
    '0 0 * * 7',
    '15 3 * * 1-5',
    '0 12 * * 6,0',
    '0 0 * * */2',
    '0 0 1 * *',
    '0 0 1,15 * 3',
    '0 6 13 * 5',
    '*/15 8-17 * 1-6 1-5',
    '0 0 29 2 *',
    '0 0 31 */2 1',
  ])('T9 and EventBridge’s own numbering of days mean the same local times by %s', (pattern) => {
    const plain = plainPattern(pattern);
    const schedules = eventBridgeExpressions({ pattern, zone: 'UTC' }).map(eventBridgeDays);

    for (let day = Date.UTC(2026, 0, 1); day < Date.UTC(2029, 0, 1); day += 24 * HOUR) {
      const date = new Date(day);
      const there = schedules.some(({ matchesDay }) => matchesDay(date));
      expect([date.toISOString(), there]).toEqual([date.toISOString(), plain.matchesDay(date)]);
    }
    const [minute = '', hour = ''] = pattern.split(' ');
    for (const { times } of schedules) expect(times).toBe(`${minute} ${hour}`);
  });
});

const NAMES = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** What EventBridge Scheduler's documentation says of its six fields: days of the week are 1-7 or SUN-SAT, one of two is `?`. */
function eventBridgeDays(expression: string) {
  const fields = /^cron\((.+)\)$/.exec(expression)?.[1]?.split(' ') ?? [];
  const [minute = '', hour = '', day = '', month = '', weekday = '', year = ''] = fields;
  if (fields.length !== 6 || year !== '*' || [day, weekday].filter((one) => one === '?').length !== 1)
    throw new Error(`${expression} is refused`);
  const numbered = weekday.replace(/[A-Z]{3}/g, (name) => String(NAMES.indexOf(name)));
  if (weekday !== '?' && /[^A-Z,]/.test(weekday))
    throw new Error(`${weekday}: the numbers there begin with Sunday = 1`);
  const plain = plainPattern(`0 0 ${day === '?' ? '*' : day} ${month} ${weekday === '?' ? '*' : numbered}`);
  return { times: `${minute} ${hour}`, matchesDay: plain.matchesDay };
}
