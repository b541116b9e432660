import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { DumpRequest, DumpSession } from '../../../src/engines/engine.ts';
import { mysql } from '../../../src/engines/mysql/index.ts';
import { chooseProgram } from '../../../src/engines/mysql/programs.ts';
import type { Child, Exit } from '../../../src/process/child.ts';
import {
  describeWithMysql,
  dumpAll,
  FULL,
  login,
  openSession,
  plainOf,
  restoreRequest,
  startTestServer,
  type TestServer,
} from '../../support/mysql-server.ts';

interface Paused {
  readonly session: DumpSession;
  readonly child: Child;
  /** Lets the tool go on and waits for its end. */
  finish(): Promise<{ readonly exit: Exit; readonly bytes: Buffer }>;
}

describeWithMysql('a dump of a living server', (family) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer(family, { extra: ['--net-write-timeout=600'] });
    await server.sql('', 'CREATE DATABASE live');
    await server.sql(
      'live',
      'CREATE TABLE a_big (id INT PRIMARY KEY, v LONGTEXT)',
      "INSERT INTO a_big VALUES (1, REPEAT('x', 4000000)), (2, REPEAT('y', 4000000)), (3, REPEAT('z', 4000000))",
      'INSERT INTO a_big SELECT id + 3, v FROM a_big',
      'INSERT INTO a_big SELECT id + 6, v FROM a_big',
    );
  }, 120_000);

  afterAll(() => server?.stop());

  /** A dump that stands still while it reads the first, big table: its output is not read. */
  async function pause(changes: Partial<DumpRequest> = {}): Promise<Paused> {
    await server.sql(
      'live',
      'DROP TABLE IF EXISTS z_last',
      'CREATE TABLE z_last (id INT PRIMARY KEY)',
      'INSERT INTO z_last VALUES (1), (2)',
    );
    const session = await mysql.openDump(server.bench, server.at('live'), { ...FULL, ...changes });
    const child = server.bench.runner.start(session.command, { stdout: 'pipe' });
    await waitFor(async () =>
      (await statementsOf('live')).some((text) => text.includes('a_big') && text.startsWith('SELECT')),
    );
    return {
      session,
      child,
      finish: async () => {
        const chunks: Buffer[] = [];
        child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
        return { exit: await child.ended, bytes: Buffer.concat(chunks) };
      },
    };
  }

  async function end({ session, child }: Paused): Promise<void> {
    child.kill();
    child.stdout?.resume();
    await child.ended;
    await session.close();
  }

  async function watchOf(session: DumpSession): Promise<unknown> {
    await session.close();
    return session.watch.then(
      () => 'content',
      (error: unknown) => error,
    );
  }

  async function statementsOf(database: string): Promise<string[]> {
    const rows = await server.rows('', 'SHOW FULL PROCESSLIST');
    return rows.filter((row) => row[3] === database).map((row) => row[7] ?? '');
  }

  for (const statement of ['ALTER TABLE z_last ADD COLUMN more INT', 'TRUNCATE TABLE z_last', 'DROP TABLE z_last']) {
    it(`F13 M15 ${statement.split(' ')[0]} during a dump ends it as a changed schema`, async () => {
      const paused = await pause();
      try {
        await server.sql('live', statement);
        const { exit } = await paused.finish();
        // Some servers add a column so quietly that the tool ends well: the watch must then say it.
        const said = exit.code === 0 ? await watchOf(paused.session) : paused.session.explain(exit.stderr);

        expect(said).toMatchObject({ code: 'schema_changed', message: expect.stringContaining('z_last') });
      } finally {
        await end(paused);
      }
    }, 60_000);
  }

  it('F13 a view that is made during a dump is noticed, though the tool does not', async () => {
    const paused = await pause();
    try {
      await server.sql('live', 'CREATE OR REPLACE VIEW new_view AS SELECT 1 AS one');

      await expect(paused.session.watch).rejects.toMatchObject({ code: 'schema_changed' });
    } finally {
      await end(paused);
      await server.sql('live', 'DROP VIEW IF EXISTS new_view');
    }
  }, 60_000);

  it('F9 a table that somebody has locked ends the dump in time, by name of the session', async () => {
    const holder = await openSession(server.at('live'));
    const paused = await pause({ lockWaitMs: 2_000 });
    try {
      await holder.query('LOCK TABLES z_last WRITE');
      const finished = paused.finish();

      const failure = await Promise.race([
        paused.session.watch.then(
          () => undefined,
          (error: unknown) => error,
        ),
        finished.then(({ exit }) => paused.session.explain(exit.stderr)),
      ]);

      expect(failure).toMatchObject({ code: 'dump_blocked' });
    } finally {
      await end(paused);
      await holder.end();
    }
  }, 60_000);

  it('F10 a dump that keeps a migration waiting is ended, and its session with it', async () => {
    const paused = await pause({ blockLimitMs: 2_000 });
    const migration = await openSession(server.at('live'));
    try {
      const altered = migration.query("ALTER TABLE a_big COMMENT = 'changed'");

      await expect(paused.session.watch).rejects.toMatchObject({
        code: 'dump_blocked',
        message: expect.stringContaining('a_big'),
      });
      await end(paused);
      await altered;

      expect((await statementsOf('live')).filter((text) => text.startsWith('SELECT'))).toEqual([]);
    } finally {
      await end(paused);
      await migration.end();
    }
  }, 60_000);

  /** Sessions that read rows for a dump, by their number; what a tool asks before it names the table too, and is over at once. */
  async function readers(): Promise<string[]> {
    const rows = await server.rows('', 'SHOW FULL PROCESSLIST');
    return rows.filter((row) => /^SELECT .*SQL_NO_CACHE.*a_big/.test(row[7] ?? '')).map(([id]) => id ?? '');
  }

  /** A dump of another run that stands still in the middle; a tool that is stopped is like a machine that is gone. */
  async function standing(runId: string, { marked = true } = {}) {
    const bench = { ...server.bench, runId };
    const before = new Set(await readers());
    const session = await mysql.openDump(bench, server.at('live'), FULL);
    const args = session.command.args.filter((argument) => marked || !String(argument).startsWith('--where'));
    const child = server.bench.runner.start({ ...session.command, args }, { stdout: 'pipe' });
    let id: string | undefined;
    await waitFor(async () => {
      id = (await readers()).find((reader) => !before.has(reader));
      return id !== undefined;
    });
    if (child.pid !== undefined) process.kill(child.pid, 'SIGSTOP');
    return {
      id,
      /** Ends our session of that run, as the end of its worker does. */
      die: async () => {
        const lock = `SELECT IS_USED_LOCK('database-dump ${runId}')`;
        const [[holder]] = (await server.rows('', lock)) as [[string]];
        await server.sql('', `KILL ${holder}`);
      },
      end: async () => {
        if (child.pid !== undefined) process.kill(child.pid, 'SIGCONT');
        await end({ session, child, finish: () => Promise.reject(new Error('not this way')) });
      },
    };
  }

  it('F11 M23 the next dump ends what a dead run left on the server, and nobody else’s', async () => {
    const dead = await standing('run-dead');
    const living = await standing('run-living');
    const foreign = await standing('run-foreign', { marked: false });
    const notes = server.bench.notes.length;
    try {
      expect(new Set(await readers())).toEqual(new Set([dead.id, living.id, foreign.id]));
      await dead.die();
      await foreign.die();

      const next = await mysql.openDump({ ...server.bench, runId: 'run-next' }, server.at('live'), FULL);
      await waitFor(async () => !(await readers()).includes(dead.id ?? ''));
      await next.close();

      expect(new Set(await readers())).toEqual(new Set([living.id, foreign.id]));
      expect(server.bench.notes.slice(notes)).toEqual([expect.stringMatching(/^Ended 1 dump/)]);
    } finally {
      for (const one of [dead, living, foreign]) await one.end();
    }
  }, 60_000);

  it('F11 an attempt ends the dump of an earlier attempt of its own run, and leaves another database’s alone', async () => {
    const earlier = await standing('run-again');
    await server.sql('', 'CREATE DATABASE IF NOT EXISTS beside');
    await server.sql('beside', 'CREATE TABLE IF NOT EXISTS t (id INT)');
    const again = { ...server.bench, runId: 'run-again' };
    try {
      await (await mysql.openDump(again, server.at('beside'), FULL)).close();
      expect(await readers()).toEqual([earlier.id]);

      await (await mysql.openDump(again, server.at('live'), FULL)).close();
      await waitFor(async () => (await readers()).length === 0);
    } finally {
      await earlier.end();
    }
  }, 60_000);

  it('F14 tables outside the snapshot make the dump partial and are named', async () => {
    await server.sql('', 'CREATE DATABASE mixed');
    await server.sql(
      'mixed',
      'CREATE TABLE inno (id INT)',
      'CREATE TABLE isam (id INT) ENGINE=MyISAM',
      'CREATE TABLE mem (id INT) ENGINE=MEMORY',
    );
    const session = await mysql.openDump(server.bench, server.at('mixed'), FULL);
    const clean = await mysql.openDump(server.bench, server.at('mixed'), { ...FULL, include: ['inno'] });
    await session.close();
    await clean.close();
    const probe = await mysql.probe(server.bench, server.at('mixed'));

    expect(session.consistency).toBe('partial');
    expect(session.warnings.join('\n')).toMatch(/isam \(MyISAM\)[\s\S]*mem/);
    expect(probe.warnings.join('\n')).toContain('isam (MyISAM)');
    expect(clean.consistency).toBe('snapshot');
    expect(clean.uncounted).toEqual(['inno']);
  });

  it('F15 routines, events and triggers are always asked for', async () => {
    const session = await mysql.openDump(server.bench, server.at('mixed'), FULL);
    await session.close();

    expect(session.command.args).toEqual(expect.arrayContaining(['--routines', '--events', '--triggers']));
  });

  it('F16 no GTID set and no switch of the binary log is in a dump; where the log stood is told beside it', async () => {
    const { bytes } = await dumpAll(server.bench, server.at('mixed'));
    const session = await mysql.openDump(server.bench, server.at('mixed'), FULL);
    await session.close();

    expect(bytes.toString('utf8')).not.toMatch(/GTID_PURGED|SQL_LOG_BIN|CHANGE (?:MASTER|REPLICATION)/i);
    expect(session.snapshotId).toMatch(/^binlog\.\d+:\d+$/);
  });

  it('F18 definers are told before a restore, and mapped or given up in it', async () => {
    await server.sql(
      '',
      "CREATE USER 'limited'@'%' IDENTIFIED BY 'limited'",
      'CREATE DATABASE own',
      'CREATE DATABASE coded',
    );
    await server.sql('', "GRANT ALL PRIVILEGES ON own.* TO 'limited'@'%'");
    await server.sql(
      'coded',
      'CREATE TABLE t (a INT)',
      'CREATE VIEW v AS SELECT * FROM t',
      'CREATE PROCEDURE p() SELECT 1',
      'CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1',
    );
    const { bytes, origin } = await dumpAll(server.bench, server.at('coded'));
    const target = server.at('own', login('limited', 'limited'));
    const plain = plainOf(server.bench, bytes);

    const plan = await mysql.plan(server.bench, origin, restoreRequest(target));
    const asIs = mysql.restore(server.bench, plain, { origin, request: restoreRequest(target) });
    await expect(asIs).rejects.toMatchObject({ code: 'restore_failed', remedy: expect.stringContaining('--role-map') });
    await mysql.admin(server.bench).drop(server.at(''), 'own');
    await mysql.admin(server.bench).create(server.at(''), 'own', {});
    const request = restoreRequest(target, { roles: { 'root@localhost': 'limited@%', 'root@127.0.0.1': 'limited@%' } });
    const mappedPlan = await mysql.plan(server.bench, origin, request);
    const report = await mysql.restore(server.bench, plain, { origin, request });
    const copy = await mysql.inventory(server.bench, target, 'counts');

    expect(plan.filter(({ blocks }) => blocks).map(({ name }) => name)).toEqual([
      expect.stringContaining('definer root@'),
    ]);
    expect(mappedPlan.filter(({ blocks }) => blocks)).toEqual([]);
    expect(JSON.parse(copy.facts.definers ?? '')).toEqual(['limited@%']);
    expect(report.notices).toHaveLength(3);
    expect([...report.accounted].sort()).toEqual(['definers', 'procedure p', 'trigger tr', 'view v']);
  }, 60_000);

  it('F5 rights that would make objects vanish silently refuse the dump, each with its GRANT', async () => {
    await server.sql('', "CREATE USER 'poor'@'%' IDENTIFIED BY 'poor'", "GRANT SELECT ON coded.t TO 'poor'@'%'");
    const source = server.at('coded', login('poor', 'poor'));

    const before = await mysql.probe(server.bench, source);
    await server.sql('', ...before.privileges.map(({ remedy }) => remedy.replace(/;$/, '')));
    const after = await mysql.probe(server.bench, source);

    expect(before.obstacles.length).toBeGreaterThanOrEqual(4);
    expect(before.obstacles.join('\n')).toContain('GRANT TRIGGER ON `coded`.* TO `poor`@`%`');
    expect(after.obstacles).toEqual([]);
    expect(after.privileges.every(({ granted }) => granted)).toBe(true);
  });

  it('F18 a view of an absent account is told before the dump fails on it', async () => {
    await server.sql(
      '',
      'CREATE DATABASE orphan',
      "CREATE USER 'gone'@'%' IDENTIFIED BY 'x'",
      "GRANT ALL ON orphan.* TO 'gone'@'%'",
    );
    await server.sql('orphan', 'CREATE TABLE t (a INT)', "CREATE DEFINER='gone'@'%' VIEW v AS SELECT * FROM t");
    // MySQL refuses to drop an account that objects run as, unless it may leave them orphaned.
    await server.sql('', "DROP USER 'gone'@'%'");

    const probe = await mysql.probe(server.bench, server.at('orphan'));
    const dump = await dumpAll(server.bench, server.at('orphan')).then(
      () => undefined,
      (error: unknown) => error,
    );

    // Whether the tool may read such a view depends on the server; the probe must know.
    expect(probe.obstacles.length > 0).toBe(dump !== undefined);
    if (dump !== undefined) expect(dump).toMatchObject({ remedy: expect.any(String) });
  });

  it('F7 the dump tool is of the family of the server and not older than it', () => {
    const { tools } = server.bench;
    const { path } = chooseProgram(tools, 'dump', { family, version: server.tool.version });
    const onlyOther = { all: (name: string) => tools.all(name).filter((tool) => tool.flavour !== family) };

    expect(tools.all(path.split('/').at(-1) ?? '').find((tool) => tool.path === path)?.flavour).toBe(family);
    expect(() => chooseProgram(onlyOther, 'dump', { family, version: '8.0' })).toThrow(
      expect.objectContaining({ code: 'tool_missing' }),
    );
    expect(() => chooseProgram(tools, 'dump', { family, version: '99.1' })).toThrow(
      expect.objectContaining({ code: 'tool_too_old' }),
    );
  });

  it('M12 a crafted dump runs nothing on this machine, whichever way it reaches the client', async () => {
    await server.sql('', 'CREATE DATABASE crafted');
    const marker = `/tmp/database-dump-m12-${process.pid}`;
    for (const command of [`\\! touch ${marker}`, `system touch ${marker};`, `SELECT 1; \\! touch ${marker}`]) {
      const bytes = Buffer.from(`${command}\n-- Dump completed\n`);
      const origin = {
        type: 'full',
        flavour: family,
        serverVersion: server.tool.version,
        toolVersion: '',
        database: '',
        inventory: undefined,
      } as const;
      const job = { origin, request: restoreRequest(server.at('crafted')) };
      const { code, exists } = await direct(bytes, marker);

      await expect(mysql.restore(server.bench, plainOf(server.bench, bytes), job)).rejects.toMatchObject({
        code: 'restore_refused',
      });
      expect(code).not.toBe(0);
      expect(exists).toBe(false);
    }
  });

  /** Past our own reader, straight into the client as we start it. */
  async function direct(bytes: Buffer, marker: string) {
    const { restoreCommand } = await import('../../../src/engines/mysql/commands.ts');
    const { existsSync } = await import('node:fs');
    const { run } = await import('../../../src/process/run.ts');
    const client = chooseProgram(server.bench.tools, 'client', { family, version: server.tool.version });
    const exit = await run(server.bench.runner, restoreCommand(client, server.at('crafted')), {
      input: plainOf(server.bench, bytes).bytes(),
    });
    return { code: exit.code, exists: existsSync(marker) };
  }
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 300; round += 1) {
    if (await condition()) return;
    await delay(100);
  }
  throw new Error('waited in vain');
}
