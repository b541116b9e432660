import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Secret } from '../../../src/domain/secret.ts';
import type { Workbench } from '../../../src/engines/engine.ts';
import { conninfoValue, restoreCommand } from '../../../src/engines/postgres/commands.ts';
import { libpqEnvironment } from '../../../src/engines/postgres/environment.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { literal, quoted } from '../../../src/engines/postgres/names.ts';
import { openSession } from '../../../src/engines/postgres/session.ts';
import { makeRunner } from '../../../src/process/child.ts';
import { capture, endedWell } from '../../../src/process/run.ts';
import { atOnce } from '../../support/at-once.ts';
import { describeWith } from '../../support/need-programs.ts';
import { dumpOf, POSTGRES_PROGRAMS, restored, restoreRequest, unaccounted } from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { randomFrom, seed, sized, soaking } from '../../support/size.ts';

/** Passwords that files, URLs and shells each trip over (M9). */
const PASSWORDS = [
  'a:b',
  'back\\slash',
  '%41',
  'a@host/x',
  'new\nline',
  'trailing\r',
  '😀 emoji',
  'x'.repeat(1000),
  ' lead',
  'trail ',
  "it's",
  '"quoted"',
  '$HOME',
  '`id`',
  '#hash',
  'ünï',
  'a&b?c=d',
  "'; drop role x; --",
  // The driver prepares these as SASLprep says; the server does not, since one character is newer than its tables.
  'U\u0301 and 😀',
  '👨\u200d👩\u200d👧',
  // Mixed directions: not prepared either.
  'u\u0301 \u05d0',
  // And these both prepare.
  'u\u0301…',
  'no\u00a0break\u00adhere',
];

const ALPHABET = [...'abZ09 .-_=/:@?&#%$\'"\\`\n\t\r;,(){}[]<>|*!~^+', 'ü', '表', '😀', '\u0301', '\u202e'];

function randomText(next: () => number, longest: number): string {
  const length = 1 + Math.floor(next() * longest);
  return Array.from({ length }, () => ALPHABET[Math.floor(next() * ALPHABET.length)]).join('');
}

/** What fits into a name of the server: 63 bytes. */
function fitted(name: string): string {
  let text = name;
  while (Buffer.byteLength(text) > 60) text = [...text].slice(0, -1).join('');
  return text;
}

describeWith(POSTGRES_PROGRAMS, 'hostile names and passwords', () => {
  let server: PostgresServer;
  let bench: Workbench;
  let rogue: Server;
  let roguePort: number;
  let rogueConnections = 0;

  beforeAll(async () => {
    server = await startPostgres();
    bench = server.bench();
    rogue = createServer((socket) => {
      rogueConnections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => rogue.listen(0, '127.0.0.1', resolve));
    const address = rogue.address();
    roguePort = typeof address === 'object' && address !== null ? address.port : 0;
  }, 60_000);

  afterAll(async () => {
    await new Promise((resolve) => rogue.close(resolve));
    await server?.stop();
  });

  const hostile = (port: number) => [
    `postgresql://127.0.0.1:${port}/x`,
    `host=127.0.0.1 port=${port}`,
    '--help',
    '--file=/tmp/database-dump-f81',
    'a\'b"c\\d\ne',
    'Ünïcödé ☃',
    '*',
    ' space ',
    'host=evil',
    '-V',
    '-f/tmp/x',
    'service=x',
    'dbname=postgres host=/tmp',
    '$(touch /tmp/x)',
    'a.b',
    ';',
  ];

  it('F81 F82 T12 dumps and restores databases whose names are options, URLs or connection strings, and reaches nobody else', async () => {
    // Every name is dumped; in every run half of them are restored too, since a restore is told its names in the same way.
    const outcomes = await atOnce(hostile(roguePort), 3, async (name, n) => {
      await server.sql('postgres', `create database ${quoted(name)}`);
      await server.sql(
        name,
        `create table ${quoted(fitted(name))} (${quoted(fitted(name))} text); insert into ${quoted(fitted(name))} values (${literal(name)})`,
      );
      const dump = await dumpOf(bench, server.connection(name));
      const tables = Object.values(dump.session.inventory.tables).map(({ rows }) => rows);
      if (n % 2 === 1 && !soaking) return [name, dump.exit.code, tables, []];
      const target = server.connection(`copy ${n} of ${name}`.slice(0, 40));
      await postgres.admin(bench).create(target, target.database, dump.origin.inventory?.facts ?? {});
      const { report, inventory } = await restored(bench, dump, restoreRequest(target));
      return [name, dump.exit.code, tables, unaccounted(dump.session.inventory, inventory, report)];
    });

    expect(outcomes).toEqual(hostile(roguePort).map((name) => [name, 0, [1], []]));
    expect(rogueConnections).toBe(0);
  }, 7_200_000);

  it('F82 a name is literal for every program that connects, also for pg_dumpall and pg_restore', async () => {
    const name = `postgresql://127.0.0.1:${roguePort}/x`;
    const session = await postgres.openDump(bench, server.connection(name), {
      type: 'globals',
      include: [],
      exclude: [],
      lockWaitMs: 5000,
      blockLimitMs: 0,
      sourceDigest: false,
      passwordHashes: false,
    });
    const { exit, stdout } = await capture(bench.runner, session.command);
    await session.close();

    expect(endedWell(exit)).toBe(true);
    expect(stdout).toContain('-- PostgreSQL database cluster dump complete');
    expect(stdout).not.toContain('SCRAM-SHA-256$');
    expect(
      restoreCommand({ path: '/x', major: 15 } as never, server.connection(name), {
        applicationName: 'a',
        entries: undefined,
        flags: [],
      }).args[0],
    ).toBe('--dbname=');
    expect(conninfoValue("a'b\\c")).toBe("'a\\'b\\\\c'");
    expect(rogueConnections).toBe(0);
  });

  it('T12 tables and columns of random names come back, names and content', async () => {
    const next = randomFrom(seed);
    const names = new Set(Array.from({ length: sized(500, 10_000) }, () => fitted(randomText(next, 30))));
    await server.sql('postgres', 'create database "many names"');
    const statements = [...names].map(
      (name) =>
        `create table ${quoted(name)} (${quoted(name)} text); insert into ${quoted(name)} values (${literal(name)})`,
    );
    await server.sql('many names', statements.join(';\n'));
    const dump = await dumpOf(bench, server.connection('many names'), { sourceDigest: true });
    const target = server.connection('many copies');
    await postgres.admin(bench).create(target, 'many copies', dump.origin.inventory?.facts ?? {});

    const { report, inventory } = await restored(bench, dump, restoreRequest(target));

    expect(Object.keys(inventory.tables)).toHaveLength(names.size);
    console.log(`T12: PostgreSQL: ${names.size} names of tables and columns, seed ${seed}`);
    expect(unaccounted(dump.session.inventory, inventory, report)).toEqual([]);
  }, 7_200_000);

  it('F84 M9 T12 every password and user name logs in, by our driver and by libpq, and pg_dump takes it whole', async () => {
    const next = randomFrom(seed + 1);
    const random = Array.from({ length: sized(200, 10_000) - PASSWORDS.length }, () => randomText(next, 40));
    const accounts = [...PASSWORDS, ...random].map((password, n) => ({ user: userName(n, next), password }));
    const roles = accounts.map(
      ({ user, password }) => `create role ${quoted(user)} login password ${literal(password)}`,
    );
    await server.sql('postgres', 'create database "tiny one"');
    await server.sql('postgres', roles.join(';'));

    const failed = await atOnce(accounts, 4, async (account, n) => {
      const driver = await openSession(server.connection('tiny one', account), { applicationName: 't' }).then(
        (session) => session.end().then(() => true),
        () => false,
      );
      // The dump tool for what is known to be hard; for the rest a program that asks less, by the same library.
      const libpq = await (n < PASSWORDS.length ? pgDumpLogsIn(account) : psqlLogsIn(account));
      return driver && libpq ? [] : [n];
    });

    expect(accounts.length).toBeGreaterThanOrEqual(200);
    expect(failed.flat()).toEqual([]);
    const wrong = { user: accounts[0]?.user ?? '', password: 'U\u0301 and 😀, but wrong' };
    await expect(openSession(server.connection('tiny one', wrong), { applicationName: 't' })).rejects.toMatchObject({
      code: 'authentication_failed',
    });
    console.log(`T12: PostgreSQL: ${accounts.length} passwords and user names, seed ${seed}`);
  }, 7_200_000);

  it('F85 keeps the password out of the arguments, of errors and of what the tool says', async () => {
    const source = { ...server.connection('postgres'), password: new Secret('canary-password') };

    const error: unknown = await postgres.probe(bench, source).catch((thrown: unknown) => thrown);
    const session = await postgres.openDump(bench, server.connection('postgres'), {
      type: 'full',
      include: [],
      exclude: [],
      lockWaitMs: 100,
      blockLimitMs: 0,
      sourceDigest: false,
      passwordHashes: false,
    });
    await session.close();

    expect(JSON.stringify(session.command)).not.toContain(server.connection('postgres').password?.reveal());
    expect(error).toMatchObject({ code: 'authentication_failed' });
    expect(`${error}${JSON.stringify(error)}`).not.toContain('canary-password');
  });

  it('F86 gives libpq an environment in which nothing else of this machine is read', () => {
    const { env } = libpqEnvironment(
      { ...server.connection('x'), address: '127.0.0.1' },
      { applicationName: 'a', clientMajor: 16 },
    );

    expect(env).toMatchObject({
      PGSERVICEFILE: '/dev/null',
      PGSYSCONFDIR: '/dev/null',
      PGPASSFILE: '/dev/null',
      PGHOSTADDR: '127.0.0.1',
      PGREQUIREAUTH: 'scram-sha-256,none',
    });
    expect(() =>
      libpqEnvironment({ ...server.connection('x'), host: 'a,b' }, { applicationName: 'a', clientMajor: 16 }),
    ).toThrow('list of hosts');
    expect(() => libpqEnvironment({ ...server.connection('x\0y') }, { applicationName: 'a', clientMajor: 16 })).toThrow(
      'NUL',
    );
  });

  function userName(n: number, next: () => number): string {
    return `u${n} ${fitted(randomText(next, 12))}`;
  }

  const pgDumpLogsIn = (account: Account) => logsIn('pg_dump', ['--schema-only', '--no-password'], account);
  const psqlLogsIn = (account: Account) => logsIn('psql', ['-X', '-w', '-c', 'select 1'], account);

  async function logsIn(name: string, args: readonly string[], account: Account): Promise<boolean> {
    const tool = server.tools.all(name).find(({ major }) => major === server.major);
    const libpq = libpqEnvironment(server.connection('tiny one', account), {
      applicationName: 't',
      clientMajor: server.major,
    });
    // As ourselves: changing the user for each of hundreds of programs costs more than the log-in.
    const runner = makeRunner({ folder: bench.folder, user: undefined, setpriv: undefined, stdbuf: undefined });
    const { exit } = await capture(runner, { program: tool?.path ?? '', args, ...libpq });
    return endedWell(exit);
  }
});

interface Account {
  readonly user: string;
  readonly password: string;
}
