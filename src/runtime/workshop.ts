import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ChildUser, makeRunner, type Place, type Runner } from '../process/child.ts';
import { requireReach } from '../process/reach.ts';
import { findTools, type Toolbox } from '../process/tools.ts';
import type { Config } from './config.ts';

/** This machine as one run uses it: programs, the user they run as, and a folder that is gone afterwards. */
export interface Workshop {
  readonly tools: Toolbox;
  readonly runner: Runner;
  /** Empty; only this run's children and we may enter. */
  readonly folder: string;
  /** The name of the children's user, where it is not our own. */
  readonly userName: string | undefined;
  close(): void;
}

export interface NamedUser extends ChildUser {
  readonly name: string;
}

/** Users that children run as when we are root, best first. */
const CHILD_USERS = ['database-dump', 'nobody'] as const;

/** Finds the programs and makes the run's folders. */
export async function openWorkshop(config: Config): Promise<Workshop> {
  const user = config.root ? childUser() : undefined;
  if (user !== undefined) await requireReach(join(config.temporary, 'run'), user);
  const tools = await findTools({ path: config.path, caches: config.caches, ...(user === undefined ? {} : { user }) });
  const run = makeRunFolder(config.temporary, user);
  const place: Place = {
    // Root's own: a child that could rename entries of it could make us write elsewhere.
    folder: run,
    user,
    setpriv: tools.all('setpriv')[0]?.path,
    stdbuf: tools.all('stdbuf')[0]?.path,
  };
  return {
    tools,
    runner: makeRunner(place),
    folder: join(run, 'work'),
    userName: user?.name,
    close: () => rmSync(run, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** The child's user may pass through the run's folder (0711) and owns what is inside `work` (0700). */
function makeRunFolder(temporary: string, user: ChildUser | undefined): string {
  const run = mkdtempSync(join(temporary, 'database-dump-'));
  const work = join(run, 'work');
  mkdirSync(work, { mode: 0o700 });
  if (user !== undefined) {
    chmodSync(run, 0o711);
    chownSync(work, user.uid, user.gid);
  }
  return run;
}

/** The least powerful user there is for our children; undefined where the machine has none. */
export function childUser(names: readonly string[] = CHILD_USERS, accounts = '/etc/passwd'): NamedUser | undefined {
  const lines = existsSync(accounts)
    ? readFileSync(accounts, 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
    : [];
  for (const wanted of names) {
    const [name, , uid, gid] = lines.find((fields) => fields[0] === wanted) ?? [];
    if (name !== undefined && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
