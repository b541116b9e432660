import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MongoClient } from 'mongodb';
import type { Origin, Scratch, Workbench } from '../../../src/engines/engine.ts';
import { withClient } from '../../../src/engines/mongodb/dial.ts';
import { mongodb } from '../../../src/engines/mongodb/index.ts';
import type { Needs } from '../../../src/pipeline/pipeline.ts';
import { makeRunner } from '../../../src/process/child.ts';
import { findTools, type Toolbox } from '../../../src/process/tools.ts';
import { readConfig } from '../../../src/runtime/config.ts';
import { mongoConnection } from '../../support/mongo-bench.ts';
import { fillFixture } from '../../support/mongo-fixture.ts';
import { startMongoServer } from '../../support/mongo-server/mongo-server.ts';
import { describeWithMongoTools } from '../../support/mongo-tools.ts';
import { backUp, openTrial, type Trial, verifyFully } from '../../support/trial.ts';

const ORIGIN: Origin = {
  type: 'full',
  flavour: 'MongoDB',
  serverVersion: '7.0.14',
  toolVersion: '',
  database: 'shop',
  inventory: undefined,
};

/** A folder with a `mongod` that is the wire server of these tests, and a bench that finds it. */
class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'mongod-test-'));
  readonly notes: string[] = [];

  constructor(words = '') {
    const server = join(import.meta.dirname, '../../support/mongo-server/main.ts');
    const program = join(this.folder, 'mongod');
    const text = words === '' ? `exec ${process.execPath} --no-warnings ${server} "$@"` : words;
    writeFileSync(program, `#!/bin/sh\n${text}\n`);
    chmodSync(program, 0o755);
  }

  async tools(): Promise<Toolbox> {
    const { path, caches } = readConfig();
    return findTools({ path: [this.folder, path].join(delimiter), caches });
  }

  /** Children run as we do: a checkout may lie where no other user gets in. */
  async bench(signal = new AbortController().signal): Promise<Workbench> {
    const place = { folder: this.folder, user: undefined, setpriv: undefined, stdbuf: undefined };
    const tools = await this.tools();
    const note = (sentence: string) => void this.notes.push(sentence);
    return { tools, runner: makeRunner(place), signal, runId: 'run-1', folder: this.folder, note };
  }

  left(): string[] {
    return readdirSync(this.folder).filter((name) => name !== 'mongod');
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a throwaway server of MongoDB', () => {
  const places: Place[] = [];
  const place = (words?: string) => {
    const made = new Place(words);
    places.push(made);
    return made;
  };
  afterAll(() => {
    for (const { folder } of places) rmSync(folder, { recursive: true });
  });

  it('is started from a mongod on PATH, lets in nobody but us, and is gone afterwards', async () => {
    const here = place();
    const bench = await here.bench();
    const started: number[] = [];
    const runner = {
      ...bench.runner,
      start: (...given: Parameters<typeof bench.runner.start>) => {
        const child = bench.runner.start(...given);
        if (child.pid !== undefined) started.push(child.pid);
        return child;
      },
    };

    const scratch: Scratch = await mongodb.scratch({ ...bench, runner }, ORIGIN);
    const { connection } = scratch;
    const inside = await mongodb.admin(bench).list(connection);
    const stranger = mongodb.admin(bench).list({ ...connection, user: '', password: undefined });
    const second = withClient(bench, { ...connection, user: '', password: undefined }, (client) =>
      client.db('admin').command({ createUser: 'thief', pwd: 'x', roles: [] }),
    );

    expect(connection).toMatchObject({ host: '127.0.0.1', user: 'scratch', database: 'scratch' });
    expect(inside).toEqual([]);
    await expect(stranger).rejects.toMatchObject({
      code: expect.stringMatching(/authentication_failed|privilege_missing/),
    });
    await expect(second).rejects.toThrow();
    expect(here.left()).toHaveLength(1);
    await scratch.stop();
    expect(here.left()).toEqual([]);
    expect(started.map(isAlive)).toEqual([false]);
  }, 60_000);

  it('takes an older dump, says so, and none that is newer than its server', async () => {
    const here = place();
    const bench = await here.bench();

    await (await mongodb.scratch(bench, { ...ORIGIN, serverVersion: '6.0.1' })).stop();
    const newer = mongodb.scratch(bench, { ...ORIGIN, serverVersion: '8.0.1' });

    expect(here.notes).toEqual(['The scratch server is MongoDB 7; the dump is of 6.']);
    await expect(newer).rejects.toMatchObject({ code: 'tool_too_old', remedy: expect.stringContaining('MongoDB 8') });
  }, 60_000);

  it('that does not start, or never answers, is a failure that says so and leaves nothing', async () => {
    const version = 'if [ "$1" = --version ]; then echo "db version v7.0.14"; exit 0; fi';
    const crashing = place(`${version}; echo "Illegal instruction" >&2; exit 132`);
    const silent = place(`${version}; exec sleep 60`);
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error('cancelled')), 500);

    const crashed = mongodb.scratch(await crashing.bench(), ORIGIN);
    await expect(crashed).rejects.toMatchObject({ code: 'tool_missing', message: expect.stringContaining('132') });
    await expect(mongodb.scratch(await silent.bench(cancel.signal), ORIGIN)).rejects.toThrow('cancelled');

    expect([crashing.left(), silent.left()]).toEqual([[], []]);
  }, 60_000);

  it('is missing where no mongod is, and the message says what to install', async () => {
    const { runner, folder } = await place().bench();
    const bench = { ...(await place().bench()), tools: { all: () => [] }, runner, folder };

    await expect(mongodb.scratch(bench, ORIGIN)).rejects.toMatchObject({
      code: 'tool_missing',
      message: expect.stringContaining('no throwaway MongoDB server'),
      remedy: expect.stringMatching(/MongoDB 7 server .*mongod.*--scratch/),
    });
  });
});

describeWithMongoTools('level 3 of MongoDB without a server of one’s own', () => {
  const here = new Place();
  let trial: Trial;

  beforeAll(async () => {
    trial = await openTrial({ belowFloor: false });
  });
  afterAll(() => {
    trial?.close();
    rmSync(here.folder, { recursive: true });
  });

  it('restores the backup into a mongod found on this machine and compares it', async () => {
    const source = await startMongoServer();
    const client = await new MongoClient(source.url, { directConnection: true }).connect();
    await fillFixture(client.db('shop'), source);
    await client.close();
    const needs = async (): Promise<Needs> => ({ ...trial.needs(mongodb), bench: await here.bench() });
    const equipped = { ...trial, needs: () => theirs };
    const theirs = await needs();
    const manifest = await backUp(equipped, mongodb, mongoConnection(source));
    await source.close();

    const verified = await verifyFully(equipped, mongodb, { manifest });

    expect(verified).toMatchObject({ status: 'good', reached: 3, differences: [], reason: undefined });
    expect(here.left()).toEqual([]);
  }, 120_000);
});
