import { Failure } from '../domain/failure.ts';
import type { Finding } from './storage.ts';

/** Takes findings down, in the order of the trials. What goes wrong in one does not keep the next from being made. */
export class FieldBook {
  readonly findings: Finding[] = [];

  /** The result of what must succeed; undefined where it did not. */
  async allowed<T>(action: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#note({ action, expected: 'allowed', ok: true, detail: 'It works.' });
      return result;
    } catch (error) {
      this.#note({ action, expected: 'allowed', ok: false, detail: sentences(error) });
      return undefined;
    }
  }

  /** Tries what must be refused for want of a right; any other failure proves nothing. True where it was refused. */
  async denied(action: string, danger: string, work: () => Promise<unknown>): Promise<boolean> {
    const refused = await work().then(
      () => undefined,
      (error: unknown) => error ?? new Error('nothing'),
    );
    const ok = refused instanceof Failure && REFUSALS.has(refused.code);
    const detail = ok ? 'It is refused.' : refused === undefined ? danger : sentences(refused);
    this.#note({ action, expected: 'denied', ok, detail });
    return ok;
  }

  /** What was seen beside the trials. */
  saw(action: string, ok: boolean, detail: string): void {
    this.#note({ action, expected: 'allowed', ok, detail });
  }

  #note(finding: Finding): void {
    this.findings.push(finding);
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['storage_denied', 'storage_locked', 'storage_wrong_owner']);

/** Cancelling and faults of ours are no findings. */
function sentences(error: unknown): string {
  if (!(error instanceof Failure) || error.code === 'internal' || error.code === 'cancelled') throw error;
  return error.remedy === undefined ? error.message : `${error.message} ${error.remedy}`;
}
