import { chownSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Secret } from '../../../src/domain/secret.ts';
import type { Workbench } from '../../../src/engines/engine.ts';
import { explainConnection } from '../../../src/engines/postgres/connection-failure.ts';
import { createStatement } from '../../../src/engines/postgres/create-database.ts';
import { libpqEnvironment } from '../../../src/engines/postgres/environment.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { exactPattern, matching, selected } from '../../../src/engines/postgres/inventory/selection.ts';
import { openSession } from '../../../src/engines/postgres/session.ts';
import { capture } from '../../../src/process/run.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { describeWith } from '../../support/need-programs.ts';
import { dumpOf, FULL, POSTGRES_PROGRAMS, plainOf, restoreRequest } from '../../support/postgres-dumps.ts';
import { childUser, ownedFolder, type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { startRoguePostgres } from '../../support/rogue-postgres.ts';

describeWith(POSTGRES_PROGRAMS, 'PostgreSQL servers and whole databases', () => {
  let server: PostgresServer;
  let bench: Workbench;

  beforeAll(async () => {
    server = await startPostgres();
    bench = server.bench();
  }, 60_000);

  afterAll(() => server?.stop());

  const admin = () => postgres.admin(bench);
  const at = () => server.connection('postgres');

  it('makes, finds, lists, empties and drops databases of any name', async () => {
    const name = 'a "b"; drop database postgres';
    await admin().create(at(), name, { encoding: 'LATIN1', collate: 'C', ctype: 'C' });

    expect(await admin().exists(at(), name)).toBe(true);
    expect(await admin().isEmpty(at(), name)).toBe(true);
    expect(await admin().list(at())).toContain(name);
    expect((await postgres.inventory(bench, server.connection(name), 'counts')).facts.encoding).toBe('LATIN1');
    await server.sql(name, 'create table t (a integer)');
    expect(await admin().isEmpty(at(), name)).toBe(false);
    await admin().drop(at(), name);
    expect(await admin().exists(at(), name)).toBe(false);
    await expect(admin().create(at(), 'x'.repeat(64), {})).rejects.toMatchObject({ code: 'usage' });
    expect(createStatement('n', { encoding: 'UTF8', provider: 'i', locale: "de'x", collate: 'C' }, 15)).toBe(
      "create database \"n\" template template0 encoding 'UTF8' lc_collate 'C' locale_provider icu icu_locale 'de''x'",
    );
  });

  it('swaps names together or not at all, and lists who is in the way', async () => {
    await server.sql('postgres', 'create database current');
    await server.sql('postgres', 'create database fresh');
    await server.sql('fresh', 'create table here (a integer)');
    const session = await server.client(server.connection('current'));

    await expect(admin().swap(at(), { current: 'current', fresh: 'fresh', kept: 'kept' })).rejects.toMatchObject({
      code: 'target_in_use',
      message: expect.stringContaining('pid '),
    });
    await expect(admin().swap(at(), { current: 'current', fresh: 'absent', kept: 'kept' })).rejects.toThrow();
    expect(await admin().list(at())).toEqual(expect.arrayContaining(['current', 'fresh']));
    expect(await admin().exists(at(), 'kept')).toBe(false);
    expect(await admin().sessions(at(), 'current')).toEqual([expect.stringContaining('of admin')]);

    await admin().disconnect(at(), 'current');
    await admin().swap(at(), { current: 'current', fresh: 'fresh', kept: 'kept' });
    await session.end().catch(() => undefined);
    expect(await admin().list(at())).toEqual(expect.arrayContaining(['current', 'kept']));
    expect(await admin().exists(at(), 'fresh')).toBe(false);
    expect(await admin().isEmpty(at(), 'kept')).toBe(true);
  });

  it('runs one reading statement for an assertion and no other', async () => {
    await server.sql(
      'postgres',
      'create table public.orders (n integer); insert into public.orders values (1), (null)',
    );

    expect(await postgres.query(bench, at(), 'select n, n is null as missing from orders order by 1')).toEqual([
      ['1', 'f'],
      [null, 't'],
    ]);
    await expect(postgres.query(bench, at(), 'delete from orders')).rejects.toMatchObject({ code: 'usage' });
    await expect(postgres.query(bench, at(), 'commit; delete from orders')).rejects.toMatchObject({ code: 'usage' });
    expect(await postgres.query(bench, at(), 'select count(*) from orders')).toEqual([['2']]);
  });

  it('a cancel at any moment of a log-in ends it at once', async () => {
    for (let delay = 0; delay < 20; delay += 1) {
      const stopping = new AbortController();
      const opened = openSession(at(), { applicationName: 't', signal: stopping.signal }).then(
        (session) => session.end(),
        () => undefined,
      );
      setTimeout(() => stopping.abort(), delay);

      await opened;
    }
  }, 10_000);

  it('F76 starts a scratch server that nobody else can use and that leaves neither process nor folder', async () => {
    const dump = await dumpOf(bench, at());
    const scratch = await postgres.scratch(bench, dump.origin);
    const { connection } = scratch;
    const before = readdirSync(bench.folder);
    const wrong = openSession({ ...connection, password: new Secret('wrong') }, { applicationName: 't' });

    await expect(wrong).rejects.toMatchObject({ code: 'authentication_failed' });
    expect(connection.host).toBe('127.0.0.1');
    const [row] = await postgres.query(
      bench,
      connection,
      "select current_setting('fsync'), current_setting('listen_addresses'), current_setting('data_directory')",
    );
    expect(row?.slice(0, 2)).toEqual(['off', '127.0.0.1']);
    await scratch.stop();
    await scratch.stop();

    expect(before.some((name) => name.startsWith('scratch-'))).toBe(true);
    expect(readdirSync(bench.folder).filter((name) => name.startsWith('scratch-'))).toEqual([]);
    expect(existsSync(String(row?.[2]))).toBe(false);
    await expect(openSession(connection, { applicationName: 't' })).rejects.toMatchObject({
      code: 'database_unreachable',
    });
  }, 60_000);

  it('T24 runs the scratch server and the tools as another user where we are root', async () => {
    if (childUser() === undefined) return;
    const { stdout } = await capture(bench.runner, { program: '/usr/bin/id', args: ['-u'] });

    expect(Number(stdout)).toBe(childUser()?.uid);
  });

  it.each([['password'], ['md5']] as const)(
    'F103 gives no password to a server that asks for it as %s and is not proven',
    async (method) => {
      const rogue = await startRoguePostgres(method);
      const source = { ...server.connection('postgres', { user: 'u', password: 'canary-secret' }), port: rogue.port };
      try {
        await expect(openSession(source, { applicationName: 't' })).rejects.toMatchObject({
          code: 'tls_refused',
          message: expect.stringContaining('asks for the password'),
        });
        for (const tool of server.tools.all('psql').filter(({ major }) => major >= 16)) {
          const libpq = libpqEnvironment(source, { applicationName: 't', clientMajor: tool.major });
          const { exit } = await capture(bench.runner, {
            program: tool.path,
            args: ['-X', '-w', '-c', 'select 1'],
            ...libpq,
          });
          expect(exit.code).not.toBe(0);
        }
        expect(rogue.passwords()).toEqual([]);
        const consented = { ...source, options: { require_auth: method } };
        await openSession(consented, { applicationName: 't' }).catch(() => undefined);
        expect(rogue.passwords()).toHaveLength(1);
      } finally {
        await rogue.stop();
      }
    },
  );

  it.each(['password', 'md5'] as const)(
    'F103 an older client without TLS, which cannot refuse, is never started against a server that asks for %s',
    async (method) => {
      const rogue = await startRoguePostgres(method);
      const account = { user: 'u', password: 'canary-secret' };
      const source = { ...server.connection('postgres', account), port: rogue.port };
      const started: string[] = [];
      // No older one need be here, since none is started.
      const old = (name: string) => server.tools.all(name).map((tool) => ({ ...tool, major: 15, version: '15.20' }));
      const start: Workbench['runner']['start'] = (command, options) => {
        started.push(command.program);
        return bench.runner.start(command, options);
      };
      const watched = { ...bench, tools: { all: old }, runner: { ...bench.runner, start } };
      const dump = await dumpOf(bench, at());
      started.length = 0;
      try {
        const refused = { code: 'tls_refused', message: expect.stringContaining('asks for the password') };
        const bytes = plainOf(bench, dump.bytes);
        const job = { origin: dump.origin, request: restoreRequest(source) };
        await expect(postgres.openDump(watched, source, FULL)).rejects.toMatchObject(refused);
        await expect(postgres.openDump(watched, source, { ...FULL, type: 'globals' })).rejects.toMatchObject(refused);
        await expect(postgres.restore(watched, bytes, job)).rejects.toMatchObject(refused);
        await expect(postgres.plan(watched, dump.origin, job.request)).rejects.toMatchObject(refused);
        expect([started, rogue.passwords()]).toEqual([[], []]);
      } finally {
        await rogue.stop();
      }
    },
  );

  it('F103 every client that knows require_auth is told to take nothing but SCRAM from an unproven server', () => {
    const rules = [14, 15, 16, 17, 18].map((clientMajor) => {
      const { env } = libpqEnvironment(at(), { applicationName: 't', clientMajor });
      return [clientMajor, env.PGREQUIREAUTH];
    });

    expect(rules).toEqual([
      [14, undefined],
      [15, undefined],
      [16, 'scram-sha-256,none'],
      [17, 'scram-sha-256,none'],
      [18, 'scram-sha-256,none'],
    ]);
  });

  it('F103 asks an older client for channel binding over TLS, and takes any method only from a proven server', () => {
    const source = server.connection('postgres');
    const wish = { applicationName: 't', clientMajor: 15 };

    expect(libpqEnvironment({ ...source, tls: { mode: 'require' } }, wish).env).toMatchObject({
      PGCHANNELBINDING: 'require',
      PGSSLMODE: 'require',
    });
    expect(libpqEnvironment({ ...source, tls: { mode: 'verify-full' } }, { ...wish, caFile: '/ca' }).env).toMatchObject(
      { PGSSLROOTCERT: '/ca', PGSSLMODE: 'verify-full' },
    );
    expect(
      libpqEnvironment({ ...source, tls: { mode: 'verify-full' } }, { ...wish, caFile: '/ca' }).env,
    ).not.toHaveProperty('PGCHANNELBINDING');
  });

  it('F103 F88 checks the certificate against the name, and dials the address', async () => {
    const folder = ownedFolder('postgres-tls-');
    const certificate = await makeCertificate(folder, ['DNS:db.example']);
    const other = await makeCertificate(ownedFolder('postgres-tls-'), ['DNS:db.example']);
    const secured = await startPostgres({
      settings: ['ssl=on', "ssl_cert_file='server.crt'", "ssl_key_file='server.key'"],
      prepare: (data) => copyCertificate(certificate, data),
    });
    const source = { ...secured.connection('postgres'), host: 'db.example', address: '127.0.0.1' };
    const verified = { ...source, tls: { mode: 'verify-full', caFile: certificate.file } } as const;
    try {
      const dump = await dumpOf(secured.bench(), verified);
      expect(dump.exit).toMatchObject({ code: 0, stderr: '' });
      expect((await dumpOf(secured.bench(), { ...source, tls: { mode: 'require' } })).exit).toMatchObject({
        code: 0,
        stderr: '',
      });
      await expect(openSession({ ...verified, host: 'other.example' }, { applicationName: 't' })).rejects.toMatchObject(
        { code: 'tls_refused' },
      );
      await expect(
        openSession({ ...verified, tls: { mode: 'verify-full', caFile: other.file } }, { applicationName: 't' }),
      ).rejects.toMatchObject({ code: 'tls_refused' });
      await expect(openSession({ ...at(), tls: { mode: 'require' } }, { applicationName: 't' })).rejects.toMatchObject({
        code: 'tls_refused',
        message: expect.stringContaining('does not offer TLS'),
      });
    } finally {
      await secured.stop();
    }
  }, 60_000);

  it('says cause and remedy for whatever keeps it out', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const address = closed.address();
    await new Promise((resolve) => closed.close(resolve));
    const port = typeof address === 'object' && address !== null ? address.port : 1;
    await server.sql('postgres', 'create database closed');
    await server.sql(
      'postgres',
      "create role nologin password 'x'; revoke connect on database closed from public; create role outside login password 'x'",
    );
    const cases: [string, () => Promise<unknown>][] = [
      ['database_unreachable', () => postgres.probe(bench, { ...at(), port })],
      ['database_unreachable', () => postgres.probe(bench, { ...at(), host: 'no-such-host.invalid' })],
      [
        'authentication_failed',
        () => postgres.probe(bench, server.connection('postgres', { user: 'admin', password: 'wrong' })),
      ],
      ['authentication_failed', () => postgres.probe(bench, { ...at(), password: undefined })],
      [
        'authentication_failed',
        () => postgres.probe(bench, server.connection('postgres', { user: 'nologin', password: 'x' })),
      ],
      [
        'privilege_missing',
        () => postgres.probe(bench, server.connection('closed', { user: 'outside', password: 'x' })),
      ],
      ['not_found', () => postgres.probe(bench, server.connection('nowhere'))],
    ];

    for (const [code, attempt] of cases) {
      await expect(attempt()).rejects.toMatchObject({
        code,
        message: expect.stringMatching(/^.+\.$/),
        remedy: expect.stringMatching(/.+/),
      });
    }
    expect(explainConnection(new Error('sorry, too many clients already'), at())).toMatchObject({
      code: 'database_unreachable',
    });
  });

  it('matches tables by their very names first, by patterns after', () => {
    const tables = ['a*', 'ab', 'orders', 'Order Lines'].map((name, n) => ({
      id: String(n),
      schema: 'public',
      name,
      partOf: [],
    }));

    expect(matching('a*', tables).map(({ name }) => name)).toEqual(['a*']);
    expect(matching('public.a?', tables).map(({ name }) => name)).toEqual(['a*', 'ab']);
    expect(matching('public."Order Lines"', tables)).toHaveLength(1);
    expect(matching('public.Order Lines', tables)).toHaveLength(1);
    expect(selected(tables, { include: ['*'], exclude: ['ord*'] }).map(({ name }) => name)).toEqual([
      'a*',
      'ab',
      'Order Lines',
    ]);
    expect(exactPattern({ schema: 's"', name: 'a.*' })).toBe('"s"""."a.*"');
  });
});

function copyCertificate({ cert, key }: { cert: string; key: string }, data: string): void {
  for (const [name, content] of [
    ['server.crt', cert],
    ['server.key', key],
  ] as const) {
    writeFileSync(`${data}/${name}`, content, { mode: 0o600 });
    const user = childUser();
    if (user !== undefined) chownSync(`${data}/${name}`, user.uid, user.gid);
  }
}
