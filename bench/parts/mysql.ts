import type { MariaDb } from '../mariadb.ts';
import { allOf, interleaved, type Plan, speedAgainst } from '../measure.ts';
import { comparisonTable } from '../table.ts';
import { dbdump, program, shell, startBucket, type World } from '../world.ts';

/** mysql-backup 1.5 took so many times the wall time of `mariadb-dump | zstd -3 -T0` (published beside the targets). */
const MYSQL_BACKUP = 30.3 / 6.36;

/** Those that are judged, in their order. */
const WAYS = ['line', 'stream', 'upload', 'original', 'level1'] as const;

/** MariaDB: the pipeline alone and with upload, against the shell line and against gzip. */
export async function mysqlPart(world: World, server: MariaDb, plan: Plan): Promise<void> {
  const [sink, shop] = await Promise.all([startBucket(world, 'discard'), startBucket(world, 'keep')]);
  try {
    const env = { ...server.env, ...sink.env };
    const dump = `mariadb-dump --no-defaults ${server.flags} --single-transaction --quick ${server.database}`;
    const file = `${world.folder}/peer.sql`;
    const slow = Math.max(1, world.options.rounds >> 1);
    let count = 0;
    const cli = (level: string) => {
      const argv = dbdump('rescue', 'backup', '--to', '', '--level', level, '--json');
      const before = () => {
        count += 1;
        argv[argv.indexOf('--to') + 1] = shop.url(`r${count}`);
      };
      return { name: `dbdump rescue backup --level ${level}`, argv, env: { ...env, ...shop.env }, before };
    };
    const ways = [
      { name: 'mariadb-dump | zstd -3 -T0 | sha256sum', argv: shell(`${dump} | zstd -q -3 -T0 -c | sha256sum`), env },
      { name: 'ours, stream only', argv: program('backup'), env },
      { name: 'ours, with upload', argv: program('backup', '--to', sink.url('up')), env },
      {
        name: 'original: mariadb-dump → node gzip 9 → lib-storage',
        argv: program('original', sink.endpoint, 'original', '9', ...dump.split(' ')),
        env,
        rounds: slow,
      },
      cli('1'),
      cli('2'),
      ...(world.options.size === 'quick'
        ? []
        : [{ name: 'mariadb-dump | gzip -6 > file', argv: shell(`${dump} | gzip -6 > ${file}`), env, rounds: slow }]),
    ];
    const servers = [server.pid, sink.pid, shop.pid];
    const results = await interleaved(ways, { ...plan, servers });
    world.print(comparisonTable('MariaDB backup', results));
    const { line, stream, upload, original, level1 } = allOf(results, WAYS);
    world.figure({
      target: '#4',
      name: 'MariaDB stream only, speed of the shell line',
      value: speedAgainst(line, stream),
      atLeast: true,
      goal: 1.2,
      floor: { quick: 0.2, small: 0.8, full: 1.05 },
    });
    world.figure({
      target: '#6',
      name: "MariaDB with upload, speed of the original's pipeline",
      value: speedAgainst(original, upload),
      atLeast: true,
      goal: 3.8,
      floor: { quick: 0.8, small: 2.8, full: 3.4 },
    });
    world.figure({
      target: '#6',
      name: "MariaDB, client CPU against the original's",
      value: 1 / speedAgainst(original, upload, 'cpuSeconds'),
      atLeast: false,
      goal: 0.36,
      floor: { quick: 1, small: 0.45, full: 0.4 },
    });
    const first = 1 / speedAgainst(line, level1);
    world.figure({
      target: '#16',
      name: `MariaDB to S3 at level 1: times the speed of mysql-backup 1.5 (its published ${MYSQL_BACKUP.toFixed(2)} ÷ ours ${first.toFixed(2)})`,
      value: MYSQL_BACKUP / first,
      atLeast: true,
      goal: 4,
      floor: { quick: 0.3, small: 2.4, full: 3.4 },
    });
  } finally {
    await Promise.all([sink.stop(), shop.stop()]);
  }
}
