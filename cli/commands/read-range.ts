import { Failure } from '../../src/domain/failure.ts';

/** The link has run out; the same bytes are to be had by another. */
export class StaleLink extends Error {}

export interface Range {
  readonly url: string;
  /** First byte wanted, and how many the object has. */
  readonly from: number;
  readonly bytes: number;
  readonly signal: AbortSignal;
}

/** A store that says nothing for so long is asked again. */
const SILENCE_MS = 60_000;
const STALE = [401, 403, 404, 410];

/** An object's bytes from one on, no more than it has. The link goes to the store alone: no key of ours travels with it. */
export async function* readRange({ url, from, bytes, signal }: Range): AsyncGenerator<Uint8Array, void, undefined> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error('no byte came for a minute')), SILENCE_MS);
  try {
    const response = await fetch(url, {
      headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
      redirect: 'error',
      signal: AbortSignal.any([signal, silence.signal]),
    });
    refuse(response);
    let skip = response.status === 206 ? 0 : from;
    let left = bytes - from;
    for await (const chunk of response.body ?? []) {
      timer.refresh();
      const wanted = chunk.subarray(Math.min(skip, chunk.length)).subarray(0, left);
      skip -= Math.min(skip, chunk.length);
      left -= wanted.length;
      if (wanted.length > 0) yield wanted;
      if (left === 0) return;
    }
    throw new Error(`it ended ${left} bytes early`);
  } finally {
    clearTimeout(timer);
  }
}

function refuse({ ok, status }: Response): void {
  if (ok) return;
  if (STALE.includes(status)) throw new StaleLink(`the store answered ${status}`);
  throw new Failure('storage_unreachable', `The store answered ${status}.`, {
    remedy: 'Start the same command again: it goes on where it stopped.',
  });
}
