import { Failure } from '../../src/domain/failure.ts';

/** What the system says of a file, as a Failure; anything else as it is. */
export function fileFailure(error: unknown, file: string): unknown {
  const system = error instanceof Error && 'syscall' in error && 'code' in error ? String(error.code) : undefined;
  if (system === undefined || error instanceof Failure) return error;
  if (system === 'ENOSPC' || system === 'EDQUOT') {
    return new Failure('disk_full', `There is no room left for ${file}.`, {
      remedy: 'Free some space and start again: it goes on where it stopped.',
      cause: error,
    });
  }
  return new Failure('usage', `${file} cannot be written (${system}).`, {
    remedy: 'Give another place with --output.',
    cause: error,
  });
}
