import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertRun } from '../../src/catalog/repositories/runs.ts';
import { FAILURES, type FailureCode } from '../../src/domain/failure.ts';
import { type Served, serve } from '../support/served.ts';

let served: Served;

beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.stop());

async function newRun(): Promise<string> {
  const { tenantId } = served.tenant;
  const id = randomUUID();
  await served.service.world.catalog.withTenant(tenantId, (trx) =>
    insertRun(trx, { tenantId, id, kind: 'backup', trigger: 'manual', request: {} }),
  );
  return id;
}

const set = (id: string, sets: string) =>
  served.service.world.sql(`UPDATE runs SET ${sets}, version = version + 1 WHERE id = '${id}'`);
const progress = (bytes: number) =>
  `state = 'running', progress = '{"phase":"dump","plainBytes":${bytes},"totalBytes":1000000}'`;
/** Waits until runs were read so often. */
async function readings(count: number): Promise<void> {
  while (served.service.log.filter((line) => line.includes('"runs.get"')).length < count) await sleep(20);
}

const env = () => ({ DATABASE_DUMP_SERVER: served.url, DATABASE_DUMP_API_KEY: served.tenant.keys.viewer });

describe('dbdump run watch', () => {
  it('with --json prints a line for every change, and the run as it ended last', async () => {
    const id = await newRun();
    (served.service.log as string[]).length = 0;
    const watching = served.run(['run', 'watch', id, '--json'], { env: env() });
    await readings(2);
    await set(id, progress(250_000));
    await readings(5);
    await set(id, `state = 'succeeded', finished_at = now()`);

    const { code, stdout } = await watching;

    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { state: string; progress?: object });
    expect(code).toBe(0);
    expect(lines.map(({ state }) => state)).toEqual(['queued', 'running', 'succeeded']);
    expect(lines[1]?.progress).toEqual({ phase: 'dump', plainBytes: 250_000, totalBytes: 1_000_000 });
  });

  it.each<[state: string, code: FailureCode | undefined, exit: FailureCode | undefined]>([
    ['succeeded', undefined, undefined],
    ['failed', 'dump_failed', 'dump_failed'],
    ['failed', 'storage_denied', 'storage_denied'],
    ['cancelled', undefined, 'cancelled'],
    ['interrupted', undefined, 'lease_lost'],
    ['failed', undefined, 'internal'],
  ])('of a run that ends %s (%s) exits as it did', async (state, told, exit) => {
    const id = await newRun();
    const why = told === undefined ? '' : `, code = '${told}', cause = 'It broke.', remedy = 'Mend it.'`;
    await set(id, `state = '${state}', finished_at = now() ${why}`);

    const { code, document } = await served.json(['run', 'watch', id]);

    expect({ code, document }).toMatchObject({
      code: exit === undefined ? 0 : FAILURES[exit].exit,
      document: { state },
    });
  });

  it('of a run that was partly good names the destination that was not, and exits by its code', async () => {
    const id = await newRun();
    const added = await served.json(['destination', 'add', 'disk', 'file:///srv/x', '--no-wait']);
    expect(added.code).toBe(0);
    const [{ id: disk }] = (await served.json(['destination', 'list'])).document.items;
    const outcomes = [
      { destinationId: disk, ok: true, backupId: randomUUID() },
      { destinationId: randomUUID(), ok: false, code: 'storage_denied', detail: 'PutObject was denied.' },
    ];
    await set(id, `state = 'partly', finished_at = now(), outcomes = '${JSON.stringify(outcomes)}'`);

    const { code, stdout } = await served.run(['run', 'watch', id], { env: env() });

    expect(code).toBe(FAILURES.storage_denied.exit);
    expect(stdout).toContain(`✘ ${outcomes[1]?.destinationId}: storage_denied: PutObject was denied.`);
    expect(stdout).toContain(`✔ disk: backup ${outcomes[0]?.backupId}`);
  });

  it('ends at Ctrl-C and leaves the run alone', async () => {
    const id = await newRun();
    await set(id, progress(1));

    const { code, stderr } = await served.run(['run', 'watch', id], {
      env: env(),
      onStart: (pid) => void setTimeout(() => process.kill(pid, 'SIGINT'), 3000),
    });

    expect({ code, stderr }).toMatchObject({ code: 15, stderr: expect.stringContaining(`dbdump run watch ${id}`) });
    const [row] = await served.service.world.sql(`SELECT state FROM runs WHERE id = '${id}'`);
    expect(row?.state).toBe('running');
  });
});
