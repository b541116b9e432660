import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type pg from 'pg';
import type { Workbench } from '../../../src/engines/engine.ts';
import { explainDump } from '../../../src/engines/postgres/explain.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { clientFor } from '../../../src/engines/postgres/programs.ts';
import { applicationName } from '../../../src/engines/postgres/session.ts';
import { endedWell } from '../../../src/process/run.ts';
import type { Tool, Toolbox } from '../../../src/process/tools.ts';
import { describeWith } from '../../support/need-programs.ts';
import { dumpOf, FULL, POSTGRES_PROGRAMS } from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { startTransactionPooler } from '../../support/transaction-pooler.ts';

const ROWS = 'create table public.t as select n, repeat(md5(n::text), 20) as text from generate_series(1, 5000) n';

describeWith(POSTGRES_PROGRAMS, 'faults while PostgreSQL is dumped', () => {
  let server: PostgresServer;
  let bench: Workbench;
  const clients: pg.Client[] = [];
  let number = 0;
  let database = '';

  beforeAll(async () => {
    server = await startPostgres();
    await server.sql(
      'postgres',
      "create role limited login password 'limited'; create role outsider login password 'outsider'",
    );
  }, 60_000);

  afterAll(() => server?.stop());

  beforeEach(async () => {
    number += 1;
    database = `f${number}`;
    bench = server.bench();
    await server.sql('postgres', `create database ${database}`);
    await server.sql(database, ROWS);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end();
  });

  const source = () => server.connection(database);
  const limited = () => server.connection(database, { user: 'limited', password: 'limited' });

  async function session(): Promise<pg.Client> {
    const client = await server.client(source());
    clients.push(client);
    return client;
  }

  const ours = async () =>
    server.sql(
      'postgres',
      "select application_name as name from pg_stat_activity where application_name like 'database-dump%'",
    );

  it('F1 M5 a backend that is ended while it is read ends the dump badly, whatever was written before', async () => {
    await server.sql(
      database,
      'insert into public.t select n, repeat(md5(n::text), 20) from generate_series(1, 40000) n',
    );
    const open = await postgres.openDump(bench, source(), FULL);
    const child = bench.runner.start(open.command);
    // Stopped at its first output, with tens of megabytes still to come: more than all buffers between hold.
    const first = await new Promise<Buffer>((resolve) => child.stdout?.once('data', resolve));
    if (child.pid !== undefined) process.kill(child.pid, 'SIGSTOP');
    await server.sql(
      'postgres',
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${applicationName(bench, '')}'`,
    );
    if (child.pid !== undefined) process.kill(child.pid, 'SIGCONT');
    child.stdout?.resume();
    const exit = await child.ended;
    await open.close();

    expect(first.length).toBeGreaterThan(0);
    expect(exit).toMatchObject({ code: 1, signal: null });
  });

  it('F5 fails for a role that may not read a table, instead of leaving it out', async () => {
    const probe = await postgres.probe(bench, limited());
    const dump = await dumpOf(bench, limited()).catch((error: Error) => error);

    expect(probe.privileges.filter(({ granted }) => !granted).map(({ remedy }) => remedy)).toContain(
      'GRANT pg_read_all_data TO "limited"',
    );
    expect(dump instanceof Error || !endedWell(dump.exit)).toBe(true);
  });

  it('F6 M22 refuses a role that row-level security would show a part, before and during the dump', async () => {
    await server.sql(
      database,
      'alter table public.t enable row level security; create policy p on public.t using (n < 10); grant select on public.t to limited',
    );

    const probe = await postgres.probe(bench, limited());
    const dump = await dumpOf(bench, limited()).catch((error: Error) => error);
    const owner = await postgres.probe(bench, source());

    expect(probe.obstacles).toEqual([expect.stringContaining('ALTER ROLE limited BYPASSRLS')]);
    expect(owner.obstacles).toEqual([]);
    expect(dump instanceof Error || !endedWell(dump.exit)).toBe(true);
    expect(postgres.openDump.toString()).not.toContain('enable-row-security');
  });

  it('F7 takes the client of the server’s own major, else the next newer, never an older one', () => {
    const box = toolbox([tool(15, '15.20', true), tool(17, '17.12', true), tool(18, '18.7', true)]);

    expect(clientFor(box, 'pg_dump', 15).version).toBe('15.20');
    expect(clientFor(box, 'pg_dump', 16).version).toBe('17.12');
    expect(() => clientFor(toolbox([tool(15, '15.20', true)]), 'pg_dump', 16)).toThrow(
      expect.objectContaining({ code: 'tool_too_old', remedy: expect.stringContaining('postgresql') }),
    );
    expect(() => clientFor(toolbox([]), 'pg_dump', 16)).toThrow(expect.objectContaining({ code: 'tool_missing' }));
    expect(() => clientFor(box, 'pg_dump', 9)).toThrow(expect.objectContaining({ code: 'server_unsupported' }));
  });

  it('F8 never uses a client below the security floor', () => {
    const box = toolbox([tool(18, '18.7', true), tool(15, '15.18', false)]);

    expect(clientFor(box, 'pg_dump', 15).version).toBe('18.7');
    expect(() => clientFor(toolbox([tool(15, '15.18', false)]), 'pg_dump', 15)).toThrow(
      expect.objectContaining({ code: 'tool_too_old' }),
    );
  });

  it('F9 a table that stays locked fails as dump_blocked and names who locks it', async () => {
    const blocker = await session();
    await blocker.query('begin; lock table public.t in access exclusive mode');
    const [{ pid = '' } = {}] = (await blocker.query('select pg_backend_pid()::text as pid')).rows;

    const started = performance.now();
    const error: unknown = await dumpOf(bench, source(), { lockWaitMs: 700 }).then(
      ({ exit }) => exit,
      (thrown: unknown) => thrown,
    );

    expect(error).toMatchObject({ code: 'dump_blocked', message: expect.stringContaining(String(pid)) });
    expect(performance.now() - started).toBeLessThan(8_000);
    expect(await ours()).toEqual([]);
  });

  it('F9 pg_dump’s own words about a lock become the same failure', () => {
    const stderr =
      'pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout\npg_dump: detail: Query was: LOCK TABLE public.t IN ACCESS SHARE MODE';

    expect(explainDump(stderr, { source: source(), lockWaitMs: 700, blocker: 'pid 7 of app' })).toMatchObject({
      code: 'dump_blocked',
      message: 'Session pid 7 of app held a lock on public.t for more than 700 ms.',
    });
  });

  it('F10 M26 T30 ends the dump once it holds up somebody for longer than allowed', async () => {
    const open = await postgres.openDump(bench, source(), { ...FULL, blockLimitMs: 600 });
    const migration = await session();
    const reader = await session();
    const started = performance.now();
    const altered = migration.query('alter table public.t add column later integer');
    await wait(100);
    const read = reader.query('select count(*) from public.t');

    await expect(open.watch).rejects.toMatchObject({ code: 'dump_blocked' });
    await Promise.all([altered, read]);

    expect(performance.now() - started).toBeLessThan(5_000);
    await open.close();
    expect(await ours()).toEqual([]);
  });

  it('F10 leaves a dump alone where no limit is set', async () => {
    const open = await postgres.openDump(bench, source(), { ...FULL, blockLimitMs: 0 });
    const migration = await session();
    const altered = migration.query('alter table public.t add column later integer');

    const first = await Promise.race([
      open.watch.then(
        () => 'ended',
        () => 'failed',
      ),
      wait(1_500).then(() => 'still there'),
    ]);
    await open.close();
    await altered;

    expect(first).toBe('still there');
  });

  it('F11 M23 a dump whose worker was killed while it waits for a lock is gone within seconds', async () => {
    const open = await postgres.openDump(bench, source(), { ...FULL, lockWaitMs: 600_000 });
    const blocker = await session();
    // The snapshot session's own lock is released, as if its worker had died.
    await server.sql(
      'postgres',
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% snapshot'",
    );
    await blocker.query('begin; lock table public.t in access exclusive mode');
    const { snapshot: _, ...rest } = { snapshot: true, ...open.command };
    const args = rest.args.filter((argument) => typeof argument !== 'string' || !argument.startsWith('--snapshot'));
    const child = bench.runner.start({ ...rest, args }, { stdout: 'ignore' });
    await until(async () => (await ours()).length === 1);
    if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL');
    await child.ended;

    await until(async () => (await ours()).length === 0, 10_000);
    await open.close();
  });

  it('F11 the next attempt ends what earlier runs left behind, and nobody else’s', async () => {
    const left = await server.client(source());
    const other = await server.client(source());
    clients.push(left, other);
    await left.query(
      "set application_name = 'database-dump 0-earlier'; begin; lock table public.t in access share mode",
    );
    await other.query("set application_name = 'database-dump-viewer'");
    const live = await session();
    const liveSnapshot = await session();
    await live.query("set application_name = 'database-dump living'");
    await liveSnapshot.query("set application_name = 'database-dump living snapshot'");

    await dumpOf(bench, source());

    const names = (
      await server.sql(
        'postgres',
        `select application_name as name from pg_stat_activity where datname = '${database}' order by 1`,
      )
    ).map(({ name }) => name);
    expect(names).toEqual(['database-dump living', 'database-dump living snapshot', 'database-dump-viewer']);
  });

  it('F12 a standby’s conflict is a failure of its own, worth another try', () => {
    const stderr =
      'pg_dump: error: Dumping the contents of table "t" failed: PQgetResult() failed.\npg_dump: detail: Error message from server: ERROR:  canceling statement due to conflict with recovery';

    expect(explainDump(stderr, { source: source(), lockWaitMs: 1, blocker: undefined })).toMatchObject({
      code: 'standby_conflict',
      remedy: expect.stringContaining('hot_standby_feedback'),
    });
  });

  it('F24 notices a pooler in transaction mode before it dumps', async () => {
    const pooler = await startTransactionPooler();
    const pooled = { ...source(), port: pooler.port };
    try {
      const error: unknown = await postgres.openDump(bench, pooled, FULL).catch((thrown: unknown) => thrown);

      expect(error).toMatchObject({ code: 'server_unsupported', message: expect.stringContaining('pooler') });
    } finally {
      await pooler.stop();
    }
    expect((await postgres.probe(bench, source())).obstacles).toEqual([]);
  });

  async function until(condition: () => Promise<boolean>, ms = 5_000): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      if (await condition()) return;
      await wait(50);
    }
    throw new Error('it did not come to that in time');
  }
});

function tool(major: number, version: string, ok: boolean): Tool {
  return {
    name: 'pg_dump',
    path: `/pg/${version}/pg_dump`,
    version,
    major,
    flavour: 'PostgreSQL',
    floor: '15.20',
    ok,
    reason: ok ? undefined : 'it is old',
    trial: false,
  };
}

function toolbox(tools: readonly Tool[]): Toolbox {
  return { all: (name) => tools.filter((candidate) => candidate.name === name) };
}
