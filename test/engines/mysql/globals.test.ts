import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Connection, GlobalsItem } from '../../../src/engines/engine.ts';
import { mysql } from '../../../src/engines/mysql/index.ts';
import { openServer } from '../../../src/engines/mysql/server.ts';
import {
  type Dumped,
  describeWithMysql,
  dumpAll,
  FULL,
  login,
  plainOf,
  restoreRequest,
  startTestServer,
  type TestServer,
} from '../../support/mysql-server.ts';

const ODD = "a;b'c`d\\";

function accounts(family: 'MariaDB' | 'MySQL'): string[] {
  const isMaria = family === 'MariaDB';
  const defaultRole = isMaria ? 'FOR' : 'TO';
  return [
    'CREATE DATABASE `odd db_%`',
    'CREATE TABLE `odd db_%`.t (a INT, b INT)',
    'CREATE ROLE readers',
    'CREATE ROLE writers',
    'GRANT SELECT ON `odd db_%`.* TO readers',
    'GRANT readers TO writers',
    "CREATE USER 'a;b''c`d\\\\'@'10.%' IDENTIFIED BY 'se''cret' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE NEVER",
    "CREATE USER plain@'%' IDENTIFIED BY 'p'",
    "GRANT SELECT (a), UPDATE (b) ON `odd db_%`.t TO plain@'%' WITH GRANT OPTION",
    "GRANT RELOAD, PROCESS ON *.* TO plain@'%'",
    "GRANT readers TO plain@'%'",
    `SET DEFAULT ROLE readers ${defaultRole} plain@'%'`,
    "CREATE USER gone@'%' IDENTIFIED BY 'g' ACCOUNT LOCK",
    "CREATE USER open@'%'",
    ...(isMaria
      ? [
          "CREATE USER sock@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('p')",
          "CREATE USER ed@'%' IDENTIFIED VIA unix_socket",
        ]
      : [
          `CREATE USER noted@'%' IDENTIFIED BY 'p' ATTRIBUTE '{"note": "it''s; a \\\\"note\\\\""}'`,
          "CREATE USER two@'%' IDENTIFIED BY 'p' DEFAULT ROLE readers, writers",
        ]),
  ];
}

describeWithMysql('accounts and grants', (family) => {
  let target: TestServer;
  /** Of the server as it was with all its accounts; the tests begin without them. */
  let saved: { readonly plain: Dumped; readonly hashed: Dumped };

  beforeAll(async () => {
    target = await startTestServer(family);
    await target.sql('', ...accounts(family));
    saved = { plain: await save(), hashed: await save(true) };
    await clear();
  }, 120_000);

  afterAll(() => target?.stop());

  const save = (passwordHashes = false) =>
    dumpAll(target.bench, target.at(''), { ...FULL, type: 'globals', passwordHashes });

  function bring(dump: Dumped, apply: boolean, to: Connection = target.at('')): Promise<readonly GlobalsItem[]> {
    const plain = plainOf(target.bench, dump.bytes, 64);
    return mysql.restoreGlobals(target.bench, plain, { origin: dump.origin, target: to, apply });
  }

  const outcomes = (items: readonly GlobalsItem[]) =>
    Object.fromEntries(items.map((item) => [item.name, item.outcome]));
  const linesOf = (dump: Dumped) =>
    dump.bytes
      .toString()
      .split('\n')
      .filter((line) => !/`(?:root|mysql\.\w+)`@/.test(line));

  async function clear(): Promise<void> {
    const { bytes } = await save();
    const made = [...bytes.toString().matchAll(/^CREATE (USER|ROLE) (`(?:[^`]|``)*`(?:@`[^`]*`)?)/gm)];
    for (const [, kind = '', name = ''] of made)
      if (!name.startsWith('`root`')) await target.sql('', `DROP ${kind} ${name}`);
  }

  it('a plan names what is missing and leaves the server as it was', async () => {
    const before = await save();

    const plan = await bring(saved.plain, false);

    expect((await save()).bytes.toString()).toBe(before.bytes.toString());
    expect(outcomes(plan)).toMatchObject({
      'user root@127.0.0.1': 'exists',
      [`user ${ODD}@10.%`]: 'missing',
      'user plain@%': 'missing',
      [family === 'MariaDB' ? 'role readers' : 'user readers@%']: 'missing',
    });
  });

  it('brings back accounts with their passwords, where hashes were asked for, roles, grants and default roles', async () => {
    const dump = saved.hashed;

    const items = await bring(dump, true);

    expect(items.filter(({ outcome, name }) => outcome === 'refused' && !name.includes('root'))).toEqual([]);
    expect(linesOf(await save(true))).toEqual(linesOf(dump));
    const session = await openServer(target.at('', login('plain', 'p')));
    const [row] = await session.rows('SELECT CURRENT_ROLE() AS role');
    await session.close();
    expect(row?.role).toContain('readers');
    const second = await bring(dump, true);
    expect(second.filter(({ outcome, name }) => outcome !== 'exists' && !name.includes('root'))).toEqual([]);
    await clear();
  });

  it('never writes a hash unasked, and restores an account without one locked, never open', async () => {
    const dump = saved.plain;

    const items = await bring(dump, true);

    expect(dump.bytes.toString()).not.toMatch(/\*[0-9A-F]{40}|0x2441|\$A\$/);
    expect(items.find(({ name }) => name === 'user plain@%')).toMatchObject({
      outcome: 'restored',
      detail: expect.stringContaining('ACCOUNT UNLOCK'),
    });
    for (const password of ['', 'p', 'invalid']) {
      await expect(openServer(target.at('', login('plain', password)))).rejects.toMatchObject({
        code: 'authentication_failed',
      });
    }
    // Unlocked by mistake it still lets nobody in without a password.
    await target.sql('', "ALTER USER plain@'%' ACCOUNT UNLOCK");
    for (const password of ['', 'p', 'invalid']) {
      await expect(openServer(target.at('', login('plain', password)))).rejects.toMatchObject({
        code: 'authentication_failed',
      });
    }
    await target.sql('', "ALTER USER plain@'%' IDENTIFIED BY 'new'");
    await (await openServer(target.at('', login('plain', 'new')))).close();
    expect(items.find(({ name }) => name === 'user open@%')?.detail).toBe('');
    await clear();
  });

  it('neither changes nor endows an account that was there before', async () => {
    await target.sql('', "CREATE USER plain@'%' IDENTIFIED BY 'mine'", "GRANT SHUTDOWN ON *.* TO plain@'%'");
    const before = linesOf(await save(true));

    const items = await bring(saved.hashed, true);

    const after = linesOf(await save(true)).filter((line) => line.includes('`plain`'));
    expect(after).toEqual(before.filter((line) => line.includes('`plain`')));
    expect(items.filter(({ name }) => name === 'user plain@%')).toEqual([
      { name: 'user plain@%', outcome: 'exists', detail: '' },
    ]);
    expect(items.find(({ name }) => name === 'grants of plain@%')).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('GRANT RELOAD, PROCESS ON *.* TO `plain`@`%`'),
    });
    await clear();
  });

  it('says which rights are missing: to read accounts, to make them, to give what they had', async () => {
    await target.sql(
      '',
      "CREATE USER little@'%' IDENTIFIED BY 'l'",
      "GRANT SELECT ON mysql.* TO little@'%'",
      "CREATE USER maker@'%' IDENTIFIED BY 'm'",
      "GRANT SELECT ON *.* TO maker@'%'",
      "GRANT CREATE USER ON *.* TO maker@'%'",
      "CREATE USER blind@'%' IDENTIFIED BY 'b'",
    );
    const dump = saved.hashed;

    const little = await bring(dump, false, target.at('', login('little', 'l')));
    const maker = await bring(dump, true, target.at('', login('maker', 'm')));
    const blind = mysql.openDump(target.bench, target.at('', login('blind', 'b')), { ...FULL, type: 'globals' });

    expect(little.find(({ name }) => name === 'user plain@%')).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('CREATE USER'),
    });
    expect(outcomes(maker)).toMatchObject({ 'user plain@%': 'restored', 'grants of plain@%': 'refused' });
    await expect(blind).rejects.toMatchObject({
      code: 'privilege_missing',
      remedy: expect.stringContaining('mysql.*'),
    });
    await clear();
  });

  it('F71 runs nothing but what makes an account that was not there', async () => {
    const dump = saved.plain;
    const evil = [
      "ALTER USER `root`@`127.0.0.1` IDENTIFIED BY 'stolen'",
      "GRANT ALL PRIVILEGES ON *.* TO `thief`@`%` IDENTIFIED BY 'x'",
      'DROP DATABASE `odd db_%`',
      'CREATE USER `nobody`@`%`; DROP USER `root`@`127.0.0.1`',
      "CREATE OR REPLACE USER `root`@`127.0.0.1` IDENTIFIED BY 'stolen'",
      'SET GLOBAL general_log = 1',
      'system touch /tmp/database-dump-f71',
    ];
    const text = dump.bytes.toString().replace('-- Dump completed', `${evil.join(';\n')};\n-- Dump completed`);

    const items = await bring({ ...dump, bytes: Buffer.from(text) }, true);

    expect(items.filter(({ detail }) => detail.includes('was not run'))).toHaveLength(evil.length);
    expect(await target.rows('', "SELECT COUNT(*) FROM mysql.user WHERE User = 'thief'")).toEqual([['0']]);
    expect(await target.rows('', "SHOW DATABASES LIKE 'odd db_%'")).toHaveLength(1);
    expect(await target.rows('', 'SELECT @@general_log')).toEqual([['0']]);
    await clear();
  });

  it('F4 level 2 reads the accounts to their end mark and misses what the server named', async () => {
    const dump = saved.plain;
    const parse = (bytes: Buffer) => mysql.parse(target.bench, plainOf(target.bench, bytes, 50), dump.origin);
    const text = dump.bytes.toString();

    expect(await parse(dump.bytes)).toEqual({ tables: {}, values: {}, warnings: [] });
    for (const at of [40, 200, text.length - 1]) {
      await expect(parse(dump.bytes.subarray(0, at))).rejects.toMatchObject({ code: 'dump_incomplete' });
    }
    await expect(parse(Buffer.from(`x${text}`))).rejects.toMatchObject({ code: 'backup_damaged' });
    const lacking = Buffer.from(text.replace(/GRANT RELOAD.*;\n/, ''));
    await expect(parse(lacking)).rejects.toMatchObject({
      code: 'dump_incomplete',
      message: expect.stringContaining('user plain@%'),
    });
  });

  it('keeps accounts out of databases', async () => {
    const { bytes, origin } = saved.plain;
    const request = restoreRequest(target.at('odd db_%'));

    const restored = mysql.restore(target.bench, plainOf(target.bench, bytes), { origin, request });

    await expect(restored).rejects.toMatchObject({
      code: 'restore_refused',
      remedy: expect.stringContaining('--globals'),
    });
  });

  it('refuses accounts of the other family before anything is run', async () => {
    const dump = saved.plain;
    const flavour = family === 'MariaDB' ? 'MySQL' : 'MariaDB';

    const foreign = bring({ ...dump, origin: { ...dump.origin, flavour } }, true);

    await expect(foreign).rejects.toMatchObject({ code: 'restore_refused', message: expect.stringContaining(flavour) });
  });
});
