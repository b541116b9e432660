import { describe, expect, it } from '@jest/globals';
import { compareVersions, judgeVersion, readVersion } from '../../src/domain/tool-version.ts';

describe('versions', () => {
  it('compare by number, a missing one being 0, whichever side it is missing on', () => {
    expect(compareVersions([15], [15, 0])).toBe(0);
    expect(compareVersions([15, 0], [15])).toBe(0);
    expect(compareVersions([], [])).toBe(0);
    expect(compareVersions([15, 2], [15, 10])).toBeLessThan(0);
    expect(compareVersions([16], [15, 99])).toBeGreaterThan(0);
    expect(compareVersions([15], [15, 1])).toBeLessThan(0);
    expect(compareVersions([15, 1], [15])).toBeGreaterThan(0);
  });

  it.each([
    ['PostgreSQL', [14, 24], '14.25', 'CVE-2026-18408'],
    ['PostgreSQL', [15, 19], '15.20', 'CVE-2026-116314'],
    ['PostgreSQL', [16, 15], '16.16', 'F8'],
    ['PostgreSQL', [17, 11], '17.12', 'F8'],
    ['PostgreSQL', [18, 6], '18.7', 'F8'],
    ['MariaDB', [10, 5, 24], '10.5.25', 'F17, F71'],
    ['MariaDB', [10, 6, 17], '10.6.18', 'F17, F71'],
    ['MariaDB', [10, 11, 7], '10.11.8', 'F17, F71'],
    ['MariaDB', [11, 0, 5], '11.0.6', 'F17, F71'],
    ['MariaDB', [11, 1, 4], '11.1.5', 'F17, F71'],
    ['MariaDB', [11, 2, 3], '11.2.4', 'F17, F71'],
    ['MariaDB', [11, 4, 1], '11.4.2', 'F17, F71'],
    ['MySQL', [8, 0, 31], '8.0.32', 'F16'],
    ['MongoDB', [100, 12, 1], '100.12.2', 'F20'],
    ['zstd', [1, 4, 3], '1.4.4', 'exact counts'],
  ] as const)('F8 of %s %j are below the floor %s', (flavour, version, floor, why) => {
    const judge = (numbers: readonly number[]) => judgeVersion({ flavour, version: numbers, text: numbers.join('.') });

    expect(judge(version)).toEqual({ ok: false, floor, reason: expect.stringContaining(why) });
    expect(judge(floor.split('.').map(Number))).toEqual({ ok: true, floor, reason: undefined });
  });

  it('of what has no floor are all good', () => {
    expect(judgeVersion({ flavour: 'age', version: [0, 1], text: '0.1' })).toEqual({
      ok: true,
      floor: undefined,
      reason: undefined,
    });
  });

  it.each([
    ['pg_dump (PostgreSQL) 15.20', 'PostgreSQL', '15.20'],
    ['pg_dump (PostgreSQL) 19devel', 'PostgreSQL', '19'],
    ['pg_dump (PostgreSQL) 18beta1', 'PostgreSQL', '18'],
    ['/usr/bin/pg_dump (PostgreSQL) 18rc2 (Debian)', 'PostgreSQL', '18'],
    ['mariadb from 11.4.5-MariaDB, client 15.2', 'MariaDB', '11.4.5'],
    ['mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu', 'MariaDB', '10.11.19'],
    ['mysql  Ver 14.14 Distrib 5.7.44, for Linux (x86_64)', 'MySQL', '5.7.44'],
    ['mysqld  Ver 8.0.36-0ubuntu0 for Linux on x86_64', 'MySQL', '8.0.36'],
    ['mongorestore version: 100.12.2\nx', 'MongoDB', '100.12.2'],
    ['*** zstd command line interface 64-bits v1.5.4, by Yann Collet', 'zstd', '1.5.4'],
    ['*** Zstandard CLI (64-bit) v1.5.7, by', 'zstd', '1.5.7'],
    ['v1.1.1', 'age', '1.1.1'],
    ['1.2.0-rc', 'age', '1.2.0'],
    ['/usr/bin/faketime: Version 0.9.10', 'faketime', '0.9.10'],
    ['faketime: Version 0.9.10\nFor usage', 'faketime', '0.9.10'],
    ['stdbuf (GNU coreutils) 9.1', 'stdbuf', '9.1'],
    ['setpriv from util-linux 2.38.1', 'setpriv', '2.38.1'],
    ['Version  : v1.8.0\nBuild', 'versitygw', '1.8.0'],
    ['\n  v1.1.1\n', 'age', '1.1.1'],
  ])('are read from %j', (said, flavour, text) => {
    expect(readVersion(said)).toEqual({ flavour, text, version: text.split('.').map(Number) });
  });

  it.each([
    'x pg_dump (PostgreSQL) 15.20',
    'pg_dump (PostgreSQL) 15.20x',
    'pg_dump (PostgreSQL)',
    'two words (PostgreSQL) 15.20',
    'mariadb Ver 15',
    'mongodump version: 100.12.2x',
    'mongoexport version: 100.12.2',
    'zstd v1.5.4,',
    'vv1.1',
    '1.1.1_x',
    'a faketime: Version 0.9.10',
    'faketime: Version 0.9.10x',
    'xstdbuf (GNU coreutils) 9.1',
    'stdbuf (GNU coreutils) 9.1x',
    'xsetpriv from util-linux 2.38.1',
    'setpriv from util-linux 2.38.1x',
    'xversion: 1.8.0',
    'version: 1.8.0x',
    '',
    `${' '.repeat(400)}v1.1.1`,
  ])('are not read from %j', (said) => {
    expect(readVersion(said)).toBeUndefined();
  });
});
