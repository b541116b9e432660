import { Failure } from '../src/domain/failure.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** What a command does with the first signal; a second one leaves at once. */
export interface SignalWords {
  warn(sentence: string): void;
  /** What the refusal that follows advises. */
  readonly remedy: string;
}

/** The first signal aborts, so that a command cleans up; a second one ends the process. Call `release` when all is done. */
export function cancelOnSignals({ warn, remedy }: SignalWords) {
  const controller = new AbortController();
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      if (controller.signal.aborted) process.exit(128 + SIGNAL_NUMBERS[name]);
      warn('Cancelling; again to leave at once.');
      controller.abort(new Failure('cancelled', `The command was cancelled by ${name}.`, { remedy }));
    };
    process.on(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    release: () => {
      for (const { name, listener } of listeners) process.off(name, listener);
    },
  };
}
