import { Failure } from '../../domain/failure.ts';
import type { Session } from './session.ts';

const TRIES = 3;

/** Whether consecutive statements reach one and the same session of the server, settings included (F24). */
export async function hasOneBackend(session: Session): Promise<boolean> {
  const mark = `m${process.hrtime.bigint()}`;
  await session.rows(`set database_dump.mark = '${mark}'`);
  const seen = new Set<string | null | undefined>();
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const [row] = await session.rows(
      "select pg_backend_pid()::text as pid, current_setting('database_dump.mark', true) as mark",
    );
    seen.add(row?.pid);
    if (row?.mark !== mark) return false;
  }
  return seen.size === 1;
}

/** The sentence for a probe's obstacles and for the Failure. */
export const POOLED =
  'Statements of one connection reach different sessions of the server: this is a pooler in transaction mode, through which no snapshot can be held. Give the server’s own address, or a pool in session mode.';

export async function requireOneBackend(session: Session): Promise<void> {
  if (await hasOneBackend(session)) return;
  throw new Failure('server_unsupported', POOLED.slice(0, POOLED.indexOf('. ') + 1), {
    remedy: 'Give the server’s own address, or a pool in session mode.',
  });
}
