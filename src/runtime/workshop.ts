import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ChildUser, makeRunner, type Place, type Runner } from '../process/child.ts';
import { requireReach } from '../process/reach.ts';
import { findTools, type Toolbox } from '../process/tools.ts';
import type { Config } from './config.ts';

/** This machine as one command uses it: programs, the user they run as, and a folder that is gone afterwards. */
export interface Workshop {
  readonly tools: Toolbox;
  readonly runner: Runner;
  /** The user children run as, where it is not our own. */
  readonly user: NamedUser | undefined;
  /** An empty folder that only the children of one run and we may enter. */
  folder(runId: string): string;
  close(): void;
}

export interface NamedUser extends ChildUser {
  readonly name: string;
}

/** Users that children run as when we are root, best first. */
const CHILD_USERS = ['database-dump', 'nobody'] as const;

/** Finds the programs and makes the folder that everything temporary lies in. */
export async function openWorkshop(config: Config): Promise<Workshop> {
  const user = config.root ? childUser() : undefined;
  if (user !== undefined) await requireReach(join(config.temporary, 'run'), user);
  const tools = await findTools({ path: config.path, caches: config.caches, ...(user === undefined ? {} : { user }) });
  // Ours alone: a child that could rename its entries could make us write or change owners elsewhere.
  const top = mkdtempSync(join(config.temporary, 'database-dump-'));
  if (user !== undefined) chmodSync(top, 0o711);
  const place: Place = {
    folder: top,
    user,
    setpriv: tools.all('setpriv')[0]?.path,
    stdbuf: tools.all('stdbuf')[0]?.path,
  };
  return {
    tools,
    runner: makeRunner(place),
    user,
    folder: (runId) => makeRunFolder(join(top, runId), user),
    close: () => rmSync(top, { recursive: true, force: true, maxRetries: 3 }),
  };
}

function makeRunFolder(folder: string, user: ChildUser | undefined): string {
  mkdirSync(folder, { mode: 0o700 });
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  return folder;
}

/** The least powerful user there is for our children; undefined where the machine has none. */
export function childUser(names: readonly string[] = CHILD_USERS, accounts = '/etc/passwd'): NamedUser | undefined {
  const text = existsSync(accounts) ? readFileSync(accounts, 'utf8') : '';
  const lines = text.split('\n').map((line) => line.split(':'));
  for (const wanted of names) {
    const [name, , uid, gid] = lines.find((fields) => fields[0] === wanted) ?? [];
    if (name !== undefined && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
