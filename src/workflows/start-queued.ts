import { messageOf } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { RunInput } from './workflow.ts';

/**
 * Sets a queued run going, after the commit that queued it. A start that is lost is no failure: the sweep of queued runs
 * starts it again, and the same start twice is one.
 */
export async function startQueued(
  { launcher, log }: Pick<Runtime, 'launcher' | 'log'>,
  { tenantId, runId, kind }: RunInput & { readonly kind: string },
): Promise<void> {
  try {
    await launcher.start(kind, { tenantId, runId });
  } catch (error) {
    log('warn', { runId, cause: messageOf(error) }, 'a run could not be started and waits for the sweep');
  }
}
