import { interleaved, type Plan, speedAgainst } from '../measure.ts';
import { type Postgres, run } from '../postgres.ts';
import { comparisonTable } from '../table.ts';
import { dbdump, program, shell, startBucket, type World } from '../world.ts';

interface Setting {
  readonly world: World;
  readonly server: Postgres;
  readonly database: string;
  readonly plan: Plan;
}

const TARGET = 'restored';

/** Restore in one pass and checked first, against `zstd -dc | pg_restore`; then what a verification costs. */
export async function restorePart({ world, server, database, plan }: Setting): Promise<void> {
  const bucket = await startBucket(world, 'keep');
  try {
    const env = { ...server.env(database), ...bucket.env };
    const servers = [server.pid, bucket.pid];
    const store = bucket.url('restore');
    const file = `${world.folder}/restore.zst`;
    await run(shell(`pg_dump -Fc --compress=0 | zstd -q -3 -T0 -c > ${file}`), env);
    await run(dbdump('rescue', 'backup', '--to', store, '--level', '1', '--json'), env);
    const drop = async () => {
      await server.sql('postgres', `DROP DATABASE IF EXISTS ${TARGET}`);
      await server.sql('postgres', 'CHECKPOINT');
    };
    const empty = async () => {
      await drop();
      await server.sql('postgres', `CREATE DATABASE ${TARGET}`);
    };
    const pass = (passes: string) => program('restore', '--from', store, '--passes', passes, '--new-name', TARGET);
    const into = server.env('postgres').DATABASE_URL ?? '';
    const ways = [
      {
        name: 'zstd -dc file | pg_restore',
        argv: shell(`zstd -q -dc ${file} | pg_restore -d ${TARGET}`),
        env,
        before: empty,
      },
      { name: 'ours, one pass', argv: pass('1'), env, before: drop },
      { name: 'ours, checked first (two passes)', argv: pass('2'), env, before: drop },
      {
        name: 'dbdump rescue restore (two passes, then compared)',
        argv: dbdump('rescue', 'restore', 'latest', '--from', store, '--into', 'env:INTO', '--new-name', TARGET),
        env: { ...env, INTO: into },
        before: drop,
      },
    ];
    const rounds = Math.min(plan.rounds, 3);
    const [line, one, two, whole] = await interleaved(ways, { ...plan, rounds, servers });
    if (!line || !one || !two || !whole) return;
    world.print(comparisonTable(`PostgreSQL restore, ${database}`, [line, one, two, whole]));
    const first = { quick: 0.2, small: 0.8, full: 0.88 };
    const second = { quick: 0.2, small: 0.7, full: 0.8 };
    const value = (way: typeof one) => speedAgainst(line, way);
    const shellLine = '`zstd -dc | pg_restore`';
    world.figure({
      target: '#10',
      name: `PG restore in one pass, speed of ${shellLine}`,
      value: value(one),
      atLeast: true,
      goal: 0.97,
      floor: first,
    });
    world.figure({
      target: '#10',
      name: `PG restore checked first, speed of ${shellLine}`,
      value: value(two),
      atLeast: true,
      goal: 0.88,
      floor: second,
    });
    await drop();
    const level = (level: string) => dbdump('rescue', 'verify', 'latest', '--from', store, '--level', level, '--json');
    const verifying = [
      {
        name: 'zstd -dc file | pg_restore -f /dev/null',
        argv: shell(`zstd -q -dc ${file} | pg_restore -f /dev/null`),
        env,
      },
      { name: 'sha256sum file', argv: shell(`sha256sum ${file}`), env },
      { name: 'dbdump rescue verify --level 1', argv: level('1'), env },
      { name: 'dbdump rescue verify --level 2', argv: level('2'), env },
    ];
    const verified = await interleaved(verifying, { ...plan, rounds, servers });
    world.print(comparisonTable(`PostgreSQL verify, ${database}`, verified));
  } finally {
    await bucket.stop();
  }
}
