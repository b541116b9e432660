import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { chooseTool } from '../../src/process/tool-choice.ts';
import { findTools, type ToolSearch } from '../../src/process/tools.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tools-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program that prints `output` on `--version`, counting how often it was asked. */
function program(path: string, output: string, more = ''): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  const asked = join(folder, 'asked');
  const script = `#!/bin/sh\necho x >> '${asked}'\n${more}\ncat <<'END'\n${output}\nEND\n`;
  writeFileSync(file, script, { mode: 0o755 });
  return file;
}

function search(...folders: readonly string[]): ToolSearch {
  const path = folders.map((name) => join(folder, name)).join(':');
  return { path, caches: [join(folder, 'cache')], systemFolders: [join(folder, 'system/*/bin')] };
}

function timesAsked(): number {
  return readFileSync(join(folder, 'asked'), 'utf8').split('\n').length - 1;
}

const pgDump = (version: string) => `pg_dump (PostgreSQL) ${version} (Debian)`;

describe('finding tools', () => {
  it('finds every installation, the newest sound one first and those below their floor last', async () => {
    program('path/pg_dump', pgDump('15.18'));
    program('system/15/bin/pg_dump', pgDump('15.20'));
    program('system/17/bin/pg_dump', pgDump('17.12'));
    program('cache/tools/postgresql-16/bin/pg_dump', pgDump('16.16'));
    program('cache/trial/postgresql-18/bin/pg_dump', pgDump('18.6'));

    const found = (await findTools(search('path'))).all('pg_dump');

    expect(found.map(({ version, ok, trial }) => [version, ok, trial])).toEqual([
      ['17.12', true, false],
      ['16.16', true, false],
      ['15.20', true, false],
      ['15.18', false, false],
      ['18.6', false, true],
    ]);
    expect(found[3]).toMatchObject({ floor: '15.20', flavour: 'PostgreSQL', major: 15 });
  });

  it('tells MariaDB from MySQL by what the program says, not by its name', async () => {
    program('path/mysqldump', 'mysqldump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)');
    program('other/mysqldump', 'mysqldump  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server - GPL)');

    const found = (await findTools(search('path', 'other'))).all('mysqldump');

    expect(found.map(({ flavour }) => flavour).sort()).toEqual(['MariaDB', 'MySQL']);
  });

  it('does not take a program for what it does not say it is', async () => {
    program('path/pg_dump', 'mongodump version: 100.12.2');
    program('path/mongodump', pgDump('15.20'));

    const tools = await findTools(search('path'));

    expect([...tools.all('pg_dump'), ...tools.all('mongodump')]).toEqual([]);
  });

  it("does not use Debian's wrapper, which chooses a version by itself", async () => {
    program('share/pg_wrapper', pgDump('15.20'));
    mkdirSync(join(folder, 'path'));
    symlinkSync(join(folder, 'share/pg_wrapper'), join(folder, 'path/pg_dump'));

    expect((await findTools(search('path'))).all('pg_dump')).toEqual([]);
  });

  it('ignores relative folders on PATH', async () => {
    program('path/pg_dump', pgDump('15.20'));

    const tools = await findTools({ path: '.:path:', caches: [], systemFolders: [] });

    expect(tools.all('pg_dump')).toEqual([]);
  });

  it('asks no program a second time until its file changes', async () => {
    const file = program('path/pg_dump', pgDump('15.20'));
    await findTools(search('path'));
    await findTools(search('path'));
    expect(timesAsked()).toBe(1);

    program('path/pg_dump', pgDump('15.18'));
    utimesSync(file, new Date(), new Date(Date.now() + 5_000));

    const [tool] = (await findTools(search('path'))).all('pg_dump');
    expect(tool).toMatchObject({ version: '15.18', ok: false });
    expect(timesAsked()).toBe(2);
  });

  it('works with a memory that is damaged', async () => {
    program('path/pg_dump', pgDump('15.20'));
    mkdirSync(join(folder, 'cache'));
    writeFileSync(join(folder, 'cache/tool-versions.json'), '{"a":1,"b":');

    expect((await findTools(search('path'))).all('pg_dump')).toHaveLength(1);
  });

  it.each([
    ['exits with an error', pgDump('15.20'), 'exit 3'],
    ['is ended by a signal', pgDump('15.20'), 'kill -9 $$'],
    ['floods its output', pgDump('15.20'), 'head -c 300000 /dev/zero | tr "\\0" x'],
    ['prints nothing', '', ''],
    ['prints terminal escapes', '\u001b]0;owned\u0007pg_dump (PostgreSQL) 15.20', ''],
    ['prints a number beyond measure', 'pg_dump (PostgreSQL) 99999999999999999999', ''],
  ])('F8 a program that %s is not a tool', async (_, output, more) => {
    program('path/pg_dump', output, more);

    expect((await findTools(search('path'))).all('pg_dump')).toEqual([]);
  });

  it('gives a program it asks no credential of ours', async () => {
    program('path/pg_dump', pgDump('15.20'), `env > '${folder}/environment'`);
    process.env.PGPASSWORD = 'hunter2';

    await findTools(search('path'));
    delete process.env.PGPASSWORD;

    expect(readFileSync(join(folder, 'environment'), 'utf8')).not.toContain('hunter2');
  });
});

describe('choosing a tool', () => {
  const sampled = async (wish: Parameters<typeof chooseTool>[1]) => chooseTool(await findTools(search('path')), wish);

  beforeEach(() => {
    program('system/15/bin/pg_dump', pgDump('15.20'));
    program('system/17/bin/pg_dump', pgDump('17.12'));
    program('system/18/bin/pg_dump', pgDump('18.7'));
  });

  it.each([
    [15, '15.20'],
    [16, '17.12'],
    [17, '17.12'],
    [undefined, '18.7'],
  ])("F7 for a server of version %s it is %s: the server's own, else the nearest newer", async (major, version) => {
    const { tool, warning } = await sampled({ name: 'pg_dump', ...(major === undefined ? {} : { major }) });

    expect(tool.version).toBe(version);
    expect(warning).toBeUndefined();
  });

  it('F7 a client older than the server is refused, with both versions and a remedy', async () => {
    const failure = await sampled({ name: 'pg_dump', major: 19 }).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ code: 'tool_too_old', details: { serverMajor: 19 } });
    expect((failure as Failure).message).toMatch(/19.*18\.7/);
    expect((failure as Failure).remedy).toMatch(/pg_dump of version 19/);
  });

  it('T29 a tool below its floor is never used, though it is the only one', async () => {
    rmSync(join(folder, 'system'), { recursive: true });
    program('path/pg_dump', pgDump('15.18'));

    const failure = await sampled({ name: 'pg_dump', major: 15 }).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: 'tool_too_old', details: { version: '15.18', floor: '15.20' } });
  });

  it('T29 on the sample a tool below its floor is used with a warning, and only where there is no better one', async () => {
    program('path/pg_dump', pgDump('15.18'));
    const beside = await sampled({ name: 'pg_dump', major: 15, belowFloor: 'sample' });
    expect(beside).toMatchObject({ tool: { version: '15.20' }, warning: undefined });

    rmSync(join(folder, 'system'), { recursive: true });
    const alone = await sampled({ name: 'pg_dump', major: 15, belowFloor: 'sample' });

    expect(alone.tool.version).toBe('15.18');
    expect(alone.warning).toMatch(/pg_dump 15\.18 is below its floor 15\.20/);
  });

  it('T29 a newer sound client is preferred to the own major below its floor', async () => {
    program('system/16/bin/pg_dump', pgDump('16.14'));

    expect((await sampled({ name: 'pg_dump', major: 16, belowFloor: 'sample' })).tool.version).toBe('17.12');
  });

  it('a missing tool is refused with a remedy', async () => {
    program('path/mysqldump', 'mysqldump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)');

    const failure = await sampled({ name: 'mysqldump', flavour: 'MySQL' }).catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 'tool_missing',
      message: 'mysqldump of MySQL was not found on this machine.',
    });
  });
});
