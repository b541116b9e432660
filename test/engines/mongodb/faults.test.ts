import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { Failure } from '../../../src/domain/failure.ts';
import { differences } from '../../../src/domain/inventory.ts';
import { Secret } from '../../../src/domain/secret.ts';
import type { Connection, Workbench } from '../../../src/engines/engine.ts';
import { explainTool } from '../../../src/engines/mongodb/failures.ts';
import { mongodb } from '../../../src/engines/mongodb/index.ts';
import { DIRTY_MARK } from '../../../src/engines/mongodb/inventory.ts';
import type { Toolbox } from '../../../src/process/tools.ts';
import { makeCertificate } from '../../support/certificate.ts';
import {
  dumpAll,
  FULL,
  login,
  type MongoBench,
  mongoConnection,
  openMongoBench,
  plainOf,
  restoreRequest,
} from '../../support/mongo-bench.ts';
import type { Fault } from '../../support/mongo-server/faults.ts';
import {
  type MongoServer,
  type MongoServerOptions,
  startMongoServer,
} from '../../support/mongo-server/mongo-server.ts';
import { describeWithMongoTools } from '../../support/mongo-tools.ts';
import { sized } from '../../support/size.ts';

const servers: MongoServer[] = [];
let bench: MongoBench;
let folder = '';

async function start(options: MongoServerOptions = {}): Promise<MongoServer> {
  const server = await startMongoServer(options);
  servers.push(server);
  return server;
}

async function withDocuments(server: MongoServer, work: (client: MongoClient) => Promise<unknown>): Promise<void> {
  const client = new MongoClient(server.url);
  await work(client);
  await client.close();
}

/** Three collections, an index, a view: enough for every kind of step, small enough to repeat often. */
async function fillSmall(server: MongoServer): Promise<void> {
  await withDocuments(server, async (client) => {
    const db = client.db('shop');
    for (const name of ['a', 'b', 'line\nbreak']) {
      await db.collection(name).insertMany(Array.from({ length: 150 }, (_, n) => ({ n })));
    }
    await db.collection('a').createIndex({ n: 1 }, { unique: true });
    await db.createCollection('v', { viewOn: 'a', pipeline: [] });
  });
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const outcome = await work.then(
    () => new Error('it passed'),
    (error: unknown) => error,
  );
  if (outcome instanceof Failure) return outcome;
  throw outcome;
}

beforeAll(async () => {
  bench = await openMongoBench();
  folder = mkdtempSync(join(tmpdir(), 'mongodb-faults-'));
  chmodSync(folder, 0o755);
});

afterAll(async () => {
  bench.close();
  await rm(folder, { recursive: true, force: true });
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

describe('refusals of MongoDB', () => {
  it.each([
    ['a wrong password', { ...login('u', 'canary-wrong') }, 'authentication_failed', 'password'],
    ['no password', { user: 'u' }, 'authentication_failed', 'password'],
    ['no user', {}, 'authentication_failed', 'user'],
    ['a password that SCRAM cannot hold', { ...login('u', 'a🐢') }, 'authentication_failed', 'password'],
    ['no such host', { host: 'no-such-host.invalid' }, 'database_unreachable', 'host'],
    ['nothing listening', { port: 1 }, 'database_unreachable', 'port'],
    ['TLS where the server has none', { tls: { mode: 'require' } }, 'tls_refused', 'TLS'],
  ] as const)(
    'name cause and remedy of %s',
    async (_, changes, code, word) => {
      const server = await start({ users: [{ name: 'u', password: 'right' }] });

      const failure = await failureOf(mongodb.probe(bench, mongoConnection(server, changes as Partial<Connection>)));

      expect(failure.code).toBe(code);
      expect(failure.remedy).toContain(word);
      expect(failure.message).not.toMatch(/canary|\n|node_modules/);
    },
    30_000,
  );

  it('names a missing privilege with the statement that grants it', async () => {
    const refusal = { code: 13, codeName: 'Unauthorized', message: 'not authorized on shop' };
    const server = await start({ faults: [{ on: 'find', collection: 'b', action: refusal }] });
    await withDocuments(server, async (client) => {
      for (const name of ['a', 'b']) await client.db('shop').collection(name).insertOne({});
    });

    const probe = await mongodb.probe(bench, mongoConnection(server, { user: '' }));

    expect(probe.privileges).toEqual([
      expect.objectContaining({ name: 'list collections', granted: true }),
      {
        name: 'read documents and indexes',
        granted: false,
        remedy: expect.stringContaining('role: "read", db: "shop"'),
      },
    ]);
  });

  it('F24 refuses an old server by its wire version', async () => {
    const server = await start({ wireVersion: 6, version: '3.6.0' });

    const failure = await failureOf(mongodb.probe(bench, mongoConnection(server)));

    expect(failure).toMatchObject({ code: 'server_unsupported', remedy: expect.stringContaining('4.2') });
  }, 30_000);

  it('names the role that shows what runs on the server, when a swap may not look', async () => {
    const refusal = { code: 13, codeName: 'Unauthorized', message: 'not authorized on admin to execute command' };
    const server = await start({ faults: [{ on: 'aggregate', action: refusal }] });

    const failure = await failureOf(mongodb.admin(bench).sessions(mongoConnection(server), 'shop'));

    expect(failure).toMatchObject({ code: 'privilege_missing', remedy: expect.stringContaining('clusterMonitor') });
  });

  it('F5 takes a database without collections for a mistake', async () => {
    const server = await start();

    const { obstacles } = await mongodb.probe(bench, mongoConnection(server, { database: 'shpo' }));

    expect(obstacles).toEqual([expect.stringContaining('"shpo" has no collections')]);
  });

  it('F5 refuses a dump that mongodump would leave a collection out of', async () => {
    const server = await start();
    await withDocuments(server, async (client) => {
      for (const name of ['a$b', 'plain']) await client.db('shop').collection(name).insertOne({});
    });

    const failure = await failureOf(mongodb.openDump(bench, mongoConnection(server), FULL));
    const session = await mongodb.openDump(bench, mongoConnection(server), { ...FULL, exclude: ['a$b'] });

    expect(failure.message).toContain('mongodump leaves out "a$b"');
    await session.close();
  });

  it('F19 says of a replica set member which dump would be a snapshot', async () => {
    const server = await start({ replicaSet: { name: 'rs0', hosts: ['elsewhere:27017'] } });
    server.put('shop', 'c', [Buffer.from('0e000000105f6964000100000000', 'hex')]);

    const one = await mongodb.openDump(bench, mongoConnection(server), FULL);
    const whole = await mongodb.openDump(bench, mongoConnection(server, { database: '' }), FULL);

    expect([one.consistency, whole.consistency]).toEqual(['fuzzy', 'snapshot']);
    expect(one.warnings).toEqual([expect.stringContaining('whole server only')]);
    expect([one, whole].map(({ command }) => command.args.includes('--oplog'))).toEqual([false, true]);
  }, 30_000);

  it('has no schema backup and says so', async () => {
    const server = await start();
    const request = { ...FULL, type: 'schema' } as const;

    expect(await failureOf(mongodb.openDump(bench, mongoConnection(server), request))).toMatchObject({ code: 'usage' });
  });

  it.each([
    [
      'Failed: error dumping: oplog overflow: mongodump was unable to capture all new oplog entries during execution',
      'dump_blocked',
    ],
    [
      'Failed: can’t create session: auth error: sasl conversation error: unable to authenticate using mechanism',
      'authentication_failed',
    ],
    ['Failed: error writing data: (Unauthorized) not authorized on shop to execute command', 'privilege_missing'],
    ['Failed: x509: certificate signed by unknown authority', 'tls_refused'],
    ['Failed: server selection error: server selection timeout', 'database_unreachable'],
    ['Failed: error reading: (CappedPositionLost) CollectionScan died', 'dump_failed'],
    ['Failed: error reading collection: (NotWritablePrimary) not primary', 'database_unreachable'],
  ])('F9 F13 explains %s', (line, code) => {
    const failure = explainTool(
      'mongodump',
      `2026-11-24T10:00:00.000+0000\tdone dumping x\n2026-11-24T10:00:00.000+0000\t${line}\n`,
    );

    expect(failure).toMatchObject({ code, message: `mongodump failed: ${line}` });
    expect(failure?.remedy).not.toBe('');
  });

  it('F1 explains a tool that crashed', () => {
    const failure = explainTool(
      'mongodump',
      'writing shop.a to archive\npanic: send on closed channel\n\ngoroutine 24 [running]:\n',
    );

    expect(failure).toMatchObject({ code: 'dump_failed', message: 'mongodump failed: panic: send on closed channel' });
  });

  it('says nothing of words it does not know', () => {
    expect(explainTool('mongodump', 'Failed: something new')).toBeUndefined();
  });

  it('ends a wait when the run is cancelled', async () => {
    const server = await start({ faults: [{ on: 'buildInfo', action: 'stall' }] });
    const abort = new AbortController();
    const cancellable = { ...bench, signal: abort.signal };
    setTimeout(() => abort.abort(new Failure('cancelled', 'Cancelled.')), 100);

    const failure = await failureOf(mongodb.probe(cancellable, mongoConnection(server)));

    expect(failure.code).toBe('cancelled');
  });

  it('has no throwaway server, and says how to go on', async () => {
    const origin = {
      type: 'full',
      flavour: 'MongoDB',
      serverVersion: '7.0.14',
      toolVersion: '',
      database: 'shop',
      inventory: undefined,
    } as const;

    expect(await failureOf(mongodb.scratch(bench, origin))).toMatchObject({
      code: 'tool_missing',
      remedy: expect.stringContaining('MongoDB 7'),
    });
  });
});

describeWithMongoTools('faults of MongoDB', () => {
  it('F103 checks the server’s certificate, in the driver and in the tools', async () => {
    const { key, cert, file } = await makeCertificate(folder, ['DNS:localhost', 'IP:127.0.0.1']);
    // Nobody but us can open it: the tools, which run as another user, get a copy.
    chmodSync(file, 0o600);
    const server = await start({ tls: { key, cert } });
    server.put('shop', 'c', [Buffer.from('0e000000105f6964000100000000', 'hex')]);
    const at = (tls: Connection['tls'], host = 'localhost') => mongoConnection({ host, port: server.port }, { tls });

    const dumped = await dumpAll(bench, at({ mode: 'verify-full', caFile: file }));
    const unchecked = await dumpAll(bench, at({ mode: 'require' }));

    expect([dumped.bytes.length, unchecked.bytes.length].every((length) => length > 0)).toBe(true);
    const noFile = { mode: 'verify-full', caFile: join(folder, 'none.pem') } as const;
    expect(await failureOf(mongodb.probe(bench, at(noFile)))).toMatchObject({ code: 'usage' });
    expect(await failureOf(mongodb.probe(bench, at({ mode: 'verify-full' })))).toMatchObject({ code: 'tls_refused' });
    expect(await failureOf(mongodb.probe(bench, at({ mode: 'disable' })))).toMatchObject({
      code: 'database_unreachable',
    });
  }, 60_000);

  it('F1 fails a dump in which reading a collection is refused, though the archive that is left may look whole', async () => {
    const server = await start();
    await fillSmall(server);
    const session = await mongodb.openDump(bench, mongoConnection(server), FULL);
    const action = { code: 13, codeName: 'Unauthorized', message: 'not authorized' };
    server.misbehave([{ on: 'find', collection: 'b', action }]);

    const outcome = await dumpWith(session.command, bench);
    const origin = { ...ORIGIN, inventory: session.inventory };
    const left = await mongodb.parse(bench, plainOf(bench, outcome.bytes), origin).then(
      ({ tables }) => tables.b?.rows ?? 0,
      (error: Failure) => error.code,
    );

    expect(outcome.code).not.toBe(0);
    expect(session.explain(outcome.stderr)).toMatchObject({ code: 'privilege_missing' });
    // mongodump writes an end for the refused collection, and for the others too if they were done before it gives up.
    expect([0, 'dump_incomplete']).toContain(left);
    await session.close();
  }, 60_000);

  it.each([
    ['the connection drops', { on: 'getMore', action: 'drop' }],
    ['half an answer comes', { on: 'getMore', action: 'cut' }],
    ['the primary is lost', { on: 'getMore', action: 'not-primary' }],
    [
      'the cursor is gone',
      { on: 'getMore', action: { code: 43, codeName: 'CursorNotFound', message: 'cursor id 5 not found' } },
    ],
  ] as [string, Fault][])(
    'F1 fails a dump in which %s, and the archive that is left is not whole',
    async (_, fault) => {
      const server = await start();
      await fillSmall(server);
      const source = mongoConnection(server);
      const session = await mongodb.openDump(bench, source, FULL);
      server.misbehave([fault]);

      const outcome = await dumpWith(session.command, bench);
      const failure = session.explain(outcome.stderr);

      expect(outcome.code).not.toBe(0);
      expect(failure).toBeInstanceOf(Failure);
      expect(
        await failureOf(
          mongodb.parse(bench, plainOf(bench, outcome.bytes), { ...ORIGIN, inventory: session.inventory }),
        ),
      ).toMatchObject({
        code: 'dump_incomplete',
      });
      await session.close();
    },
    60_000,
  );

  it('F75 marks a target until its restore is whole, whatever step it stops at', async () => {
    const source = await start();
    await fillSmall(source);
    const { bytes, origin } = await dumpAll(bench, mongoConnection(source));
    const points: Fault[] = [
      ...[1, 2, 3, 4].map((nth): Fault => ({ on: 'create', nth, action: 'drop' })),
      ...[1, 2, 3].map((nth): Fault => ({ on: 'insert', nth, action: 'drop' })),
      { on: 'createIndexes', nth: 1, action: 'drop' },
      { on: 'insert', nth: 2, action: { code: 14031, codeName: 'OutOfDiskSpace', message: 'no space left' } },
    ];
    for (const fault of points) {
      const target = await start();
      const place = mongoConnection(target, { database: 'copy' });
      target.misbehave([fault]);

      const failure = await failureOf(
        mongodb.restore(bench, plainOf(bench, bytes), { origin, request: restoreRequest(place) }),
      );
      target.misbehave([]);
      const { obstacles } = await mongodb.probe(bench, place);
      const plan = await mongodb.plan(bench, origin, restoreRequest(place));

      expect(failure).toMatchObject({ code: 'restore_failed', remedy: expect.stringContaining('unfinished') });
      expect(target.databases.get('copy')?.has(DIRTY_MARK)).toBe(true);
      expect(obstacles).toContainEqual(expect.stringContaining('never finished'));
      expect(plan.filter(({ blocks }) => blocks)).toHaveLength(1);
      expect(await failureOf(mongodb.openDump(bench, place, FULL))).toMatchObject({ code: 'dump_incomplete' });
      await mongodb.restore(bench, plainOf(bench, bytes), {
        origin,
        request: restoreRequest(place, { inPlace: true }),
      });
      const [copy, original] = [
        await mongodb.inventory(bench, place, 'digests'),
        await mongodb.inventory(bench, mongoConnection(source), 'digests'),
      ];
      expect(differences(original, copy)).toEqual([]);
      expect(target.databases.get('copy')?.has(DIRTY_MARK)).toBe(false);
      await target.close();
    }
  }, 120_000);

  it('T22 F75 leaves a target complete or marked, whenever its restore is killed', async () => {
    const source = await start();
    await fillSmall(source);
    const { bytes, origin } = await dumpAll(bench, mongoConnection(source));
    const original = await mongodb.inventory(bench, mongoConnection(source), 'digests');
    const kills = sized(25, 500);
    const outcomes = { complete: 0, marked: 0 };
    for (let kill = 0; kill < kills; kill += 1) {
      const target = await start();
      const place = mongoConnection(target, { database: 'copy' });
      // Spread evenly over the time a restore takes here, so that early, middle and late ones are hit.
      const hasty = { ...bench, runner: killing(bench, (kill * 160) / kills) };

      const restored = await mongodb
        .restore(hasty, plainOf(hasty, bytes), { origin, request: restoreRequest(place) })
        .then(() => true)
        .catch((error: Failure) => (error.code === 'restore_failed' ? false : Promise.reject(error)));

      if (restored) expect(differences(original, await mongodb.inventory(bench, place, 'digests'))).toEqual([]);
      expect(target.databases.get('copy')?.has(DIRTY_MARK)).toBe(!restored);
      outcomes[restored ? 'complete' : 'marked'] += 1;
      await target.close();
    }

    expect(outcomes.marked).toBeGreaterThan(0);
    console.log(`T22: MongoDB: ${kills} kills: ${JSON.stringify(outcomes)}`);
  }, 7_200_000);

  it('F20 F76 notices a restore tool that leaves a collection out and ends well', async () => {
    const [source, target] = [await start(), await start()];
    await fillSmall(source);
    const { bytes, origin } = await dumpAll(bench, mongoConnection(source));
    const real = bench.tools.all('mongorestore')[0];
    const careless = join(folder, 'mongorestore');
    // What releases before 100.12.2 did with a newline in a name.
    writeFileSync(careless, `#!/bin/sh\nexec "${real?.path}" "$@" --nsExclude='shop.line*'\n`);
    chmodSync(careless, 0o755);
    const tools: Toolbox = { all: (name) => (real === undefined ? [] : [{ ...real, name, path: careless }]) };

    const place = mongoConnection(target, { database: 'copy' });
    const failure = await failureOf(
      mongodb.restore({ ...bench, tools }, plainOf(bench, bytes), { origin, request: restoreRequest(place) }),
    );

    expect(failure).toMatchObject({ code: 'restore_failed', message: expect.stringContaining('"line\\nbreak"') });
    expect(target.databases.get('copy')?.has(DIRTY_MARK)).toBe(true);
  });

  it('F70 gives a target nothing from a dump that is cut short', async () => {
    const [source, target] = [await start(), await start()];
    await fillSmall(source);
    const { bytes, origin } = await dumpAll(bench, mongoConnection(source));
    for (const cut of [0, 3, 40, 200]) {
      const place = mongoConnection(target, { database: 'copy' });
      const job = { origin, request: restoreRequest(place) };

      const failure = await failureOf(mongodb.restore(bench, plainOf(bench, bytes.subarray(0, cut)), job));

      expect(failure.code).toBe('dump_incomplete');
      expect(target.databases.has('copy')).toBe(false);
    }
    const late = mongodb.restore(bench, plainOf(bench, bytes.subarray(0, -1)), {
      origin,
      request: restoreRequest(mongoConnection(target)),
    });
    expect(await failureOf(late)).toMatchObject({ code: 'restore_failed' });
    expect(target.databases.get('shop')?.has(DIRTY_MARK)).toBe(true);
  });

  it('F74 refuses a server that is older than the dump, and a target that is no primary', async () => {
    const replicaSet = { name: 'rs0', hosts: ['a:1', 'b:1'], secondary: true };
    const server = await start({ version: '6.0.1', replicaSet });
    const origin = { ...ORIGIN, serverVersion: '7.0.14' };

    const plan = await mongodb.plan(bench, origin, restoreRequest(mongoConnection(server), { type: 'schema' }));

    expect(plan.filter(({ blocks }) => blocks).map(({ name }) => name)).toEqual(['type', 'version', 'role']);
    expect(plan.find(({ name }) => name === 'version')?.detail).toContain('7.0.14');
  });

  it('F85 leaves the password nowhere: not in arguments, messages or files', async () => {
    const secret = 'canary-5f3a9c';
    const server = await start({ users: [{ name: 'u', password: secret }] });
    server.put('shop', 'c', [Buffer.from('0e000000105f6964000100000000', 'hex')]);
    const session = await mongodb.openDump(
      bench,
      mongoConnection(server, { user: 'u', password: new Secret(secret) }),
      FULL,
    );
    server.misbehave([
      { on: 'find', action: { code: 13, codeName: 'Unauthorized', message: `not authorized ${secret}` } },
    ]);

    const outcome = await dumpWith(session.command, bench);

    expect(outcome.stderr).toContain('not authorized [secret]');
    expect(JSON.stringify([session, session.explain(outcome.stderr)?.message])).not.toContain(secret);
  });
});

const ORIGIN = {
  type: 'full',
  flavour: 'MongoDB',
  serverVersion: '7.0.14',
  toolVersion: '100.12.2',
  database: 'shop',
  inventory: undefined,
} as const;

/** Kills every program it starts, so many milliseconds later, as nobody could prepare for. */
function killing({ runner }: Workbench, afterMs: number): Workbench['runner'] {
  return {
    place: runner.place,
    start: (command, options) => {
      const child = runner.start(command, options);
      const timer = setTimeout(() => child.pid !== undefined && process.kill(child.pid, 'SIGKILL'), afterMs);
      void child.ended.then(() => clearTimeout(timer));
      return child;
    },
  };
}

async function dumpWith(command: Parameters<Workbench['runner']['start']>[0], { runner }: Workbench) {
  const child = runner.start(command, { stdin: 'ignore', stdout: 'pipe' });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const { code, stderr } = await child.ended;
  return { code, stderr, bytes: Buffer.concat(chunks) };
}
