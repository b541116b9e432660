import { describe, expect, it } from '@jest/globals';
import { type Clocks, startTicker } from '../../src/platform/local/ticker.ts';
import { startLocalTimetable } from '../../src/platform/local/timetable.ts';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const never = (error: unknown) => {
  throw error;
};

describe('a ticker', () => {
  it('looks when it said it would, without drift, one look at a time', async () => {
    const begun = performance.now();
    const looks: number[] = [];
    let inside = 0;
    const ticker = startTicker({
      longestMs: 10_000,
      onError: never,
      look: async () => {
        inside += 1;
        expect(inside).toBe(1);
        looks.push(performance.now() - begun);
        await sleep(20);
        inside -= 1;
        // The next full tenth of a second, by the clock and not by the end of the look before.
        return 100 - ((performance.now() - begun) % 100);
      },
    });

    while (looks.length < 11) await sleep(20);
    await ticker.stop();

    for (const [n, look] of looks.entries()) expect(look).toBeGreaterThanOrEqual(n * 100 - 2);
    // The looks take 20 ms each: with those added up the eleventh would come 200 ms after its tenth of a second.
    const late = looks.map((look) => (look + 5) % 100).sort((one, two) => one - two);
    expect(late[Math.floor(late.length / 2)]).toBeLessThan(50);
  });

  it('sleeps no longer than it may, and not at all when it is poked', async () => {
    let looks = 0;
    const ticker = startTicker({
      longestMs: 200,
      onError: never,
      look: async () => {
        looks += 1;
        return 3_600_000;
      },
    });
    await sleep(500);
    expect(looks).toBeGreaterThanOrEqual(3);
    const before = looks;

    ticker.poke();
    await sleep(20);

    expect(looks).toBe(before + 1);
    await ticker.stop();
  });

  it('is poked while it looks: it looks again at once', async () => {
    let looks = 0;
    const ticker = startTicker({
      longestMs: 60_000,
      onError: never,
      look: async () => {
        looks += 1;
        await sleep(50);
        return undefined;
      },
    });
    await sleep(10);

    ticker.poke();
    await sleep(100);

    expect(looks).toBe(2);
    await ticker.stop();
  });

  it('goes on after a failure, and says so', async () => {
    const errors: unknown[] = [];
    let looks = 0;
    const ticker = startTicker({
      longestMs: 20,
      onError: (error) => errors.push(error),
      look: async () => {
        looks += 1;
        if (looks === 1) throw new Error('the catalog is away');
        return undefined;
      },
    });

    await sleep(100);
    await ticker.stop();

    expect(errors).toHaveLength(1);
    expect(looks).toBeGreaterThan(2);
  });

  it.each([3_600_000, -3_600_000])('F67 notices a clock that jumps by %d ms, once', async (jump) => {
    let ahead = 0;
    const clocks: Clocks = { wall: () => 1e12 + performance.now() + ahead, steady: () => performance.now() };
    const jumps: number[] = [];
    const ticker = startTicker({
      longestMs: 10,
      onError: never,
      onJump: async (ms) => void jumps.push(Math.round(ms / 1000) * 1000),
      look: async () => undefined,
      clocks,
    });
    await sleep(30);

    ahead = jump;
    await sleep(60);

    expect(jumps).toEqual([jump]);
    await ticker.stop();
  });
});

describe('the timetable of one machine', () => {
  it('F67 looks at every schedule anew at its start and when the clock has jumped', async () => {
    let ahead = 0;
    const clocks: Clocks = { wall: () => performance.now() + ahead, steady: () => performance.now() };
    const seen: string[] = [];
    const now = new Date();
    const timetable = startLocalTimetable({
      clocks,
      onError: never,
      reseat: async () => void seen.push('reseat'),
      dispatch: async () => {
        seen.push('dispatch');
        return { now, again: new Date(now.getTime() + 3_600_000) };
      },
    });
    const entry = {
      tenantId: 't',
      scheduleId: 's',
      pattern: '* * * * *',
      zone: 'UTC',
      jitterMinutes: 0,
      enabled: true,
    };
    await sleep(20);

    await timetable.put(entry);
    await sleep(20);
    ahead = -86_400_000;
    await timetable.remove(entry);
    await sleep(20);

    expect(seen).toEqual(['reseat', 'dispatch', 'dispatch', 'reseat', 'dispatch']);
    await timetable.stop();
  });
});
