import { freeKey, type KeyRow, takeKey } from '../catalog/repositories/idempotency.ts';
import { Failure } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { look } from './change.ts';
import type { Asker } from './operation.ts';

export interface KeyedRequest<T> {
  /** What the client sent as Idempotency-Key. */
  readonly key: string;
  /** Id of the route. */
  readonly route: string;
  /** Status the route answers with. */
  readonly status: number;
  /** SHA-256 of what was asked: the path's parameters and the canonical body, without passwords. */
  readonly requestHash: string;
  /** Is given the asker who holds the key. */
  work(asker: Asker): Promise<T>;
}

export interface KeyedAnswer<T> {
  readonly answer: T;
  /** True when this is what an earlier request with the same key was answered. */
  readonly replayed: boolean;
}

/**
 * Does the work once for each key, whatever is repeated or cut off: the answer is kept in the transaction of the change
 * itself (F59). The key with another request is refused, and so is a second one while the first is at work. After a refusal
 * the key is free again.
 */
export async function withIdempotency<T>(
  runtime: Pick<Runtime, 'catalog' | 'log'>,
  asker: Asker,
  request: KeyedRequest<T>,
): Promise<KeyedAnswer<T>> {
  const { key, route, requestHash, status } = request;
  const taken = await look(runtime, asker, (trx) =>
    takeKey(trx, { tenantId: asker.tenantId, key, route, requestHash }),
  );
  if (!taken.mine) return { answer: earlierAnswer<T>(taken.row, request), replayed: true };
  const held = { key, since: taken.since, status };
  try {
    return { answer: await request.work({ ...asker, key: held }), replayed: false };
  } finally {
    // What was answered stays; what only asked, or was refused, may be asked again.
    await look(runtime, asker, (trx) => freeKey(trx, held)).catch(() =>
      runtime.log('warn', { route }, 'an idempotency key could not be freed and will be in fifteen minutes'),
    );
  }
}

function earlierAnswer<T>(row: KeyRow, { route, requestHash }: KeyedRequest<T>): T {
  if (row.route !== route || row.request_hash !== requestHash) {
    throw new Failure('key_reused', 'This idempotency key was used for another request.', {
      remedy: 'Use a new key for a new request.',
    });
  }
  if (row.status === null) {
    throw new Failure('already_running', 'The first request with this key is still at work.', {
      remedy: 'Ask again in a few seconds, with the same key.',
    });
  }
  if (row.response === null && row.status !== 204) {
    throw new Failure('conflict', 'The first request with this key was answered with a secret that is shown once.', {
      remedy: 'Look at the list, remove what the first request made, and ask again with a new key.',
    });
  }
  return (row.response ?? undefined) as T;
}
