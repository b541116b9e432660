import type { Readable, Writable } from 'node:stream';
import { Failure } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';

/**
 * One-off credentials on their way to their run. They are in the memory of the process that was given them and nowhere
 * else: no row, no file, no queue. A service that is restarted has forgotten them, and their runs say so.
 */
export interface Loans {
  lend(runId: string, secret: Secret): void;
  /** The credential, once; undefined when it was taken, is too old, or was never lent. */
  take(runId: string): Secret | undefined;
  /** How many are waiting. */
  waiting(): number;
}

/** Milliseconds a loan waits for its run. */
export const LOAN_MS = 10 * 60_000;
/** Most that a child reads; a password is far shorter. */
const MOST_BYTES = 64 * 1024;

export function openLoans(lifeMs: number = LOAN_MS): Loans {
  const held = new Map<string, { readonly secret: Secret; readonly timer: NodeJS.Timeout }>();
  const drop = (runId: string): void => {
    clearTimeout(held.get(runId)?.timer);
    held.delete(runId);
  };
  return {
    lend: (runId, secret) => {
      drop(runId);
      // Gone by itself, so that nothing has to come and look; waiting for that keeps no process alive.
      held.set(runId, { secret, timer: setTimeout(() => held.delete(runId), lifeMs).unref() });
    },
    take: (runId) => {
      const loan = held.get(runId);
      drop(runId);
      return loan?.secret;
    },
    waiting: () => held.size,
  };
}

/**
 * Hands a loan on to the child that does the run, through the pipe that is its standard input: no argument, variable or
 * file shows it. The end of the pipe says that there is none, or that it was all. A child that has ended is no error here:
 * its exit says why.
 */
export async function handLoan(childInput: Writable, secret: Secret | undefined): Promise<void> {
  const line = secret === undefined ? '' : JSON.stringify(secret.reveal());
  await new Promise<void>((resolve) => {
    childInput.once('error', () => resolve());
    childInput.end(line, () => resolve());
  });
}

/** What `handLoan` sent; undefined where nothing came. Call it once, first of all. */
export async function receiveLoan(input: Readable): Promise<Secret | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw unreadable();
    chunks.push(chunk);
  }
  if (bytes === 0) return undefined;
  const value: unknown = parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof value !== 'string') throw unreadable();
  return new Secret(value);
}

// Without the parser's own words, which repeat the text.
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(): Failure {
  return new Failure('internal', 'What came on standard input is not a credential lent to this run.');
}

/** The loans of a child: the one it received, for its run alone. */
export function receivedLoans(runId: string, secret: Secret | undefined): Loans {
  const loans = openLoans();
  if (secret !== undefined) loans.lend(runId, secret);
  return loans;
}
