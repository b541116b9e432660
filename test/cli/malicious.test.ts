import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { cliFolder, dbdump } from '../support/cli.ts';
import { startTestServer, type TestServer } from '../support/mysql-server.ts';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';

const folder = cliFolder();
const marker = join(folder.path, 'marker');
const common = [...folder.data, '--json'];

afterAll(() => folder.remove());

/** Restores a file that somebody made up; the answer, and whether anything in it was executed on this machine. */
async function restoreFile(engine: string, into: string, body: string | Buffer) {
  const file = join(folder.path, `payload-${engine}`);
  writeFileSync(file, body);
  const { code, stdout, stderr } = await dbdump([
    'rescue',
    'restore',
    '--file',
    file,
    '--engine',
    engine,
    '--into',
    into,
    '--new-name',
    'planted',
    ...common,
  ]);
  return {
    code,
    problem: JSON.parse(stdout) as { detail?: string; remedy?: string },
    stderr,
    executed: existsSync(marker),
  };
}

describeWith(['postgres', 'initdb', 'pg_dump', 'pg_restore', 'zstd'], 'a file made up against PostgreSQL', () => {
  let server: PostgresServer;
  let into = '';

  beforeAll(async () => {
    server = await startPostgres();
    await server.sql('postgres', `create role tenant login createdb password 'x'`);
    await server.sql('postgres', 'create database mine owner tenant');
    into = folder.urlFile('pg.url', server.connection('mine', { user: 'tenant', password: 'x' }));
  });
  afterAll(() => server?.stop());

  const payloads = {
    'a shell escape': `\\! touch ${marker}\n`,
    'an escape behind a lifted restriction': `\\restrict K\nselect 1;\n\\unrestrict \`touch ${marker}\`\n\\! touch ${marker}\n`,
    'output to a program': `select 1 \\g |touch ${marker}\n\\o |touch ${marker}\nselect 1;\n`,
    'a copy from a program': `create table t (a text);\n\\copy t from program 'touch ${marker}'\ncopy t from program 'touch ${marker}';\n`,
  };

  it.each(Object.entries(payloads))(
    'M12 M13 T23 F71 with %s is refused, and nothing of it runs',
    async (_name, text) => {
      const { code, problem, executed, stderr } = await restoreFile(
        'postgres',
        into,
        `--\n-- PostgreSQL database dump\n--\n${text}`,
      );

      expect({ code, executed }).toMatchObject({ code: expect.any(Number), executed: false });
      expect(code).not.toBe(0);
      expect(problem.detail).toMatch(/\S/);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(await server.sql('postgres', `select 1 from pg_database where datname = 'planted'`)).toEqual([]);
    },
  );

  it('T23 F72 that unpacks to a gigabyte of nothing is refused with bounded memory', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(256 * 1024 * 1024));

    const { code, executed } = await restoreFile('postgres', into, Buffer.concat([bomb, bomb, bomb, bomb]));

    expect(bomb.length).toBeLessThan(64 * 1024);
    expect(code).not.toBe(0);
    expect(executed).toBe(false);
  });
});

describeWith(['mariadbd', 'mariadb', 'mariadb-dump'], 'a file made up against MariaDB', () => {
  let server: TestServer;
  let into = '';

  beforeAll(async () => {
    server = await startTestServer('MariaDB');
    into = folder.urlFile('maria.url', { ...server.at(''), engine: 'mariadb' });
  });
  afterAll(() => server?.stop());

  const payloads = {
    'a shell escape': `\\! touch ${marker}\n`,
    'the system command': `system touch ${marker}\n`,
    'a file to read': 'source /etc/passwd\n',
    'a log of its own': `tee ${marker}\nselect 1;\n`,
    'a local file to load': `create table t (a text);\nload data local infile '/etc/passwd' into table t;\n`,
    'an escape behind a new delimiter': `delimiter ;;\n\\! touch ${marker}\n;;\n`,
  };

  it.each(Object.entries(payloads))('M12 T23 F71 with %s is refused, and nothing of it runs', async (_name, text) => {
    const { code, problem, executed } = await restoreFile(
      'mysql',
      into,
      `-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB\n${text}-- Dump completed\n`,
    );

    expect({ executed, refused: code !== 0 }).toEqual({ executed: false, refused: true });
    expect(problem.detail).toMatch(/\S/);
  });
});
