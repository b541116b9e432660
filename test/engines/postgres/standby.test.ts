import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { endedWell } from '../../../src/process/run.ts';
import { describeWith } from '../../support/need-programs.ts';
import { dumpOf, FULL, POSTGRES_PROGRAMS } from '../../support/postgres-dumps.ts';
import { childUser, type PostgresServer, startPostgres } from '../../support/postgres-server.ts';

/** Its own copy of the primary, which it follows; it lets in whoever asks from this machine. */
async function startStandby(primary: PostgresServer, settings: readonly string[]): Promise<PostgresServer> {
  const server = primary.tools.all('postgres').find(({ major }) => major === primary.major);
  const program = join(dirname(server?.path ?? ''), 'pg_basebackup');
  const { user, port, password } = primary.connection('postgres');
  const prepare = (data: string) => {
    rmSync(data, { recursive: true });
    const args = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-U', user, '-X', 'stream', '-c', 'fast', '-R'];
    const env = { PATH: '/usr/bin:/bin', PGPASSWORD: password?.reveal() ?? '' };
    execFileSync(program, [...args, '--no-sync'], { env, stdio: 'pipe' });
    appendFileSync(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`);
    const hba = join(data, 'pg_hba.conf');
    writeFileSync(hba, `host all all 127.0.0.1/32 trust\n${readFileSync(hba, 'utf8')}`);
    const owner = childUser();
    if (owner !== undefined) execFileSync('chown', ['-R', `${owner.uid}:${owner.gid}`, data]);
  };
  return startPostgres({ major: primary.major, prepare });
}

describeWith([...POSTGRES_PROGRAMS, 'pg_basebackup'], 'a dump of a standby', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;

  beforeAll(async () => {
    primary = await startPostgres({ settings: ['wal_level=replica', 'max_wal_senders=4', 'wal_keep_size=256MB'] });
    await primary.sql(
      'postgres',
      'create table busy as select n, repeat(md5(n::text), 30) as text from generate_series(1, 40000) n',
    );
    standby = await startStandby(primary, ['max_standby_streaming_delay = 200ms', 'hot_standby_feedback = off']);
  }, 120_000);

  afterAll(async () => {
    await standby?.stop();
    await primary?.stop();
  });

  const reached = async (what: 'receive' | 'replay') => {
    const [{ lsn } = { lsn: '' }] = await primary.sql('postgres', 'select pg_current_wal_lsn()::text as lsn');
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const [row] = await standby.sql('postgres', `select (pg_last_wal_${what}_lsn() >= '${lsn}')::text as done`);
      if (row?.done === 'true') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the standby does not follow');
  };

  it('is as good as one of its primary while nothing is in its way', async () => {
    await reached('replay');

    const dump = await dumpOf(standby.bench(), standby.connection('postgres'));
    const { tables } = dump.session.inventory;

    expect(endedWell(dump.exit)).toBe(true);
    expect(tables['public.busy']?.rows).toBe(40_000);
  });

  it('F12 that is ended because it is in the way of replaying changes is a failure of its own, worth another try', async () => {
    const bench = standby.bench();
    const session = await postgres.openDump(bench, standby.connection('postgres'), FULL);
    const child = bench.runner.start(session.command);
    // Stopped at its first output, with tens of megabytes still to come: more than all buffers between hold.
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    if (child.pid !== undefined) process.kill(child.pid, 'SIGSTOP');

    await primary.sql('postgres', 'delete from busy where n > 10');
    await primary.sql('postgres', 'vacuum busy');
    // Its replay may have to wait for the reader, who cannot be told while it waits for its stopped client.
    await reached('receive');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (child.pid !== undefined) process.kill(child.pid, 'SIGCONT');
    child.stdout?.resume();
    const exit = await child.ended;
    const said = session.explain(exit.stderr);
    await session.close();

    expect(exit).toMatchObject({ code: 1, signal: null, stderr: expect.stringContaining('conflict with recovery') });
    expect(said).toMatchObject({
      code: 'standby_conflict',
      remedy: expect.stringContaining('hot_standby_feedback'),
    });
  }, 60_000);
});
