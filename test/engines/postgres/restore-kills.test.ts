import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Failure } from '../../../src/domain/failure.ts';
import { differences } from '../../../src/domain/inventory.ts';
import type { Connection, Workbench } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { describeWith } from '../../support/need-programs.ts';
import { type Dump, dumpOf, POSTGRES_PROGRAMS, plainOf, restoreRequest } from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { randomFrom, seed, sized } from '../../support/size.ts';

const SOURCE = `
  create table people (id int primary key, name text not null);
  insert into people select n, md5(n::text) from generate_series(1, 20000) n;
  create table notes (id int primary key, person int references people, body text);
  insert into notes select n, n, repeat(md5(n::text), 10) from generate_series(1, 10000) n;
  create index on notes (body);
  create view longest as select * from notes order by length(body) desc;
`;

/** Every program that is at work so many milliseconds from now, or begins later, dies of SIGKILL. */
function killing({ runner }: Workbench, afterMs: number): Workbench['runner'] {
  const moment = performance.now() + afterMs;
  return {
    place: runner.place,
    start: (command, options) => {
      const child = runner.start(command, options);
      const timer = setTimeout(
        () => child.pid !== undefined && process.kill(child.pid, 'SIGKILL'),
        Math.max(0, moment - performance.now()),
      );
      void child.ended.then(() => clearTimeout(timer));
      return child;
    },
  };
}

describeWith(POSTGRES_PROGRAMS, 'a restore into PostgreSQL that is killed', () => {
  let server: PostgresServer;
  let bench: Workbench;
  let dump: Dump;
  beforeAll(async () => {
    server = await startPostgres();
    bench = server.bench();
    await server.sql('postgres', 'create database origin');
    await server.sql('origin', SOURCE);
    dump = await dumpOf(bench, server.connection('origin'), { sourceDigest: true });
  }, 120_000);
  afterAll(() => server?.stop());

  it('T22 F75 leaves its target empty or complete, at whatever moment, and calls itself done only where it is complete', async () => {
    const random = randomFrom(seed);
    const began = performance.now();
    await attempt('whole', bench);
    const usual = performance.now() - began;
    const kills = sized(10, 500);
    const seen = { empty: 0, complete: 0, done: 0 };
    for (let n = 0; n < kills; n += 1) {
      const target = server.connection(`t${n}`);
      const done = await attempt(target.database, { ...bench, runner: killing(bench, random() * usual) });

      const state = await stateOf(target);
      if (done) expect([n, state]).toEqual([n, 'complete']);
      seen[done ? 'done' : state] += 1;
      await postgres.admin(bench).drop(target, target.database);
    }

    expect(seen.empty).toBeGreaterThan(0);
    console.log(`T22: PostgreSQL: ${kills} kills: ${JSON.stringify(seen)}, seed ${seed}`);
  }, 7_200_000);

  /** Whether a restore into a new database of that name ended well. */
  async function attempt(name: string, needs: Workbench): Promise<boolean> {
    const target = server.connection(name);
    await postgres.admin(bench).create(target, name, {});
    try {
      await postgres.restore(needs, plainOf(needs, dump.bytes), {
        origin: dump.origin,
        request: restoreRequest(target),
      });
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(Failure);
      return false;
    }
  }

  /** What is in a target once the server has noticed that its client is gone. */
  async function stateOf(target: Connection): Promise<'empty' | 'complete'> {
    while ((await postgres.admin(bench).sessions(target, target.database)).length > 0) await wait(20);
    const found = await postgres.inventory(bench, target, 'digests');
    if (await postgres.admin(bench).isEmpty(target, target.database)) return 'empty';
    expect(differences(dump.session.inventory, found)).toEqual([]);
    return 'complete';
  }
});
