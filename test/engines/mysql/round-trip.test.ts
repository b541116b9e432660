import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Difference, differences, type Inventory } from '../../../src/domain/inventory.ts';
import { mysql } from '../../../src/engines/mysql/index.ts';
import type { FixtureFamily } from '../../support/mysql-fixture.ts';
import {
  type Dumped,
  describeWithMysql,
  dumpAll,
  FULL,
  makeHostile,
  plainOf,
  restoreRequest,
  startTestServer,
  type TestServer,
} from '../../support/mysql-server.ts';

/** Every kind of thing the hostile database must hold, as a query that counts it. */
const KINDS: Readonly<Record<string, string>> = {
  'tables with odd names': `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='src' AND TABLE_NAME REGEXP '[^a-z_0-9]'`,
  'a bit column': type('bit'),
  'a geometry column': type('geometry'),
  'a polygon column': type('polygon'),
  'an enum column': type('enum'),
  'a set column': type('set'),
  'a year column': type('year'),
  'a blob column': type('longblob'),
  'a decimal column': type('decimal'),
  'a timestamp column': type('timestamp'),
  'a JSON column': `SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='src' AND COLUMN_NAME='c_json'`,
  'virtual columns': extra('VIRTUAL GENERATED'),
  'stored columns': extra('STORED GENERATED'),
  'invisible columns': extra('INVISIBLE'),
  checks: `SELECT COUNT(*) FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA='src'`,
  'foreign keys in a cycle': `SELECT COUNT(*) = 2 FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA='src' AND TABLE_NAME LIKE 'cycle%'`,
  partitions: `SELECT COUNT(*) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA='src' AND PARTITION_NAME IS NOT NULL`,
  'full-text indexes': index('FULLTEXT'),
  'descending indexes': `SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='src' AND COLLATION='D'`,
  'views of another account': `SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA='src' AND DEFINER LIKE 'app%'`,
  'views with a check option': `SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA='src' AND CHECK_OPTION='LOCAL'`,
  procedures: routine('PROCEDURE'),
  functions: routine('FUNCTION'),
  'routines in another sql_mode': `SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='src' AND SQL_MODE LIKE '%NO_BACKSLASH_ESCAPES%'`,
  'triggers in an order': `SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='src' AND ACTION_ORDER=3`,
  'recurring events': `SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA='src' AND EVENT_TYPE='RECURRING'`,
  'events in another zone': `SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA='src' AND TIME_ZONE='+05:30'`,
  'MyISAM tables': `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='src' AND ENGINE='MyISAM'`,
  'zero dates': `SELECT COUNT(*) FROM zero_dates WHERE CAST(d AS CHAR)='0000-00-00'`,
  'an id of zero': 'SELECT COUNT(*) FROM zero_id WHERE id=0',
  'emoji in text': `SELECT COUNT(*) FROM every_type WHERE HEX(c_varchar) LIKE '%F09F9880%'`,
  'the end marker in a value': `SELECT COUNT(*) FROM every_type WHERE c_mediumtext='-- Dump completed'`,
  'two equal rows': 'SELECT COUNT(*) > 2 FROM no_key WHERE a=1',
};

const FAMILY_KINDS: Readonly<Record<FixtureFamily, Readonly<Record<string, string>>>> = {
  MariaDB: {
    sequences: `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='src' AND TABLE_TYPE='SEQUENCE'`,
    'system-versioned tables': `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='src' AND TABLE_TYPE='SYSTEM VERSIONED'`,
    'rows of the past': 'SELECT COUNT(*) = 3 FROM versioned FOR SYSTEM_TIME ALL',
    packages: routine('PACKAGE BODY'),
    'a UUID column': type('uuid'),
    'an INET6 column': type('inet6'),
    'application-time periods': `SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='src' AND TABLE_NAME='period_of_time'`,
    'Aria tables': `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='src' AND ENGINE='Aria'`,
  },
  MySQL: {
    'functional indexes': `SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='src' AND EXPRESSION IS NOT NULL`,
    'spatial indexes': index('SPATIAL'),
    'invisible indexes': `SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='src' AND IS_VISIBLE='NO'`,
    'a vector column': type('vector'),
    'GTID mode': "SELECT @@gtid_mode = 'ON'",
  },
};

function type(name: string): string {
  return `SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='src' AND DATA_TYPE='${name}'`;
}
function extra(text: string): string {
  return `SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='src' AND EXTRA LIKE '%${text}%'`;
}
function index(name: string): string {
  return `SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='src' AND INDEX_TYPE='${name}'`;
}
function routine(name: string): string {
  return `SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='src' AND ROUTINE_TYPE='${name}'`;
}

/** What changes one thing of the copy, and the one difference that must then be reported. */
const CHANGES: readonly (readonly [string, string])[] = [
  ['UPDATE cycle_a SET b_id = NULL WHERE id = 1', 'content cycle_a'],
  ["INSERT INTO log VALUES (1, 'x')", 'rows log'],
  ['DROP INDEX two ON every_type', 'index every_type.two'],
  ['ALTER TABLE zero_id AUTO_INCREMENT = 2000', 'value auto_increment zero_id'],
  ['ALTER TABLE self_ref DROP FOREIGN KEY self_ref_ibfk_1', 'foreign key self_ref.self_ref_ibfk_1'],
  ['ALTER TABLE latin MODIFY v VARCHAR(21) CHARACTER SET latin1 COLLATE latin1_german2_ci', 'column latin.v'],
  ["ALTER TABLE latin COMMENT = 'changed'", 'table latin'],
  ['ALTER TABLE parts DROP PARTITION pmax', 'partitions parts'],
  ['DROP VIEW a_view', 'view a_view'],
  ['DROP TRIGGER t_second', 'trigger t_second'],
  ['DROP EVENT nightly', 'event nightly'],
  ['DROP PROCEDURE crlf', 'procedure crlf'],
  ['DROP FUNCTION backslashed', 'function backslashed'],
  ['ALTER TABLE every_type DROP CONSTRAINT positive', 'check every_type.positive'],
  ['ALTER DATABASE copy COLLATE utf8mb4_bin', 'fact collation'],
];
const MARIA_CHANGES: readonly (readonly [string, string])[] = [
  ['SELECT SETVAL(seq, 500, 0)', 'value sequence seq'],
  ['ALTER SEQUENCE seq CACHE 9', 'sequence seq'],
  ['DELETE HISTORY FROM versioned', 'rows versioned'],
];
/** What the change of one partition or sequence also shows, honestly. */
const COMPANIONS = ['rows parts', 'trigger t_between', 'trigger t_first', 'value sequence seq'];

describeWithMysql('a hostile database', (family) => {
  let server: TestServer;
  let dumped: Dumped;
  let source: Inventory;

  beforeAll(async () => {
    server = await startTestServer(family);
    await makeHostile(server, 'src');
    dumped = await dumpAll(server.bench, server.at('src'));
    source = await mysql.inventory(server.bench, server.at('src'), 'digests');
  }, 180_000);

  afterAll(() => server?.stop());

  async function restoreInto(name: string, bytes = dumped.bytes): Promise<Inventory> {
    const admin = mysql.admin(server.bench);
    await admin.drop(server.at(''), name);
    await admin.create(server.at(''), name, source.facts);
    const job = { origin: dumped.origin, request: restoreRequest(server.at(name)) };
    await mysql.restore(server.bench, plainOf(server.bench, bytes), job);
    return mysql.inventory(server.bench, server.at(name), 'digests');
  }

  it('holds at least one of every kind', async () => {
    const missing: string[] = [];
    for (const [what, query] of Object.entries({ ...KINDS, ...FAMILY_KINDS[family] })) {
      const count = Number((await server.rows('src', query))[0]?.[0]);
      if (!(count >= 1)) missing.push(what);
    }

    expect(missing).toEqual([]);
  });

  it('is read by our scanner with the very rows, digests and values of the source', async () => {
    const report = await mysql.parse(server.bench, plainOf(server.bench, dumped.bytes), dumped.origin);

    const { tables, values, warnings } = report;
    const bare = { objects: {}, facts: {} };
    expect(differences({ ...bare, ...pick(source) }, { ...bare, tables, values })).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('comes back identical under another name, and its own dump again', async () => {
    const copy = await restoreInto('copy');
    const again = await dumpAll(server.bench, server.at('copy'));
    const report = await mysql.parse(server.bench, plainOf(server.bench, again.bytes), again.origin);

    expect(differences(source, copy)).toEqual([]);
    expect(differences(copy, source)).toEqual([]);
    expect(report.tables).toEqual(source.tables);
    expect(comparable(again.bytes)).toEqual(comparable(dumped.bytes).replaceAll('src', 'copy'));
  }, 120_000);

  it('reports exactly the one thing that was changed in the copy', async () => {
    const wrong: string[] = [];
    const changes = family === 'MariaDB' ? [...CHANGES, ...MARIA_CHANGES] : CHANGES;
    let before = await restoreInto('copy');
    for (const [statement, expected] of changes) {
      await server.sql('copy', statement);
      const after = await mysql.inventory(server.bench, server.at('copy'), 'digests');
      const found = differences(before, after).map(({ what }) => what);
      const others = found.filter((what) => what !== expected && !COMPANIONS.includes(what));
      if (!found.includes(expected) || others.length > 0) wrong.push(`${statement}: ${JSON.stringify(found)}`);
      before = after;
    }

    expect(wrong).toEqual([]);
  }, 180_000);

  it('F15 a dump that lacks any one kind of object is found incomplete', async () => {
    const text = dumped.bytes.toString('latin1');
    const kinds = [
      'TRIGGER `t_first`',
      'TRIGGER t_first',
      'EVENT `nightly`',
      'PROCEDURE `crlf`',
      'FUNCTION `backslashed`',
      'VIEW `a_view`',
      'TABLE `log`',
    ];
    const left = kinds.filter((kind) => text.includes(kind));
    for (const kind of left) {
      const cut = Buffer.from(text.replaceAll(kind, kind.replace(/\w+(?=`?$)/, 'other_name')), 'latin1');
      const parsing = mysql.parse(server.bench, plainOf(server.bench, cut), dumped.origin);

      await expect(parsing).rejects.toMatchObject({
        code: 'dump_incomplete',
        message: expect.stringContaining('does not create'),
      });
    }
    expect(left).toHaveLength(6);
  });

  it('restores chosen tables only, and accounts for all that it leaves out', async () => {
    const admin = mysql.admin(server.bench);
    await admin.drop(server.at(''), 'part');
    await admin.create(server.at(''), 'part', source.facts);
    const request = restoreRequest(server.at('part'), { only: ['no_key', 'log', 'a.b'] });

    const report = await mysql.restore(server.bench, plainOf(server.bench, dumped.bytes), {
      origin: dumped.origin,
      request,
    });

    const copy = await mysql.inventory(server.bench, server.at('part'), 'digests');
    const left = differences(source, copy).filter((difference) => !isAccounted(difference, report.accounted));
    expect(Object.keys(copy.tables).sort()).toEqual(['a.b', 'log', 'no_key']);
    expect(copy.objects['trigger odd `trigger;']).toBe(source.objects['trigger odd `trigger;']);
    expect(left).toEqual([]);
    expect(report.accounted).not.toContain('trigger odd `trigger;');
  }, 60_000);

  it('restores rows alone into tables whose triggers then are as before, and did nothing', async () => {
    await restoreInto('copy');
    const request = restoreRequest(server.at('copy'), { type: 'data', inPlace: true });

    await mysql.restore(server.bench, plainOf(server.bench, dumped.bytes), { origin: dumped.origin, request });

    const copy = await mysql.inventory(server.bench, server.at('copy'), 'digests');
    expect(differences(source, copy).filter(({ what }) => !what.includes('auto_increment'))).toEqual([]);
  }, 120_000);

  it('restores in place over another content, which is gone afterwards', async () => {
    await restoreInto('copy');
    await server.sql('copy', 'CREATE TABLE strange (id INT)', 'DELETE FROM no_key', 'DROP VIEW `_first`');
    const request = restoreRequest(server.at('copy'), { inPlace: true });

    await mysql.restore(server.bench, plainOf(server.bench, dumped.bytes), { origin: dumped.origin, request });

    const copy = await mysql.inventory(server.bench, server.at('copy'), 'digests');
    expect(differences(source, copy)).toEqual([]);
  }, 120_000);

  it('F75 a restore in place that breaks off leaves a target that is called dirty', async () => {
    await restoreInto('copy');
    const cut = dumped.bytes.subarray(0, Math.floor(dumped.bytes.length * 0.9));
    const request = restoreRequest(server.at('copy'), { inPlace: true });

    const restoring = mysql.restore(server.bench, plainOf(server.bench, cut), { origin: dumped.origin, request });

    await expect(restoring).rejects.toMatchObject({ code: 'target_dirty', cause: { code: 'dump_incomplete' } });
  }, 60_000);

  it('restores the schema alone, and dumps it alone', async () => {
    const schema = await dumpAll(server.bench, server.at('src'), { ...FULL, type: 'schema' });
    const copy = await restoreInto('copy', schema.bytes);

    const { objects, facts } = copy;
    expect({ objects, facts }).toEqual({ objects: source.objects, facts: source.facts });
    expect(Object.values(copy.tables).every(({ rows }) => rows === 0)).toBe(true);
  }, 60_000);

  it('restores through a scratch server where no account of the source exists', async () => {
    const scratch = await mysql.scratch(server.bench, dumped.origin);
    try {
      const admin = mysql.admin(server.bench);
      await admin.create(scratch.connection, 'src', source.facts);
      const target = { ...scratch.connection, database: 'src' };
      const job = { origin: dumped.origin, request: restoreRequest(target) };

      const plan = await mysql.plan(server.bench, dumped.origin, job.request);
      await mysql.restore(server.bench, plainOf(server.bench, dumped.bytes), job);

      const copy = await mysql.inventory(server.bench, target, 'digests');
      expect(differences(source, copy)).toEqual([]);
      expect(plan.filter(({ ok }) => !ok).map(({ name, blocks }) => `${name} ${blocks}`)).toEqual([
        'definer app owner@10.% false',
      ]);
    } finally {
      await scratch.stop();
    }
  }, 120_000);
});

function pick({ tables, values }: Inventory) {
  return { tables, values };
}

function isAccounted({ what }: Difference, accounted: readonly string[]): boolean {
  return accounted.includes(what.replace(/^(?:value|fact|rows|content) /, '')) || accounted.includes(what);
}

/** Its head names the database; MySQL says the character set beside a collation only where it was typed so. */
function comparable(bytes: Buffer): string {
  const lines = bytes.toString('utf8').split('\n').slice(5);
  return lines.join('\n').replace(/ CHARACTER SET \w+ COLLATE/g, ' COLLATE');
}
