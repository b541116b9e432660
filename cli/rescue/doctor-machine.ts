import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../../src/domain/failure.ts';
import { loadSigningKey } from '../../src/pipeline/keys.ts';
import { fingerprint } from '../../src/pipeline/seal.ts';
import { SIGNING_KEY_FILE } from '../../src/runtime/rescue.ts';
import type { Check } from './doctor.ts';
import type { Session } from './session.ts';

interface Wanted {
  readonly program: string;
  /** A backup of any database needs it. */
  readonly always?: boolean;
  readonly purpose: string;
}

const WANTED: readonly Wanted[] = [
  { program: 'zstd', always: true, purpose: 'compression' },
  { program: 'pg_dump', purpose: 'backups of PostgreSQL' },
  { program: 'pg_restore', purpose: 'restores of PostgreSQL' },
  { program: 'psql', purpose: 'restores of PostgreSQL' },
  { program: 'mariadb-dump', purpose: 'backups of MariaDB' },
  { program: 'mariadb', purpose: 'restores of MariaDB' },
  { program: 'mysqldump', purpose: 'backups of MySQL' },
  { program: 'mysql', purpose: 'restores of MySQL' },
  { program: 'mongodump', purpose: 'backups of MongoDB' },
  { program: 'mongorestore', purpose: 'restores of MongoDB' },
];

/** Node, programs with their floors, the user they run as, the data folder and its key. */
export async function checkMachine({ rescue }: Session): Promise<Check[]> {
  const programs = WANTED.map((wanted) => checkProgram(rescue, wanted));
  return [
    { name: 'Node', verdict: 'ok', detail: process.versions.node },
    ...programs,
    checkUser(rescue),
    await checkDataFolder(rescue.dataFolder),
  ];
}

type Rescue = Session['rescue'];

function checkProgram({ workshop }: Rescue, { program, always, purpose }: Wanted): Check {
  const found = workshop.tools.all(program);
  const best = found[0];
  const bad = always ? ('fail' as const) : ('warn' as const);
  if (best === undefined) {
    return {
      name: program,
      verdict: bad,
      detail: `not found; needed for ${purpose}`,
      remedy: `Install ${program} and put it on PATH, or run scripts/bootstrap in a checkout.`,
      code: 'tool_missing',
    };
  }
  const floor = best.floor === undefined ? '' : ` (floor ${best.floor})`;
  const more =
    found.length > 1
      ? `, also ${found
          .slice(1, 4)
          .map(({ version }) => version)
          .join(', ')}`
      : '';
  const detail = `${best.version}${floor} ${best.path}${more}`;
  if (best.ok) return { name: program, verdict: 'ok', detail };
  const remedy = `Upgrade it: ${best.reason}.`;
  return { name: program, verdict: bad, detail, remedy, code: 'tool_too_old' };
}

function checkUser({ workshop, config }: Rescue): Check {
  const { user, runner } = workshop;
  if (!config.root) return { name: 'tools run as', verdict: 'ok', detail: 'yourself' };
  if (user !== undefined && runner.place.setpriv !== undefined) {
    return { name: 'tools run as', verdict: 'ok', detail: `${user.name} (uid ${user.uid}), without privileges` };
  }
  return {
    name: 'tools run as',
    verdict: 'warn',
    detail: 'root: a hostile server or dump that takes over a tool has the whole machine',
    remedy:
      user === undefined
        ? 'Make a user for them: useradd --system database-dump'
        : 'Install setpriv (package util-linux).',
  };
}

async function checkDataFolder(folder: string): Promise<Check> {
  try {
    accessSync(nearest(folder), constants.W_OK);
    const signer = await loadSigningKey(join(folder, SIGNING_KEY_FILE));
    const key =
      signer === undefined
        ? 'a signing key is made with the first backup'
        : `signing key ${fingerprint(signer.publicKey)}`;
    return { name: 'data folder', verdict: 'ok', detail: `${folder}: ${key}` };
  } catch (error) {
    return {
      name: 'data folder',
      verdict: 'fail',
      detail: `${folder}: ${messageOf(error)}`,
      remedy: 'Choose a folder of your own: --data-dir DIR',
      code: 'usage',
    };
  }
}

function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}
