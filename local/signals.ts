import { Failure } from '../src/domain/failure.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const SIGINT_EXIT = 130;

/** The first signal asks for an orderly end; a second one leaves at once. */
export function cancelOnSignals() {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(SIGINT_EXIT);
    controller.abort(
      new Failure('cancelled', 'It was stopped before it was done.', {
        remedy: 'Run npm start again: it goes on from what is there.',
      }),
    );
  };
  for (const name of SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
