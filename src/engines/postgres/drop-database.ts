import type { Connection } from '../engine.ts';
import { quoted } from './names.ts';
import { type Session, type SessionWish, withSession } from './session.ts';

/**
 * Drops a database where there is one, with its sessions. The server refuses that while it holds subscriptions: they are
 * let go first. Their slots on the publishing server stay, since those may be the original's.
 */
export async function dropDatabase(
  session: Session,
  { server, name }: { readonly server: Connection; readonly name: string },
  wish: SessionWish,
): Promise<void> {
  const subscriptions = await session.rows(
    'select subname as name from pg_subscription where subdbid = (select oid from pg_database where datname = $1)',
    [name],
  );
  if (subscriptions.length > 0) {
    const names = subscriptions.map((row) => row.name ?? '');
    await withSession({ ...server, database: name }, wish, (inside) => letGo(inside, names));
  }
  await session.rows(`drop database if exists ${quoted(name)} with (force)`);
}

async function letGo(session: Session, names: readonly string[]): Promise<void> {
  for (const name of names.map(quoted)) {
    await session.rows(`alter subscription ${name} disable`);
    await session.rows(`alter subscription ${name} set (slot_name = none)`);
    await session.rows(`drop subscription ${name}`);
  }
}
