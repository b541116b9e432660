import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { differences } from '../../../src/domain/inventory.ts';
import { mysql } from '../../../src/engines/mysql/index.ts';
import {
  describeWithMysql,
  makeHostile,
  openSession,
  startTestServer,
  type TestServer,
} from '../../support/mysql-server.ts';

const OLD = [
  'CREATE TABLE cycle_a (id INT PRIMARY KEY, b INT, KEY (b))',
  'CREATE TABLE cycle_b (id INT PRIMARY KEY, a INT, CONSTRAINT to_a FOREIGN KEY (a) REFERENCES cycle_a (id))',
  'ALTER TABLE cycle_a ADD CONSTRAINT to_b FOREIGN KEY (b) REFERENCES cycle_b (id)',
  'INSERT INTO cycle_a VALUES (1, NULL)',
  'CREATE VIEW old_view AS SELECT * FROM cycle_a',
  'CREATE TRIGGER old_trigger BEFORE INSERT ON cycle_a FOR EACH ROW SET NEW.b = NULL',
  'CREATE PROCEDURE old_procedure() SELECT 1',
];

describeWithMysql('whole databases', (family) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer(family);
    await makeHostile(server, 'fresh');
  }, 120_000);

  afterAll(() => server?.stop());

  const admin = () => mysql.admin(server.bench);
  const inventory = (name: string) => mysql.inventory(server.bench, server.at(name), 'digests');

  it('are listed without those of the server, made with their character set, and told to be empty', async () => {
    const facts = {
      charset: 'latin1',
      collation: 'latin1_german2_ci',
      ...(family === 'MariaDB' ? { comment: "it's" } : {}),
    };
    await admin().create(server.at(''), "odd `name';", facts);
    const copy = await inventory("odd `name';");

    expect(await admin().list(server.at(''))).toEqual(expect.arrayContaining(['fresh', "odd `name';"]));
    expect(await admin().list(server.at(''))).not.toContain('mysql');
    expect(copy.facts).toEqual(facts);
    expect(await admin().isEmpty(server.at(''), "odd `name';")).toBe(true);
    expect(await admin().isEmpty(server.at(''), 'fresh')).toBe(false);
    await expect(admin().create(server.at(''), 'fresh', {})).rejects.toMatchObject({ code: 'target_not_empty' });
    await expect(admin().drop(server.at(''), 'MySQL')).rejects.toMatchObject({ code: 'usage' });
    await admin().drop(server.at(''), "odd `name';");
    expect(await admin().exists(server.at(''), "odd `name';")).toBe(false);
  });

  it('show who works in them, and can be cleared of them', async () => {
    const other = await openSession(server.at('fresh'));
    other.on('error', () => undefined);
    const lines = await admin().sessions(server.at(''), 'fresh');
    await admin().disconnect(server.at(''), 'fresh');

    expect(lines).toEqual([expect.stringMatching(/^session \d+ of root from 127\.0\.0\.1/)]);
    await expect(other.query('SELECT 1')).rejects.toThrow();
    expect(await admin().sessions(server.at(''), 'fresh')).toEqual([]);
  });

  it('that fail to swap have everything as before, with views, triggers, routines and events', async () => {
    await admin().create(server.at(''), 'current', { charset: 'latin1', collation: 'latin1_swedish_ci' });
    await server.sql('current', ...OLD);
    // Refuses the new home of one table: a file of that name is in the way only for the rename.
    await server.sql('', 'CREATE DATABASE blocker');
    const before = { current: await inventory('current'), fresh: await inventory('fresh') };
    const broken = { ...server.bench, runner: failingClient(server) };

    const swap = mysql.admin(broken).swap(server.at(''), { current: 'current', fresh: 'fresh', kept: 'kept' });

    await expect(swap).rejects.toMatchObject({
      code: 'restore_failed',
      message: expect.stringContaining('was undone'),
    });
    expect(differences(before.current, await inventory('current'))).toEqual([]);
    expect(differences(before.fresh, await inventory('fresh'))).toEqual([]);
    expect(await admin().exists(server.at(''), 'kept')).toBe(false);
  }, 120_000);

  it('swap: the fresh one takes the name, the old one is kept whole, nothing of either is lost', async () => {
    const before = { current: await inventory('current'), fresh: await inventory('fresh') };

    await admin().swap(server.at(''), { current: 'current', fresh: 'fresh', kept: 'kept' });

    expect(differences(before.fresh, await inventory('current'))).toEqual([]);
    expect(differences(before.current, await inventory('kept'))).toEqual([]);
    expect(await admin().exists(server.at(''), 'fresh')).toBe(false);
    await expect(
      admin().swap(server.at(''), { current: 'current', fresh: 'kept', kept: 'blocker' }),
    ).rejects.toMatchObject({
      code: 'target_not_empty',
    });
  }, 120_000);
});

/** The client that makes definitions again fails once, after the tables have changed places. */
function failingClient(server: TestServer): TestServer['bench']['runner'] {
  const { runner } = server.bench;
  let failed = false;
  return {
    place: runner.place,
    start: (command, options) => {
      const isClient = /\/(?:mysql|mariadb)$/.test(command.program);
      if (!isClient || failed) return runner.start(command, options);
      failed = true;
      return runner.start({ ...command, program: '/bin/false' }, options);
    },
  };
}
