import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DumpScanner, type Piece } from '../../../src/engines/mysql/dump-scanner.ts';
import { dumpReader } from '../../../src/engines/mysql/parse.ts';
import { sized } from '../../support/size.ts';

const HEAD = [
  '/*M!999999\\- enable the sandbox mode */ ',
  '-- MariaDB dump 10.19',
  '/*!40101 SET NAMES utf8mb4 */;',
  "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;",
  '',
].join('\n');
const END = '\n-- Dump completed\n';

const ROWS = [
  "1,'plain',NULL",
  String.raw`2,'it\'s; ''quoted'' \\',0x00FF27`,
  "3,'),(4,''x'');\n-- Dump completed\nINSERT INTO `t` VALUES (9);',-1.5e-10",
  "4,'',_binary 'x'",
  "5,'ünïcode 😀','2026-01-01 00:00:00'",
];

const TABLE = 'CREATE TABLE `t` (\n  `id` int,\n  `v` text\n) ENGINE=InnoDB AUTO_INCREMENT=42;\n';
const BODY = [
  'DELIMITER ;;',
  "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER `x;` BEFORE INSERT ON `t` FOR EACH ROW BEGIN SET @a = ';;'; -- not ;; the end",
  ' /* nor ;; here */ SET @b = "it;;s"; END */;;',
  "/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */ ;;",
  "CREATE PROCEDURE p() SELECT 'ends with \\';;",
  "/*!50003 SET sql_mode = '' */ ;;",
  "CREATE PROCEDURE q() SELECT 'a \\' quote ;; inside';;",
  'DELIMITER ;',
  '',
].join('\n');
const DUMP = Buffer.from(
  `${HEAD}${TABLE}INSERT INTO \`t\` (\`id\`, \`v\`, \`b\`) VALUES (${ROWS.join('),\n(')});\n${BODY}${END}`,
);

interface Scanned {
  readonly pieces: readonly Piece[];
  readonly rows: readonly string[];
}

function scan(dump: Buffer, chunk = dump.length): Scanned {
  const rows: string[] = [];
  const scanner = new DumpScanner({
    onInsert: () => undefined,
    onRow: (digest) => void rows.push(Buffer.from(digest, 'latin1').toString('hex')),
  });
  const pieces: Piece[] = [];
  for (let at = 0; at < dump.length; at += chunk) pieces.push(...scanner.push(dump.subarray(at, at + chunk)));
  return { pieces: [...pieces, ...scanner.finish()], rows };
}

function statements({ pieces }: Scanned): string[] {
  return pieces.flatMap((piece) => (piece.kind === 'statement' ? [piece.text] : []));
}

describe('the scanner of SQL dumps', () => {
  it('hashes each row exactly as it is written between its parentheses', () => {
    const expected = ROWS.map((row) => createHash('sha256').update(row).digest('hex'));

    expect(scan(DUMP).rows).toEqual(expected);
  });

  it('ends statements where the client does: not in text, not in comments, by the delimiter in force', () => {
    const found = statements(scan(DUMP));

    expect(found).toHaveLength(8);
    expect(found[3]).toContain('it;;s');
    expect(found[5]).toBe("CREATE PROCEDURE p() SELECT 'ends with \\'");
    expect(found[7]).toBe("CREATE PROCEDURE q() SELECT 'a \\' quote ;; inside'");
  });

  it('reads the same whatever the chunks are', () => {
    const whole = scan(DUMP);
    for (const chunk of [1, 2, 3, 7, 16, 47, 48, 49, 64, 1000]) {
      const cut = scan(DUMP, chunk);
      expect(statements(cut)).toEqual(statements(whole));
      expect(cut.rows).toEqual(whole.rows);
    }
  });

  it('F4 a dump cut at any byte is incomplete or no dump', () => {
    const accepted: number[] = [];
    for (let length = 0; length < DUMP.length; length += 1) {
      try {
        scan(DUMP.subarray(0, length));
        accepted.push(length);
      } catch (error) {
        expect(['dump_incomplete', 'backup_damaged']).toContain((error as { code?: string }).code);
      }
    }

    expect(DUMP.length).toBeGreaterThan(800);
    expect(accepted).toEqual([]);
  });

  it('takes the end marker only as the last thing, on a line of its own', () => {
    for (const tail of [
      '-- Dump completed',
      '-- Dump completed\nSET a=1;\n',
      '-- Dump completed\n-- more\n',
      '/* -- Dump completed\n */\n',
      ' -- Dump complete\n',
    ]) {
      expect(() => scan(Buffer.from(`${HEAD}${tail}`))).toThrow(expect.objectContaining({ code: 'dump_incomplete' }));
    }
    expect(() => scan(Buffer.from(`${HEAD}-- Dump completed on 2026-11-24  1:02:03\n\n`))).not.toThrow();
  });

  it('F17 leaves out the sandbox line, which other clients stop at', () => {
    const found = statements(scan(DUMP));

    expect(found.join('\n')).not.toContain('999999');
    expect(found[0]).toBe('/*!40101 SET NAMES utf8mb4 */');
  });

  it('M12 refuses commands for the client wherever a client would see them', () => {
    for (const command of [
      '\\! touch /tmp/x\n',
      'SELECT 1\\! touch /tmp/x\n;',
      '/*!50001 \\! touch /tmp/x\n */;',
      'SELECT 1\\G\n',
      '\\. /etc/passwd\n',
    ]) {
      expect(() => scan(Buffer.from(`${HEAD}${command}${END}`))).toThrow(
        expect.objectContaining({ code: 'restore_refused' }),
      );
    }
    expect(() => scan(Buffer.from(`${HEAD}SELECT '\\\\! harmless';${END}`))).not.toThrow();
  });

  it('refuses rows that hold anything but literals', () => {
    for (const row of [
      "(LOAD_FILE('/etc/passwd'))",
      '(1 /* x */)',
      '(1 -- x\n)',
      '(1 # x\n)',
      '((SELECT 1))',
      '(@@version)',
    ]) {
      expect(() => scan(Buffer.from(`${HEAD}INSERT INTO \`t\` VALUES ${row};${END}`))).toThrow(
        expect.objectContaining({ code: 'backup_damaged' }),
      );
    }
  });

  it('counts a row of many megabytes that comes in small pieces without holding it', () => {
    const text = Buffer.alloc(1 << 20, "it''s \\' ");
    const rounds = sized(16, 256);
    const digests: string[] = [];
    const scanner = new DumpScanner({ onInsert: () => undefined, onRow: (digest) => void digests.push(digest) });
    const hash = createHash('sha256').update("1,'");
    scanner.push(Buffer.from(`${HEAD}INSERT INTO \`t\` VALUES (1,'`));
    let held = 0;
    for (let round = 0; round < rounds; round += 1) {
      hash.update(text);
      held = Math.max(held, ...scanner.push(text).map((piece) => (piece.kind === 'rows' ? piece.bytes.length : 0)));
    }
    scanner.push(Buffer.from(`');${END}`));
    scanner.finish();

    expect(digests).toEqual([hash.update("'").digest('binary')]);
    expect(held).toBeLessThanOrEqual(text.length + 64);
  });

  it('finds the end of long texts wherever they are cut, with and without backslash escapes', () => {
    const plain = 'sixty bytes of text with neither kind of special byte in it'.repeat(3);
    const ends = ["''", '(', '),(', ';', '"', 'é', ''];
    const escaped = [...ends, "\\'", '\\\\', '\\"'].map((end, index) => `${index},'${plain}${end}x${plain}${end}'`);
    const bare = [...ends, '\\'].map((end, index) => `${index},'${plain}${end}${plain}${end}'`);
    const set = "/*!40101 SET SQL_MODE='NO_BACKSLASH_ESCAPES' */;\n";
    for (const [rows, before] of [
      [escaped, ''],
      [bare, set],
    ] as const) {
      const dump = Buffer.from(`${HEAD}${before}INSERT INTO \`t\` VALUES (${rows.join('),\n(')});${END}`);
      const expected = rows.map((row) => createHash('sha256').update(row).digest('hex'));

      for (let chunk = 1; chunk < 140; chunk += 1) expect(scan(dump, chunk).rows).toEqual(expected);
      expect(scan(dump).rows).toEqual(expected);
    }
  });

  it('counts rows without hashing them where no digest is asked for', () => {
    const reader = dumpReader('MariaDB', false);
    reader.push(DUMP);

    expect(reader.finish().tables).toEqual({ t: { rows: ROWS.length } });
  });

  it('reports tables without rows, sequence values and auto-increment values as the dump sets them', () => {
    const dump = `${HEAD}${TABLE}CREATE TABLE \`empty\` (\n  \`a\` int\n) ENGINE=InnoDB;\nDO SETVAL(\`s\`, 7, 0);${END}`;
    const reader = dumpReader('MariaDB');
    reader.push(Buffer.from(dump));

    const { tables, values } = reader.finish();

    expect(Object.keys(tables)).toEqual(['t', 'empty']);
    expect(values).toEqual({ 'auto_increment t': '42', 'sequence s': '7' });
  });

  it('sums rows in any order to one digest, and counts a doubled row', () => {
    const digestOf = (rows: readonly string[]) => {
      const reader = dumpReader('MySQL');
      reader.push(Buffer.from(`${HEAD}INSERT INTO \`t\` VALUES (${rows.join('),(')});${END}`));
      return reader.finish().tables.t?.digest;
    };

    expect(digestOf([...ROWS].reverse())).toBe(digestOf(ROWS));
    expect(digestOf([...ROWS, '1'])).not.toBe(digestOf(ROWS));
    expect(digestOf(['1', '1'])).not.toBe(digestOf(['1']));
  });
});
