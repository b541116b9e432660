import { Failure } from '../domain/failure.ts';

/** What was asked for cannot be, whoever asks: one sentence why, one what to do. */
export function refuse(message: string, remedy: string): never {
  throw new Failure('usage', message, { remedy });
}

/** What was asked for does not fit what is there now. */
export function conflict(message: string, remedy: string): never {
  throw new Failure('conflict', message, { remedy });
}
