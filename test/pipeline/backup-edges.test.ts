import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import type { Connection } from '../../src/engines/engine.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { removeLeftovers } from '../../src/pipeline/leftovers.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import { protect } from '../../src/pipeline/protect.ts';
import { writeReport } from '../../src/pipeline/report.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { VolumeWriter } from '../../src/pipeline/volume-writer.ts';
import type { Exit, Runner } from '../../src/process/child.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { realTools, type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { StubEngine } from '../support/stub-engine.ts';

const open: StubBench[] = [];
const bench = (options?: StubBenchOptions) => {
  const made = stubBench({ databaseBytes: 20_000, ...options });
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

/** A server that grants nothing, and tells no snapshot. */
class Bare extends StubEngine {
  closing: Error | undefined;
  missing = false;
  override async probe() {
    const granted = { name: 'CONNECT', granted: true, remedy: '' };
    const select = { name: 'SELECT on all tables', granted: false, remedy: 'GRANT pg_read_all_data TO u;' };
    return { ...(await super.probe()), privileges: this.missing ? [granted, select] : [granted] };
  }
  override async openDump(workbench: { folder: string }, source: Connection) {
    const session = await super.openDump(workbench, source);
    const close = async () => {
      await session.close();
      if (this.closing !== undefined) throw this.closing;
    };
    return { ...session, snapshotId: undefined, close };
  }
}

describe('a backup', () => {
  it('that may not read everything is refused with the grants that are missing', async () => {
    const engine = new Bare();
    engine.missing = true;
    engine.obstacles = ['Some tables cannot be read.'];
    const made = bench({ engine });

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({
      code: 'privilege_missing',
      remedy: 'GRANT pg_read_all_data TO u;',
      details: { missing: ['SELECT on all tables'] },
    });
  });

  it('stays good where its session does not close, and a note says so', async () => {
    const engine = new Bare();
    engine.closing = new Error('the server hung up');
    const made = bench({ engine });

    const { body } = await backup(made.needs, made.request);

    expect(body.snapshotId).toBeUndefined();
    expect(made.notes).toEqual(['The session that held the snapshot did not close cleanly.']);
  });

  it('names in its manifest what was chosen, and nothing that was not', async () => {
    const chosen = { include: ['public.*', 'crm.*'], exclude: ['public.log'], passwordHashes: true };
    const [plain, made] = [bench(), bench({ request: chosen })];

    expect((await backup(plain.needs, plain.request)).body.options).toEqual({});
    expect((await backup(made.needs, made.request)).body.options).toEqual({
      include: 'public.* crm.*',
      exclude: 'public.log',
      passwordHashes: 'true',
    });
  });

  it.each([
    ['handed over to zstd', {}],
    ['hashed on its way to zstd', { plainHash: true }],
    ['compressed in this process', { compression: { algorithm: 'gzip', level: 6 } }],
  ] as const)('fails where its program cannot be started (%s)', async (_name, request) => {
    const made = bench({ tools: await realTools(), request });
    made.engine.dump = { command: { program: '/nowhere/pg_dump', args: [] } };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'dump_failed' });
    expect(made.storage.objects.size + made.storage.uploads.size).toBe(0);
  });

  it('that is cancelled while its pipe is being made ends what it starts', async () => {
    const controller = new AbortController();
    const ended: Promise<Exit>[] = [];
    const runner = (real: Runner): Runner => ({
      place: real.place,
      start: (command, options) => {
        if (command.program.endsWith('mkfifo')) controller.abort();
        const child = real.start(command, options);
        ended.push(child.ended);
        return child;
      },
    });
    const made = bench({ tools: await realTools(), runner });
    made.engine.dump = { hang: true };
    const needs = { ...made.needs, bench: { ...made.needs.bench, signal: controller.signal } };

    await expect(backup(needs, made.request)).rejects.toMatchObject({ code: 'cancelled' });
    expect((await Promise.all(ended)).map(({ signal }) => signal)).toContain('SIGTERM');
    expect(made.storage.objects.size + made.storage.uploads.size).toBe(0);
  });

  it('stands where its run marker could not be removed', async () => {
    const made = bench();
    made.storage.hook = ({ name }) => {
      if (name === 'remove') throw new Failure('storage_denied', 'No permission to delete.');
    };

    const { outcome } = await protect(made.needs, { ...made.request, level: 1, scratch: undefined, assertions: {} });

    expect(outcome.status).toBe('stored');
    expect(made.notes).toEqual([expect.stringContaining('The run marker could not be removed')]);
  });
});

describe('a run marker', () => {
  it('F51 that was lost stays lost, whatever the store says later', async () => {
    const made = bench();
    const lease = await takeRunMarker(made.needs, made.folder);
    const key = [...made.storage.objects.keys()].join();
    made.storage.objects.delete(key);
    await takeRunMarker({ ...made.needs, bench: { ...made.needs.bench, runId: 'another' } }, made.folder);
    await expect(lease.check()).rejects.toMatchObject({ code: 'lease_lost' });
    made.storage.calls.length = 0;

    await expect(lease.check()).rejects.toMatchObject({ code: 'lease_lost' });
    expect(made.storage.calls).toEqual([]);
    await lease.release();
    expect([...made.storage.objects.keys()]).toEqual([key]);
  });

  it('finds nothing to remove where the volumes of a dead run went by themselves', async () => {
    const storage = new MemoryStorage();
    const notes: string[] = [];
    await storage.put('stub/shop/20261124T100000Z-dead/dump.stub', Buffer.from('half'));
    storage.hook = ({ name }) => {
      if (name === 'head') storage.objects.clear();
    };

    await removeLeftovers(storage, { folder: 'stub/shop', run: 'dead', note: (sentence) => void notes.push(sentence) });

    expect(notes).toEqual([]);
    expect(storage.calls).not.toContain('remove');
  });
});

describe('a store', () => {
  it('whose driver breaks over a report has a problem, not a backup without reports', async () => {
    const made = bench();
    await protect(made.needs, { ...made.request, level: 1, scratch: undefined, assertions: {} });
    made.storage.hook = ({ name, key }) => {
      if (name === 'get' && key.includes('/reports/')) throw new TypeError('undefined is not a function');
    };

    expect(await surveyStore(made.needs)).toMatchObject({
      backups: [],
      problems: [{ failure: { code: 'internal', message: 'undefined is not a function' } }],
    });
  });

  it('that keeps no checksum is believed in the length alone, and never in a wrong one', async () => {
    for (const [more, code] of [
      [0, undefined],
      [1, 'backup_damaged'],
    ] as const) {
      const storage = new MemoryStorage();
      const head = storage.head.bind(storage);
      storage.head = async (key) => {
        const { crc32: _, ...stat } = (await head(key))!;
        return { ...stat, bytes: stat.bytes + more };
      };
      const made = bench({ storage });

      const ended = await backup(made.needs, made.request).then(
        () => undefined,
        (error: Failure) => error,
      );

      expect(ended?.code).toBe(code);
      if (ended !== undefined) expect(ended.message).toContain('checksum none');
    }
  });

  it('F43 that keeps versions is asked to remove exactly ours', async () => {
    const storage = new MemoryStorage({ versioned: true });
    const metadata = { backup: 'b1', run: 'r1', attempt: '1' };
    const writer = new VolumeWriter({ storage, folder: 'shop/run', base: 'dump.stub', metadata });
    await writer.write(Buffer.from('some bytes'));
    await writer.finish();
    const [volume] = await writer.complete();
    const asked: unknown[] = [];
    const remove = storage.remove.bind(storage);
    storage.remove = (key, options) => {
      asked.push(options);
      return remove(key, options);
    };

    expect(await writer.discard()).toEqual([]);
    expect(asked).toEqual([{ versionId: volume?.versionId }]);
    expect(storage.objects.size).toBe(0);
  });
});

describe('a report', () => {
  it.each(['sealed', 'deleted'] as const)('never says %s, which proves nothing: it says suspect', async (status) => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const outcome = {
      status,
      reached: 0,
      reason: undefined,
      plainBytes: undefined,
      plainSha256: undefined,
      tables: {},
      differences: [],
      notices: [],
      restoreSeconds: undefined,
    } as const;

    const report = await writeReport(
      made.needs,
      { manifest, level: 1, scratch: undefined, assertions: {} },
      { outcome, values: {} },
    );

    expect(report.status).toBe('suspect');
  });
});
