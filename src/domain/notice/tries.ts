/** Seconds before each further try: quick at first, then patient; a day and a half in all. */
const WAITS = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800, 43_200] as const;

/** Tries after which a notice is given up. */
export const MOST_TRIES = WAITS.length + 1;

/** Up to a quarter more, so that many that failed together do not come back together. */
const SPREAD = 0.25;

/** Seconds until the next try after `tries` of them; undefined: that was the last. `random` is in [0, 1). */
export function secondsToNextTry(tries: number, random: number): number | undefined {
  const wait = WAITS[tries - 1];
  return wait === undefined ? undefined : wait * (1 + SPREAD * random);
}
