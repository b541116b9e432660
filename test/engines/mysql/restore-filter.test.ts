import { describe, expect, it } from '@jest/globals';
import { mappedDefiner } from '../../../src/engines/mysql/definers.ts';
import { DumpScanner } from '../../../src/engines/mysql/dump-scanner.ts';
import { type FilterRules, RestoreFilter } from '../../../src/engines/mysql/restore-filter.ts';
import { meaningOf } from '../../../src/engines/mysql/statement.ts';

const RULES: FilterRules = {
  family: 'MySQL',
  database: 'target',
  type: 'full',
  only: [],
  owners: true,
  roles: {},
};

function filtered(dump: string, rules: Partial<FilterRules> = {}) {
  const filter = new RestoreFilter({ ...RULES, ...rules });
  const scanner = new DumpScanner({ onInsert: () => undefined, onRow: () => undefined });
  const pieces = [...scanner.push(Buffer.from(`${dump}\n-- Dump completed\n`)), ...scanner.finish()];
  const text = Buffer.concat(pieces.map((piece) => filter.take(piece) ?? Buffer.alloc(0))).toString('utf8');
  return { text, filter };
}

describe('what of a dump reaches a target', () => {
  it('F71 refuses statements that no dump tool writes, however they are dressed', () => {
    const hostile = [
      "GRANT ALL ON *.* TO 'x'@'%'",
      "CREATE USER 'x'@'%'",
      "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
      "SELECT 'x' INTO OUTFILE '/tmp/x'",
      "CREATE FUNCTION sys_exec RETURNS INT SONAME 'udf.so'",
      "INSTALL PLUGIN x SONAME 'x.so'",
      "SET PASSWORD = 'x'",
      "SET @a = (SELECT LOAD_FILE('/etc/passwd'))",
      'INSERT INTO mysql.user SELECT 1',
      'INSERT INTO `mysql`.`user` VALUES (1)',
      'CREATE TABLE `other`.`t` (a INT)',
      'DROP DATABASE production',
      'DROP TABLE IF EXISTS `production`.`t`',
      'CALL p()',
      'system touch /tmp/x',
      'source /etc/passwd',
      '/*!50000 INSERT*/ /*!99999 x*/ GRANT ALL ON *.* TO x',
      '/*!99999 CREATE TABLE t (*/ /*!50000 GRANT ALL ON *.* TO x */',
      '/*!99999 SET a=1 */ GRANT ALL ON *.* TO x',
      'SET NAMES gbk',
      'SET character_set_client = sjis',
      `SET a=1${' '.repeat(300_000)}, GLOBAL b=1`,
    ];
    const passed = hostile.filter((statement) => {
      try {
        return filtered(`${statement};`).text !== '';
      } catch (error) {
        expect((error as { code?: string }).code).toBe('restore_refused');
        return false;
      }
    });

    expect(passed).toEqual([]);
  });

  it('F16 leaves out what would change the whole server, and says so', () => {
    const { text, filter } = filtered(
      "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-2';\nSET @@SESSION.SQL_LOG_BIN= 0;",
    );

    expect(text).toBe('');
    expect(filter.notices).toHaveLength(1);
  });

  it('does to the target what a dump does to its own database, never to the source', () => {
    const { text } = filtered('ALTER DATABASE `source` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;', {
      database: "t`ar;get's",
    });

    expect(text).toContain("ALTER DATABASE `t``ar;get's` CHARACTER SET latin1");
    expect(text).not.toContain('source');
  });

  it('takes a foreign dump of one database under the new name, and refuses one of several', () => {
    const one =
      'CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\nUSE `shop`;\nCREATE TABLE `a` (b INT);';

    expect(filtered(one).text.trim()).toBe('CREATE TABLE `a` (b INT)\n;');
    expect(() => filtered(`${one}\nUSE \`other\`;`)).toThrow(expect.objectContaining({ code: 'restore_refused' }));
  });

  it('F18 maps definers in every form in which tools write them, and leaves bodies alone', () => {
    const forms = [
      [
        '/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`old`@`h` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */',
        'view v',
      ],
      [
        '/*!50003 CREATE*/ /*!50017 DEFINER=`old`@`h`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW SET @x=1 */',
        'trigger t',
      ],
      ['CREATE DEFINER=`old`@`h` PROCEDURE `p`()\nSELECT "DEFINER=`old`@`h`"', 'procedure p'],
      ['CREATE DEFINER="old"@"h" FUNCTION "f"() RETURNS int\nRETURN 1', 'function f'],
      [
        '/*!50106 CREATE*/ /*!50117 DEFINER=`old`@`h`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */',
        'event e',
      ],
    ];
    for (const [statement = '', name = ''] of forms) {
      const mapped = filtered(`${statement};`, { roles: { 'old@h': "n`e'w@%" } });
      const stripped = filtered(`${statement};`, { owners: false });

      expect(mapped.text).toContain("DEFINER=`n``e'w`@`%`");
      expect(mapped.filter.redefined).toEqual([name]);
      expect(mapped.filter.notices[0]).toContain('instead of old@h');
      expect(stripped.text.replace('"DEFINER=`old`@`h`"', '')).not.toContain('DEFINER=');
      expect(meaningOf(stripped.text.replace(/\n;\n$/, ''), 'MySQL')).toMatchObject({ does: 'create' });
    }
  });

  it('maps by account first, by user alone next, and keeps the host unless a new one is named', () => {
    const roles = { 'a@h': 'x@y', b: 'c', d: 'e@z' };

    expect(['a@h', 'a@i', 'b@h', 'd@h'].map((account) => mappedDefiner(account, roles))).toEqual([
      'x@y',
      'a@i',
      'c@h',
      'e@z',
    ]);
  });

  it('takes only the named tables with their rows and triggers', () => {
    const dump = [
      'CREATE TABLE `a` (x INT);',
      'INSERT INTO `a` (`x`) VALUES (1),(2);',
      'CREATE TABLE `b` (x INT);',
      'INSERT INTO `b` (`x`) VALUES (3);',
      'CREATE TRIGGER ta BEFORE INSERT ON `a` FOR EACH ROW SET @x=1;',
      'CREATE TRIGGER tb BEFORE INSERT ON `b` FOR EACH ROW SET @x=1;',
      'CREATE PROCEDURE `p`() SELECT 1;',
    ].join('\n');

    const { text, filter } = filtered(dump, { only: ['a'] });

    expect(text).toContain('(1),(2)');
    expect(text).not.toMatch(/`b`|PROCEDURE/);
    expect([...filter.created]).toEqual(['table a', 'trigger ta']);
  });

  it('tells of a backslash at the end of a line, which the client of MySQL drops', () => {
    const dump = 'CREATE TABLE `a\\\nb` (x INT);';

    expect(filtered(dump).filter.notices).toEqual([expect.stringContaining('backslash')]);
    expect(filtered(dump, { family: 'MariaDB' }).filter.notices).toEqual([]);
  });

  it('tells rows from schema where one of them is asked for', () => {
    const dump =
      'CREATE TABLE `a` (x INT);\nINSERT INTO `a` VALUES (1);\nCREATE VIEW `v` AS select 1;\nDO SETVAL(`s`, 5, 0);';

    expect(filtered(dump, { type: 'schema', family: 'MariaDB' }).text).not.toMatch(/INSERT|SETVAL/);
    expect(filtered(dump, { type: 'data', family: 'MariaDB' }).text).not.toMatch(/CREATE/);
    expect(filtered(dump, { type: 'data', family: 'MariaDB' }).text).toMatch(/INSERT[\s\S]*SETVAL/);
  });
});
