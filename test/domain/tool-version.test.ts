import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareVersions, judgeVersion, readVersion } from '../../src/domain/tool-version.ts';

/** What real programs print, with the product and the version that must be read from it. */
const REAL = [
  ['pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n', 'PostgreSQL', '15.20'],
  ['postgres (PostgreSQL) 18.6\n', 'PostgreSQL', '18.6'],
  ['pg_restore (PostgreSQL) 19beta1\n', 'PostgreSQL', '19'],
  ['psql (PostgreSQL) 19devel\n', 'PostgreSQL', '19'],
  ['mariadb-dump from 11.4.5-MariaDB, client 10.19 for Linux (x86_64)\n', 'MariaDB', '11.4.5'],
  ['mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n', 'MariaDB', '10.11.19'],
  ['mysqldump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n', 'MariaDB', '10.11.19'],
  ['mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n', 'MariaDB', '10.11.19'],
  ['/opt/x/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))\n', 'MySQL', '9.7.4'],
  ['mysqldump  Ver 8.0.36-28 for Linux on x86_64 (Percona Server (GPL))\n', 'MySQL', '8.0.36'],
  ['mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)\n', 'MySQL', '5.7.44'],
  ['mongodump version: 100.12.2\ngit version: 8876412\nGo version: go1.26.8\n', 'MongoDB', '100.12.2'],
  ['*** Zstandard CLI (64-bit) v1.5.4, by Yann Collet ***\n', 'zstd', '1.5.4'],
  ['*** zstd command line interface 64-bits v1.4.8, by Yann Collet ***\n', 'zstd', '1.4.8'],
  ['v1.1.1\n', 'age', '1.1.1'],
  ["\n/usr/bin/faketime: Version 0.9.10\nFor usage information please use 'faketime --help'.\n", 'faketime', '0.9.10'],
  ['stdbuf (GNU coreutils) 9.1\nCopyright (C) 2022', 'stdbuf', '9.1'],
  ['setpriv from util-linux 2.38.1\n', 'setpriv', '2.38.1'],
  ['Version  : 1.8.0\nBuild    : norev\n', 'versitygw', '1.8.0'],
] as const;

/** What a broken or hostile program might print: none of it is a version. */
const HOSTILE = [
  '',
  '\n\n\n',
  'pg_dump (PostgreSQL) ',
  'pg_dump (PostgreSQL) 15.20evil',
  'pg_dump (PostgreSQL) 99999999999999999999.1',
  'pg_dump (PostgreSQL) -15.20',
  'error: pg_dump (PostgreSQL) 15.20 cannot be loaded',
  'WARNING: old\npg_dump (PostgreSQL) 15.20',
  'mysqldump Ver $(reboot) Distrib 8.0.40, for Linux',
  'mongodump version: built-without-version-string',
  '\u001b[31mpg_dump (PostgreSQL) 15.20\u001b[0m',
  '\u0000pg_dump (PostgreSQL) 15.20',
];

describe('the version a program prints', () => {
  it.each(REAL)('%j is read', (output, flavour, text) => {
    expect(readVersion(output)).toMatchObject({ flavour, text, version: text.split('.').map(Number) });
  });

  it.each(HOSTILE)('F8 %j is not taken for a version', (output) => {
    expect(readVersion(output)).toBeUndefined();
  });

  it('F8 any text at all is read without harm, in time that does not grow with it', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000, unit: 'binary' }), (text) => {
        const read = readVersion(text);
        if (read !== undefined)
          expect(read.version.every((number) => Number.isInteger(number) && number < 10_000)).toBe(true);
      }),
      { numRuns: 500, seed: 8 },
    );

    const long = Buffer.alloc(10_000_000, '1.').toString();
    const started = performance.now();
    readVersion(`mysqldump Ver ${long}`);
    // A reader that looks at all of it more than once takes minutes.
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('the floor', () => {
  it.each([
    ['PostgreSQL', '15.20', true, '15.20'],
    ['PostgreSQL', '15.19', false, '15.20'],
    ['PostgreSQL', '13.99', false, '14.25'],
    ['PostgreSQL', '14.25', true, '14.25'],
    ['PostgreSQL', '16.15', false, '16.16'],
    ['PostgreSQL', '17.12', true, '17.12'],
    ['PostgreSQL', '18.6', false, '18.7'],
    ['PostgreSQL', '19', true, '18.7'],
    ['MariaDB', '10.11.7', false, '10.11.8'],
    ['MariaDB', '10.11.8', true, '10.11.8'],
    ['MariaDB', '10.7.99', false, '10.11.8'],
    ['MariaDB', '10.4.34', false, '10.5.25'],
    ['MariaDB', '11.3.2', false, '11.4.2'],
    ['MariaDB', '11.8.1', true, '11.4.2'],
    ['MySQL', '5.7.44', false, '8.0.32'],
    ['MySQL', '8.0.32', true, '8.0.32'],
    ['MySQL', '9.7.4', true, '8.0.32'],
    ['MongoDB', '100.12.1', false, '100.12.2'],
    ['MongoDB', '100.13', true, '100.12.2'],
    ['zstd', '1.4.3', false, '1.4.4'],
  ] as const)('F8 of %s: %s is judged %s (%s)', (flavour, text, ok, floor) => {
    const judged = judgeVersion({ flavour, text, version: text.split('.').map(Number) });

    expect(judged).toMatchObject({ ok, floor });
    expect(judged.reason === undefined).toBe(ok);
  });

  it('a program without a floor is always good', () => {
    expect(judgeVersion({ flavour: 'age', text: '0.1', version: [0, 1] })).toMatchObject({
      ok: true,
      floor: undefined,
    });
  });

  it('versions are compared number by number', () => {
    expect(compareVersions([15, 9], [15, 20])).toBeLessThan(0);
    expect(compareVersions([15], [15, 0])).toBe(0);
    expect(compareVersions([100, 13], [100, 12, 9])).toBeGreaterThan(0);
  });
});
