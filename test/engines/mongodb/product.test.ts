import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { differences } from '../../../src/domain/inventory.ts';
import { mongodb } from '../../../src/engines/mongodb/index.ts';
import { login, type MongoBench, mongoConnection, openMongoBench } from '../../support/mongo-bench.ts';
import { fillFixture } from '../../support/mongo-fixture.ts';
import { archivePot } from '../../support/mongo-pot.ts';
import { type MongoServer, startMongoServer } from '../../support/mongo-server/mongo-server.ts';
import { describeWithMongoTools } from '../../support/mongo-tools.ts';

const run = promisify(execFile);
const CLI = resolve(import.meta.dirname, '../../../cli/main.ts');
const PASSWORD = 'canary pass/word:@%';

describeWithMongoTools('a MongoDB database in the product', () => {
  let server: MongoServer;
  let client: MongoClient;
  let bench: MongoBench;
  let folder: string;

  const at = (database: string) => mongoConnection(server, { database, ...login('u', PASSWORD) });
  const url = (database: string) => `mongodb://u:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/${database}`;
  const inventoryOf = (database: string) => mongodb.inventory(bench, at(database), 'digests');

  /** One command of the CLI; addresses with passwords go by environment. */
  async function dbdump(...args: string[]) {
    const env = { ...process.env, NODE_OPTIONS: '', SHOP: url('shop'), SCRATCH: url('scratch') };
    const data = ['--data-dir', join(folder, 'data'), '--json'];
    const { stdout, stderr } = await run(process.execPath, [CLI, 'rescue', ...args, ...data], { env });
    expect(stdout + stderr).not.toContain('canary');
    return JSON.parse(stdout);
  }

  beforeAll(async () => {
    server = await startMongoServer({ users: [{ name: 'u', password: PASSWORD }] });
    bench = await openMongoBench();
    folder = mkdtempSync(join(tmpdir(), 'mongodb-product-'));
    client = new MongoClient(url(''));
    // By the real mongorestore, as it would be on a server that is not ours.
    await fillFixture(client.db('shop'), archivePot(bench, at('')));
  });

  afterAll(async () => {
    await client.close();
    await server.close();
    bench.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('goes through backup, level 3, a new name, a swap and in place, and is the same each time', async () => {
    const store = `file://${join(folder, 'store')}`;
    const original = await inventoryOf('shop');

    const backup = await dbdump('backup', 'env:SHOP', '--to', store, '--level', '3', '--scratch', 'env:SCRATCH');
    expect(backup).toMatchObject({ status: 'good', level: 3 });
    expect([...server.databases.keys()]).toEqual(['shop']);

    await dbdump('restore', 'latest', '--from', store, '--into', 'env:SHOP', '--new-name', 'copy');
    expect(differences(original, await inventoryOf('copy'))).toEqual([]);

    await client.db('shop').collection('indexed').deleteMany({});
    await dbdump('restore', backup.backup, '--from', store, '--into', 'env:SHOP', '--swap', '--confirm', 'shop');
    expect(differences(original, await inventoryOf('shop'))).toEqual([]);

    await client.db('shop').collection('too much').insertOne({});
    await dbdump('restore', backup.backup, '--from', store, '--into', 'env:SHOP', '--in-place', '--confirm', 'shop');
    expect(differences(original, await inventoryOf('shop'))).toEqual([]);

    const names = [...server.databases.keys()].sort();
    expect(names).toEqual(['copy', 'shop', expect.stringMatching(/^shop_before_\d{14}$/)]);
    expect(server.refused.filter((line) => !line.startsWith('atlasVersion'))).toEqual([]);
  }, 120_000);

  it('F85 leaves the password in no file of the store or the data folder', async () => {
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = files.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const contents = await Promise.all(paths.map((path) => readFile(path)));

    expect(paths.length).toBeGreaterThan(3);
    expect(
      contents.filter((content) => content.includes('canary') || content.includes(encodeURIComponent(PASSWORD))),
    ).toEqual([]);
  });
});
