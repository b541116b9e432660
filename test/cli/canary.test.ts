import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { cliFolder, dbdump, urlOf } from '../support/cli.ts';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { watchDescendants } from '../support/process-watch.ts';

const SECRET = 'canary-7Zq/&=w@rd';
const FORMS = [SECRET, encodeURIComponent(SECRET), JSON.stringify(SECRET).slice(1, -1), 'canary-7Zq'];

describeWith(['postgres', 'initdb', 'pg_dump', 'pg_restore', 'zstd'], 'a secret canary', () => {
  const folder = cliFolder();
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
    await server.sql('postgres', `create role canary login superuser password '${SECRET}'`);
    await server.sql('postgres', 'create database shop owner canary');
    await server.sql('shop', 'create table t as select i, md5(i::text) as h from generate_series(1, 50000) as i');
  });
  afterAll(async () => {
    await server?.stop();
    folder.remove();
  });

  const connection = () => server.connection('shop', { user: 'canary', password: SECRET });

  async function watched(args: readonly string[], env: Record<string, string> = {}) {
    let watch: ReturnType<typeof watchDescendants> | undefined;
    let pid = 0;
    const result = await dbdump([...args, ...folder.data], {
      env,
      onStart: (started) => {
        pid = started;
        watch = watchDescendants(started);
      },
    });
    return { ...result, pid, ...(watch?.stop() ?? { samples: 0, seen: [] }) };
  }

  it('F85 is in no argument of ours or of any child, sampled every 5 ms through a backup and a level 3 verification', async () => {
    const url = folder.urlFile('url', connection());

    const { code, stdout, stderr, samples, seen } = await watched([
      'rescue',
      'backup',
      url,
      '--to',
      folder.store,
      '--level',
      '3',
    ]);

    const programs = seen.map(({ commandLine }) => commandLine);
    expect(code).toBe(0);
    expect(samples).toBeGreaterThan(50);
    expect(programs.some((line) => line.includes('pg_dump'))).toBe(true);
    for (const form of FORMS) {
      expect(programs.filter((line) => line.includes(form))).toEqual([]);
      expect(stdout + stderr).not.toContain(form);
    }
  });

  it('F85 typed as an argument, it is gone from our own title and reaches no child', async () => {
    const typed = urlOf(connection());

    const { code, stderr, pid, seen } = await watched([
      'rescue',
      'backup',
      typed,
      '--to',
      folder.store,
      '--level',
      '1',
    ]);

    const children = seen.filter((process) => process.pid !== pid);
    const ours = seen.filter((process) => process.pid === pid).map(({ commandLine }) => commandLine);
    expect(code).toBe(0);
    expect(stderr).toContain('give env:NAME or file:PATH instead');
    expect(ours.filter((line) => line !== '').at(-1)).toMatch(/^dbdump rescue backup postgres:\/\/…@127/);
    for (const form of FORMS) expect(children.filter(({ commandLine }) => commandLine.includes(form))).toEqual([]);
  });

  it('F85 is in no message of a failing run', async () => {
    const failing = [
      ['rescue', 'backup', 'env:URL', '--to', folder.store, '--include', 'no.such_table'],
      ['rescue', 'backup', 'env:WRONG', '--to', folder.store],
      ['rescue', 'restore', '--from', folder.store, '--into', 'env:URL', '--new-name', 'shop'],
      ['doctor', 'env:WRONG', '--to', folder.store],
    ];
    const env = { URL: urlOf(connection()), WRONG: urlOf(connection()).replace('canary:', 'stranger:') };

    for (const args of failing) {
      const { code, stdout, stderr } = await watched(args, env);
      expect(code).not.toBe(0);
      for (const form of FORMS) expect(stdout + stderr).not.toContain(form);
    }
  });

  it('F85 is in no file that is left: manifests, reports, keys, kits, temporary folders', () => {
    const files = [folder.path].flatMap((path) =>
      readdirSync(path, { recursive: true }).map((name) => join(path, String(name))),
    );
    const contents = files.filter((file) => statSync(file).isFile() && !file.endsWith('/url'));

    expect(contents.length).toBeGreaterThan(5);
    for (const file of contents) {
      const text = readFileSync(file).toString('latin1');
      for (const form of FORMS) expect({ file, found: text.includes(form) }).toEqual({ file, found: false });
    }
  });
});
