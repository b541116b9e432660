/** True where the large sizes were asked for (`SOAK=1`). */
export const soaking = process.env.SOAK === '1';

/** A soak that has less time than everything takes asks for a share of the full sizes. */
const share = Number(process.env.SOAK_SHARE ?? 1);

/** How many times, bytes or runs: the fast figure in every run of the tests, the full one, or a share of it, in a soak. */
export function sized(fast: number, full: number): number {
  return soaking ? Math.max(fast, Math.round(full * share)) : fast;
}

/** Seed of everything random in a test; printed on failure by whoever uses it, and settable for a repeat. */
export const seed = Number(process.env.SEED ?? 20261124);

/** A small seeded generator of numbers in [0, 1): mulberry32. */
export function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
