import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import { Failure } from '../domain/failure.ts';
import type { Stat, Storage } from '../storage/storage.ts';
import { MARKER_NAME } from './layout.ts';
import { findLeftovers, removeLeftovers } from './leftovers.ts';
import type { Lease, Needs } from './pipeline.ts';

/** A marker whose last heartbeat is older belongs to a dead run. */
const STALE_MS = 10 * 60_000;
const RENEW_MS = 20_000;

const Marker = z.object({
  format: z.literal('database-dump/run-marker'),
  version: z.literal(1),
  /** Which taker holds it: two processes never share one. */
  token: z.string(),
  run: z.string(),
  attempt: z.int().positive(),
  purpose: z.enum(['backup', 'restore']),
  host: z.string(),
  pid: z.int(),
  startedAt: z.string(),
  heartbeat: z.int().nonnegative(),
  /** Given up with leftovers that could not be removed: the next run may take over at once. */
  abandoned: z.boolean(),
});
type Marker = z.infer<typeof Marker>;

export interface MarkerOptions {
  readonly purpose?: 'backup' | 'restore';
  /** Milliseconds without a heartbeat until a run counts as dead; shorter in tests only. */
  readonly staleMs?: number;
  readonly renewMs?: number;
}

type MarkerNeeds = Pick<Needs, 'storage' | 'bench' | 'now'>;

interface Seen {
  readonly marker: Marker | undefined;
  readonly stat: Stat;
}

/**
 * The lease where no service gives one: an object in the database's folder with a heartbeat. A second live run is
 * refused with `already_running`; a dead run's marker is taken over, its leftovers are removed and named in notes. Of
 * several takers at once exactly one gets it, since every write is conditional.
 */
export async function takeRunMarker(
  needs: MarkerNeeds,
  databaseFolder: string,
  options: MarkerOptions = {},
): Promise<Lease> {
  const { storage, bench } = needs;
  const key = `${databaseFolder}/${MARKER_NAME}`;
  const seen = await look(storage, key);
  if (seen !== undefined) refuseAlive(needs, seen, options.staleMs ?? STALE_MS);
  const marker = freshMarker(needs, seen?.marker, options.purpose ?? 'backup');
  const stat = await write(storage, { key, marker, ifMatch: seen?.stat.etag }).catch(async (error) => {
    throw await lostRace(needs, { key, error });
  });
  const note = (sentence: string) => bench.note(sentence);
  const held = { storage, key, folder: databaseFolder, marker, stat, note };
  const lease = new MarkerLease(held, options.renewMs ?? RENEW_MS);
  try {
    if (seen?.marker !== undefined) noteTakeover(needs, seen.marker);
    await removeLeftovers(storage, { folder: databaseFolder, run: seen?.marker?.run, note });
    return lease;
  } catch (error) {
    await lease.release();
    throw error;
  }
}

interface Held {
  readonly storage: Storage;
  readonly key: string;
  readonly folder: string;
  readonly marker: Marker;
  readonly stat: Stat;
  note(sentence: string): void;
}

class MarkerLease implements Lease {
  readonly attempt: number;
  readonly #held: Held;
  readonly #timer: NodeJS.Timeout;
  #marker: Marker;
  #etag: string;
  #lost: Failure | undefined;
  /** Renewals follow each other: each needs the etag of the one before. */
  #last: Promise<void> = Promise.resolve();

  constructor(held: Held, renewMs: number) {
    this.#held = held;
    this.attempt = held.marker.attempt;
    this.#marker = held.marker;
    this.#etag = held.stat.etag;
    this.#timer = setInterval(() => this.#renew().catch(() => undefined), renewMs);
    this.#timer.unref();
  }

  /** A renewal: what was ours at that instant stays ours until the heartbeat is old (F51). */
  check(): Promise<void> {
    return this.#renew();
  }

  /**
   * Removes the marker; one whose run left something behind stays, so that the next run cleans up. What went wrong before
   * matters more than a marker that could not be removed: that is a note, never an error.
   */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last.catch(() => undefined);
    if (this.#lost !== undefined) return;
    try {
      await this.#giveBack();
    } catch {
      this.#held.note('The run marker could not be removed; the next run may have to wait 10 minutes for it.');
    }
  }

  async #giveBack(): Promise<void> {
    const { storage, key, folder } = this.#held;
    const left = await findLeftovers(storage, folder, this.#marker.run);
    if (left.uploads.length + left.objects.length === 0) {
      await storage.remove(key, { ifMatch: this.#etag });
    } else {
      await write(storage, { key, marker: { ...this.#marker, abandoned: true }, ifMatch: this.#etag });
    }
  }

  #renew(): Promise<void> {
    this.#last = this.#last.catch(() => undefined).then(() => this.#beat());
    return this.#last;
  }

  async #beat(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    const { storage, key } = this.#held;
    const marker = { ...this.#marker, heartbeat: this.#marker.heartbeat + 1 };
    try {
      this.#etag = (await write(storage, { key, marker, ifMatch: this.#etag })).etag;
      this.#marker = marker;
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'storage_conflict')) throw error;
      await this.#resolveConflict(marker, error);
    }
  }

  /** A refused renewal may be the echo of our own, whose answer was lost. */
  async #resolveConflict(marker: Marker, error: Failure): Promise<void> {
    const seen = await look(this.#held.storage, this.#held.key);
    if (seen?.marker?.token === marker.token) {
      this.#etag = seen.stat.etag;
      this.#marker = seen.marker;
      return;
    }
    clearInterval(this.#timer);
    this.#lost = new Failure('lease_lost', 'Another run has taken over this database.', {
      cause: error,
      remedy: 'Nothing was kept of this run; look at the other run.',
    });
    throw this.#lost;
  }
}

function freshMarker(needs: MarkerNeeds, before: Marker | undefined, purpose: 'backup' | 'restore'): Marker {
  return {
    format: 'database-dump/run-marker',
    version: 1,
    token: randomUUID(),
    run: needs.bench.runId,
    attempt: before?.run === needs.bench.runId ? before.attempt + 1 : 1,
    purpose,
    host: hostname(),
    pid: process.pid,
    startedAt: needs.now().toISOString(),
    heartbeat: 0,
    abandoned: false,
  };
}

async function look(storage: Storage, key: string): Promise<Seen | undefined> {
  const found = await storage.get(key);
  if (found === undefined) return undefined;
  const parsed = Marker.safeParse(parseJson(Buffer.from(found.body).toString('utf8')));
  return { marker: parsed.success ? parsed.data : undefined, stat: found.stat };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface MarkerWrite {
  readonly key: string;
  readonly marker: Marker;
  /** Undefined: only where there is none. */
  readonly ifMatch: string | undefined;
}

function write(storage: Storage, { key, marker, ifMatch }: MarkerWrite): Promise<Stat> {
  return storage.put(key, Buffer.from(`${JSON.stringify(marker)}\n`), ifMatch ? { ifMatch } : { ifAbsent: true });
}

function refuseAlive(needs: MarkerNeeds, { marker, stat }: Seen, staleMs: number): void {
  if (marker?.abandoned) return;
  const age = needs.now().getTime() + needs.storage.clockOffsetMs() - stat.modifiedAt.getTime();
  if (age <= staleMs) throw alreadyRunning(marker, Math.max(0, age));
}

function alreadyRunning(marker: Marker | undefined, age: number): Failure {
  const what = marker === undefined ? 'A run' : `A ${marker.purpose} (run ${marker.run})`;
  const where = marker === undefined ? '' : ` on ${marker.host}, started ${marker.startedAt}`;
  return new Failure('already_running', `${what} is at work on this database${where}.`, {
    remedy: `Wait for it to end. Its last sign of life is ${Math.round(age / 1000)} s old; after 10 minutes without one it may be replaced.`,
    details: { run: marker?.run, host: marker?.host, ageSeconds: Math.round(age / 1000) },
  });
}

interface Race {
  readonly key: string;
  readonly error: unknown;
}

async function lostRace(needs: MarkerNeeds, { key, error }: Race): Promise<unknown> {
  if (!(error instanceof Failure && error.code === 'storage_conflict')) return error;
  const seen = await look(needs.storage, key);
  return alreadyRunning(seen?.marker, 0);
}

function noteTakeover({ bench }: MarkerNeeds, before: Marker): void {
  const end = before.abandoned ? 'left something behind' : 'gave no sign of life for 10 minutes';
  bench.note(`Took over from run ${before.run} on ${before.host}, which ${end}.`);
  if (before.purpose === 'restore' && !before.abandoned) {
    bench.note(`That run was a restore: the database it wrote to may be incomplete until it is restored again.`);
  }
}
