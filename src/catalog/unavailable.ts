import { Failure } from '../domain/failure.ts';

/** Connection, login, resources, shutdown: what a server says that is on its way out or in (SQLSTATE classes and codes). */
const STATES = /^(08|28|53|57P0[1-5])/;
const SOCKETS = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'];
/** The driver's own words have no code. */
const WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/**
 * Throws what it is given; a catalog that went away in the middle is a Failure `not_ready`, since the same may succeed in a
 * moment. Whether a commit that was not answered took place is not known then (F59).
 */
export function unavailable(error: unknown): never {
  if (!isAway(error)) throw error;
  throw new Failure('not_ready', 'The catalog does not answer.', {
    cause: error,
    remedy: 'Try again in a few seconds; if it stays so, see whether its server runs.',
  });
}

function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof Failure) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return STATES.test(code) || SOCKETS.includes(code) || WORDS.test(error.message);
}
