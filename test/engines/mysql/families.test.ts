import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mysql } from '../../../src/engines/mysql/index.ts';
import { recognise } from '../../../src/engines/mysql/recognise.ts';
import { foreignPlain } from '../../../src/pipeline/foreign.ts';
import type { RestoreJob } from '../../../src/pipeline/pipeline.ts';
import { planRestore, planRestorePlain, restore, restorePlain } from '../../../src/pipeline/restore.ts';
import { describeWithMysql, dumpAll, plainOf, startTestServer, type TestServer } from '../../support/mysql-server.ts';
import { backUp, openTrial, type Trial } from '../../support/trial.ts';

// One suite with a server of each: it needs what the suites of both need.
describeWithMysql('a dump of one family for a server of the other', () => {
  let trial: Trial;
  let servers: readonly [TestServer, TestServer];

  beforeAll(async () => {
    trial = await openTrial({ belowFloor: false });
    servers = await Promise.all([startTestServer('MariaDB'), startTestServer('MySQL')]);
    for (const server of servers) {
      await server.sql('', 'CREATE DATABASE shop', 'CREATE DATABASE live');
      await server.sql('shop', 'CREATE TABLE t (id INT PRIMARY KEY)', 'INSERT INTO t VALUES (1), (2)');
      await server.sql('live', 'CREATE TABLE keep (id INT PRIMARY KEY)', 'INSERT INTO keep VALUES (7)');
    }
  }, 120_000);

  afterAll(async () => {
    for (const server of servers ?? []) await server.stop();
    trial?.close();
  });

  const jobs = (to: TestServer): RestoreJob[] => {
    const rest = { type: 'full', only: [], owners: true, acls: true, roles: {} } as const;
    return [
      { target: to.at('live'), mode: { kind: 'new', name: 'copy' }, ...rest },
      { target: to.at('live'), mode: { kind: 'swap', confirm: 'live', disconnect: false }, ...rest },
      { target: to.at('live'), mode: { kind: 'in-place', confirm: 'live' }, ...rest },
    ];
  };
  /** Everything there is on a server, and how often it was told to write anything. */
  const stateOf = async (server: TestServer) => [
    await mysql.admin(server.bench).list(server.at('')),
    await server.rows('live', 'SELECT * FROM keep'),
    await server.rows(
      '',
      "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_create_db', 'Com_drop_table', 'Com_insert')",
    ),
  ];
  const bothWays = () =>
    [
      [servers[0], servers[1]],
      [servers[1], servers[0]],
    ] as const;

  it('F17 is refused in the plan of every kind of restore, before anything is written, both ways', async () => {
    for (const [from, to] of bothWays()) {
      const manifest = await backUp(trial, mysql, from.at('shop'));
      const before = await stateOf(to);

      for (const job of jobs(to)) {
        const { items } = await planRestore(trial.needs(mysql), manifest, job);
        const done = restore(trial.needs(mysql), manifest, job);

        expect(items.filter(({ ok, blocks }) => !ok && blocks).map(({ name }) => name)).toEqual(['family']);
        await expect(done).rejects.toMatchObject({
          code: 'restore_refused',
          message: expect.stringContaining(`The dump is ${from.family}'s and the target is ${to.family}`),
        });
      }
      expect(await stateOf(to)).toEqual(before);
    }
  }, 120_000);

  it('F17 is known by its own first bytes where nothing else is known of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'families-'));
    try {
      for (const [from, to] of bothWays()) {
        const file = join(folder, `${from.family}.sql`);
        writeFileSync(file, (await dumpAll(from.bench, from.at('shop'))).bytes);
        const needs = trial.needs(mysql);
        const origin = { type: 'full', flavour: '', serverVersion: '', toolVersion: '' } as const;
        const dump = {
          plain: await foreignPlain(needs, file),
          origin: { ...origin, database: 'shop', inventory: undefined },
        };
        const before = await stateOf(to);

        for (const job of jobs(to)) {
          const { items } = await planRestorePlain(needs, dump, job);
          expect(items.find(({ name }) => name === 'family')).toMatchObject({ ok: false, blocks: true });
          await expect(restorePlain(trial.needs(mysql), dump, job)).rejects.toMatchObject({ code: 'restore_refused' });
        }
        expect(await stateOf(to)).toEqual(before);

        const [fresh] = jobs(from);
        if (fresh === undefined) throw new Error('no job');
        await restorePlain(trial.needs(mysql), dump, fresh);
        expect(await from.rows('copy', 'SELECT COUNT(*) FROM t')).toEqual([['2']]);
        await from.sql('', 'DROP DATABASE copy');
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 120_000);

  it('names the family of dumps of old tools too, and none where a dump names none', async () => {
    const heads = [
      ['-- MySQL dump 10.13  Distrib 5.7.44, for Linux (x86_64)\n', 'MySQL'],
      [
        '-- MySQL dump 10.16  Distrib 10.1.48-MariaDB, for debian-linux-gnu\n-- Server version\t10.1.48-MariaDB\n',
        'MariaDB',
      ],
      ['-- MariaDB dump 10.19  Distrib 10.5.21-MariaDB, for debian-linux-gnu (x86_64)\n', 'MariaDB'],
      ['/*M!999999\\- enable the sandbox mode */ \n-- anything\n', 'MariaDB'],
      ['CREATE TABLE t (a INT);\n', ''],
      ['', ''],
    ] as const;
    for (const [text, family] of heads) {
      expect([text, await recognise(plainOf(servers[0].bench, Buffer.from(text), 7))]).toEqual([text, family]);
    }
  });
}, ['MySQL']);
