/** Work that returns again and again at the right moments; one at a time, whatever happens. */
export interface Ticker {
  /** Looks at once, or as soon as the present look is over. */
  poke(): void;
  /** Resolves when the last look is over; none begins after it. */
  stop(): Promise<void>;
}

export interface TickerOptions {
  /** Looks; returns after how many milliseconds to look again (undefined: after the longest). A failure is reported and tried again. */
  readonly look: () => Promise<number | undefined>;
  /** Never sleeps longer: whatever was forgotten or changed behind our back is found then. */
  readonly longestMs: number;
  readonly onError: (error: unknown) => void;
  /** The clock was put forward or back, by so many milliseconds; called before the next look (F67). */
  readonly onJump?: (ms: number) => Promise<void>;
  readonly clocks?: Clocks;
}

/** The clock on the wall, which may jump, and one that never does; both in milliseconds. */
export interface Clocks {
  wall(): number;
  steady(): number;
}

const MACHINE: Clocks = { wall: () => Date.now(), steady: () => performance.now() };

/** Two clocks that differ by less have drifted, or one of them was corrected. */
const JUMP_MS = 2000;
const SHORTEST_MS = 1;
const AFTER_ERROR_MS = 1000;

/**
 * Sleeps by the steady clock and never longer than `longestMs`, so that a clock that jumps neither makes a storm nor a
 * silence (F67). Each look says anew when the next is due: delays do not add up.
 */
export function startTicker(options: TickerOptions): Ticker {
  const { clocks = MACHINE, longestMs } = options;
  const state = { stopped: false, poked: false, wake: () => {} };
  let difference = clocks.wall() - clocks.steady();

  const noticeJump = async () => {
    const now = clocks.wall() - clocks.steady();
    const jumped = now - difference;
    if (Math.abs(jumped) < JUMP_MS) return;
    await options.onJump?.(jumped);
    // Only now: a jump whose handling failed is handled again.
    difference = now;
  };
  const loop = async () => {
    while (!state.stopped) {
      state.poked = false;
      let ms: number | undefined;
      try {
        await noticeJump();
        ms = await options.look();
      } catch (error) {
        options.onError(error);
        ms = AFTER_ERROR_MS;
      }
      if (!state.poked && !state.stopped) await sleep(Math.min(Math.max(ms ?? longestMs, SHORTEST_MS), longestMs));
    }
  };
  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      state.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const running = loop();
  return {
    poke: () => {
      state.poked = true;
      state.wake();
    },
    stop: () => {
      state.stopped = true;
      state.wake();
      return running;
    },
  };
}
