import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FAILURES, Failure } from '../../src/domain/failure.ts';
import { FAULT_KINDS } from '../support/s3-server/faults.ts';
import { type S3Server, startS3Server } from '../support/s3-server/s3-server.ts';
import { openOn, SMALL_PART } from './stores.ts';
import { bytesOf, collect, digest, store } from './uploading.ts';

const MANIFEST = Buffer.from('{"the":"manifest"}');
const body = randomBytes(SMALL_PART * 2 + 999);

let server: S3Server;

beforeAll(async () => {
  server = await startS3Server({ limits: { minPartBytes: 1 } });
});

afterAll(() => server.close());

/** Every kind of call a backup makes: upload, seal, list, read back, remove. Returns what was read. */
async function run(key: string): Promise<string> {
  const deadlines = { connectMs: 1_000, idleMs: 120, requestMs: 2_000 };
  const storage = openOn(server, {}, { deadlines, retry: { attempts: 5, baseMs: 1, capMs: 4 } });
  try {
    await store(storage, { key: `${key}/data`, body, metadata: { run: key } });
    await storage.put(`${key}/manifest`, MANIFEST, { ifAbsent: true, metadata: { run: key } });
    const listed = (await collect(storage.list(`${key}/`))).map((object) => object.key);
    if (listed.join() !== `${key}/data,${key}/manifest`) return `listed ${listed.join()}`;
    const read = digest(await bytesOf(storage, `${key}/data`));
    const manifest = await storage.get(`${key}/manifest`);
    // A 404 is what the store says; the caller takes it for what it is.
    if (manifest === undefined) throw new Failure('backup_lost', 'no manifest', { remedy: 'look' });
    await storage.remove(`${key}/manifest`, { ifMatch: manifest.stat.etag });
    return `${read} ${String(manifest.body)}`;
  } finally {
    await storage.close();
  }
}

const GOOD = `${digest(body)} ${String(MANIFEST)}`;

describe('every single fault at every single request (T2)', () => {
  it('T2 the run without a fault is what the sweep goes over', async () => {
    server.clearLog();

    expect(await run('clean')).toBe(GOOD);

    expect(server.log.map(({ action }) => action)).toEqual([
      'CreateMultipartUpload',
      'UploadPart',
      'UploadPart',
      'UploadPart',
      'CompleteMultipartUpload',
      'HeadObject',
      'PutObject',
      'ListObjectsV2',
      'HeadObject',
      'GetObject',
      'HeadObject',
      'GetObject',
      'HeadObject',
      'DeleteObject',
    ]);
  });

  it.each(FAULT_KINDS)(
    'T2 %s at any request ends in the right bytes or a named failure, and leaves no upload',
    async (fault) => {
      for (let at = 0; at < 14; at += 1) {
        server.script = [{ fault, at }];
        server.clearLog();
        const key = `${fault}/${at}`;

        const outcome = await run(key).catch((error: unknown) => error);

        server.script = [];
        expect([fault, at, server.log[at]?.fault]).toEqual([fault, at, fault]);
        expect([fault, at, server.uploads()]).toEqual([fault, at, []]);
        expect([fault, at, verdictOn(outcome)]).toEqual([fault, at, 'sound']);
        const stored = server.objects().find((object) => object.key === `tenant/one/${key}/data`);
        if (stored !== undefined) expect(digest(await server.read(stored.key))).toBe(digest(body));
      }
    },
    120_000,
  );

  it.each([
    'internal-error',
    'slow-down',
    'request-timeout',
    'reset-before-body',
    'reset-mid-body',
    'drop-reply',
    'error-in-200',
    'stall',
  ] as const)(
    'T2 a single passing fault of the kind %s never fails a run',
    async (fault) => {
      for (let at = 0; at < 14; at += 1) {
        server.script = [{ fault, at }];
        server.clearLog();

        expect([at, await run(`passing-${fault}/${at}`)]).toEqual([at, GOOD]);
      }
    },
    120_000,
  );

  it.each([
    'internal-error',
    'slow-down',
    'reset-before-body',
    'drop-reply',
    'error-in-200',
    'stall',
    'expired-token',
  ] as const)(
    'T2 %s while an upload is begun or aborted leaves nothing behind',
    async (fault) => {
      for (const action of ['CreateMultipartUpload', 'AbortMultipartUpload', 'ListMultipartUploads']) {
        for (const times of [1, 3]) {
          const storage = openOn(
            server,
            {},
            { deadlines: { idleMs: 120 }, retry: { attempts: 5, baseMs: 1, capMs: 4 } },
          );
          server.script = [{ fault, action, times }];

          const upload = await storage.upload(`abort/${fault}`, {}).catch((error: unknown) => error);
          if (!(upload instanceof Failure)) {
            const begun = upload as Awaited<ReturnType<typeof storage.upload>>;
            await begun.part(1, body.subarray(0, SMALL_PART));
            await begun.abort().catch(() => begun.abort());
          }

          server.script = [];
          expect([action, times, server.uploads()]).toEqual([action, times, []]);
          await storage.close();
        }
      }
    },
    60_000,
  );
});

function verdictOn(outcome: unknown): string {
  if (outcome === GOOD) return 'sound';
  if (!(outcome instanceof Failure)) return `not a Failure: ${String(outcome)}`;
  if (outcome.code === 'internal' || outcome.code === 'usage' || !(outcome.code in FAILURES))
    return `wrong name: ${outcome.code}`;
  return outcome.remedy === undefined ? `no remedy: ${outcome.message}` : 'sound';
}
