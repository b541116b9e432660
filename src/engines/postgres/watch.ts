import { setTimeout as wait } from 'node:timers/promises';
import { Failure } from '../../domain/failure.ts';
import { endDump } from './leftovers.ts';
import type { Session } from './session.ts';

/** One session in the way of another, in words that name it. */
export interface Holder {
  readonly pid: string;
  readonly words: string;
}

export interface Watch {
  /** Rejects when the dump must stop; resolves when stopped. */
  readonly ended: Promise<void>;
  /** Who was last seen to hold a lock that the dump waits for. */
  blocker(): string | undefined;
  /** Who was last seen to wait for a lock that the dump holds. */
  stop(): Promise<void>;
}

export interface WatchWish {
  /** `application_name` of the dump's own session. */
  readonly dumpName: string;
  /** Milliseconds that others may wait for us; 0 = any. */
  readonly blockLimitMs: number;
}

const SLOWEST_MS = 1_000;
const FASTEST_MS = 50;

const WORDS = `'pid ' || a.pid || coalesce(' of ' || a.usename, '') || coalesce(' (' || nullif(a.application_name, '') || ')', '')`;

/** Our sessions: the one that asks, and the dump. */
const OURS = `array(select pid from pg_stat_activity where pid = pg_backend_pid()
  or (datname = current_database() and usename = current_user and application_name = $1))`;

/** Who waits for us (directly, or behind one who does), and whom we wait for. Others' sessions show at least their pid. */
const LOOK = `with ours as materialized (select ${OURS} as pids),
  waiting as materialized (select distinct l.pid, pg_blocking_pids(l.pid) as blockers from pg_locks l where not l.granted)
  select 'waits' as kind, w.pid::text as pid, ${WORDS} as words from waiting w cross join ours
    left join pg_stat_activity a on a.pid = w.pid where not w.pid = any (ours.pids) and w.blockers && ours.pids
  union all
  select 'blocks', b.pid::text, ${WORDS} from waiting w cross join ours cross join lateral unnest(w.blockers) b (pid)
    left join pg_stat_activity a on a.pid = b.pid where w.pid = any (ours.pids) and not b.pid = any (ours.pids)`;

/**
 * Looks after a running dump (F10): whoever has waited longer than the limit for a lock that the dump holds ends it. The
 * look uses the session that holds the snapshot, so that a backup takes two connections and no more.
 */
export function startWatch(session: Session, wish: WatchWish): Watch {
  const stopping = new AbortController();
  let blocker: string | undefined;
  const since = new Map<string, number>();
  const pause = Math.min(
    SLOWEST_MS,
    Math.max(FASTEST_MS, wish.blockLimitMs === 0 ? SLOWEST_MS : wish.blockLimitMs / 4),
  );

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await wait(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      const seen = await look(session, wish.dumpName);
      if (seen === undefined) return;
      blocker = seen.blocks[0]?.words ?? blocker;
      await enforceLimit(seen.waits);
    }
  }

  async function enforceLimit(waits: readonly Holder[]): Promise<void> {
    const tooLong = longest(since, waits);
    if (tooLong === undefined || wish.blockLimitMs === 0 || tooLong.ms < wish.blockLimitMs) return;
    await endDump(session, wish.dumpName);
    // Tables that were counted are locked by this session too.
    await session.rows('rollback');
    throw holdsUp(tooLong.holder, wish.blockLimitMs);
  }

  const ended = loop();
  ended.catch(() => undefined);
  return {
    ended,
    blocker: () => blocker,
    stop: async () => {
      stopping.abort();
      await ended.catch(() => undefined);
    },
  };
}

/** Undefined when the session is gone: the dump goes on without it, and says itself when its server is gone too. */
async function look(session: Session, dumpName: string) {
  try {
    // Inside a transaction the list of sessions stays what it was when first read.
    await session.rows('select pg_stat_clear_snapshot()');
    const rows = await session.rows(LOOK, [dumpName]);
    const of = (kind: string): Holder[] =>
      rows
        .filter((row) => row.kind === kind)
        .map((row) => ({ pid: row.pid ?? '', words: row.words ?? `pid ${row.pid}` }));
    return { waits: of('waits'), blocks: of('blocks') };
  } catch {
    return undefined;
  }
}

/** The one that has been seen waiting for the longest time. */
function longest(since: Map<string, number>, waits: readonly Holder[]): { holder: Holder; ms: number } | undefined {
  const now = performance.now();
  for (const pid of since.keys()) if (!waits.some((holder) => holder.pid === pid)) since.delete(pid);
  let found: { holder: Holder; ms: number } | undefined;
  for (const holder of waits) {
    const start = since.get(holder.pid) ?? now;
    since.set(holder.pid, start);
    if (found === undefined || now - start > found.ms) found = { holder, ms: now - start };
  }
  return found;
}

function holdsUp({ words }: Holder, limitMs: number): Failure {
  return new Failure('dump_blocked', `The dump held up ${words} for more than ${limitMs} ms and was ended.`, {
    remedy: 'Back up at another hour or from a replica, or raise the limit (0 never ends a dump).',
  });
}
