import { Failure } from '../domain/failure.ts';

/** Ends a run once, for one reason: the first. Later reasons are only its echoes. */
export interface Stop {
  readonly signal: AbortSignal;
  fail(error: unknown): void;
  /** Throws the reason, once there is one. */
  check(): void;
  /** Stops listening to the outer signal. */
  dispose(): void;
}

/** A stop that the outer signal pulls too, as `cancelled` unless its reason is a Failure of its own. */
export function makeStop(outer: AbortSignal): Stop {
  const controller = new AbortController();
  const { signal } = controller;
  const cancel = () => controller.abort(asFailure(outer.reason));
  if (outer.aborted) cancel();
  outer.addEventListener('abort', cancel, { once: true });
  return {
    signal,
    fail: (error) => controller.abort(error),
    check: () => {
      if (signal.aborted) throw signal.reason;
    },
    dispose: () => outer.removeEventListener('abort', cancel),
  };
}

function asFailure(reason: unknown): Failure {
  if (reason instanceof Failure) return reason;
  return new Failure('cancelled', 'The run was cancelled.', { cause: reason, remedy: 'Nothing was kept of it.' });
}

/** The same outcome, but whatever a cancel did to the work is called `cancelled`. */
export async function orCancelled<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw signal.aborted && !(error instanceof Failure) ? asFailure(signal.reason) : error;
  }
}

/** Resolves with the value, or rejects with the reason as soon as the signal is aborted. */
export async function unlessStopped<T>(signal: AbortSignal, value: Promise<T>): Promise<T> {
  // Also where nobody waits for it any more.
  value.catch(() => undefined);
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([value, stopped]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}

/** The same stream, left at once when the signal is aborted, also while it waits for its source. */
export async function* untilStopped<T>(signal: AbortSignal, source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await unlessStopped(signal, iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // A source that hangs is not waited for.
    iterator.return?.()?.catch(() => undefined);
  }
}
