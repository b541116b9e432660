import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as ask } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { downloadHandler } from '../../local/downloads.ts';
import { type HttpServer, startHttpServer } from '../../local/http-server.ts';
import { type LocalDownloads, localDownloads } from '../../src/platform/local/download-door.ts';
import type { DownloadRequest } from '../../src/platform/platform.ts';
import { openStorage } from '../../src/storage/registry.ts';
import type { Storage } from '../../src/storage/storage.ts';

const KEY = 'shop-1/2026/11/24T101112Z-run1/dump.pgc.zst';
const body = randomBytes(3_000_000);
let folder: string;
let storage: Storage;
let server: HttpServer;
let downloads: LocalDownloads;
let clock = 0;
let broken = false;
const opened: unknown[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'downloads-'));
  storage = openStorage({ kind: 'filesystem', root: join(folder, 'store') });
  await storage.put(KEY, body);
  downloads = localDownloads(
    () => `http://127.0.0.1:${server.port}`,
    () => clock,
  );
  const runtime = {
    openStorage: async (request: unknown) => {
      opened.push(request);
      const read: Storage['read'] = async function* (key, options) {
        for await (const chunk of storage.read(key, options)) {
          yield chunk;
          if (broken) throw new Error('the disk is gone');
        }
      };
      return Object.assign(Object.create(storage) as Storage, { read, close: async () => undefined });
    },
    log: () => undefined,
  };
  const handler = async () => ({ statusCode: 404, body: 'the API' });
  server = await startHttpServer({ port: 0, handler, downloads: downloadHandler(runtime, downloads) });
});
afterAll(async () => {
  await server.stop(0);
  await storage.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  broken = false;
  opened.length = 0;
});

const granted: DownloadRequest = {
  tenantId: 't',
  destinationId: 'd',
  runId: 'r',
  key: KEY,
  versionId: undefined,
  fileName: 'shop-20261124T101112Z.pgc.zst',
  bytes: body.length,
  seconds: 300,
};

interface Got {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  readonly whole: boolean;
}

function fetchAll(url: string, { method = 'GET', range = '' } = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const headers = range === '' ? {} : { range };
    const asked = ask(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      const end = () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(chunks),
          whole: response.complete,
        });
      response.on('end', end).on('error', end);
    });
    asked.on('error', reject).end();
  });
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('a download link of this machine', () => {
  it('gives the stored bytes under their name, with the role that reads', async () => {
    const got = await fetchAll(await downloads.link(granted));

    expect([got.status, got.headers['content-disposition']]).toEqual([
      200,
      'attachment; filename="shop-20261124T101112Z.pgc.zst"',
    ]);
    expect(digest(got.body)).toBe(digest(body));
    expect(opened).toEqual([{ tenantId: 't', destinationId: 'd', purpose: 'read', runId: 'r' }]);
  });

  it('can be resumed anywhere, and the pieces are the whole', async () => {
    const url = await downloads.link(granted);
    const cut = 1_234_567;
    const pieces = [
      await fetchAll(url, { range: `bytes=0-${cut - 1}` }),
      await fetchAll(url, { range: `bytes=${cut}-` }),
    ];

    expect(pieces.map(({ status, headers }) => [status, headers['content-range']])).toEqual([
      [206, `bytes 0-${cut - 1}/${body.length}`],
      [206, `bytes ${cut}-${body.length - 1}/${body.length}`],
    ]);
    expect(digest(Buffer.concat(pieces.map((piece) => piece.body)))).toBe(digest(body));
    expect((await fetchAll(url, { range: 'bytes=-10' })).body).toEqual(body.subarray(-10));
    expect((await fetchAll(url, { range: `bytes=${body.length}-` })).status).toBe(416);
    expect((await fetchAll(url, { range: 'bytes=0-1,5-6' })).status).toBe(200);
  });

  it('answers HEAD with the size and no byte', async () => {
    const got = await fetchAll(await downloads.link(granted), { method: 'HEAD' });

    expect([got.status, got.headers['content-length'], got.body.length]).toEqual([200, String(body.length), 0]);
    expect(opened).toEqual([]);
  });

  it('F77 ends after its five minutes, and no other token opens anything', async () => {
    const url = await downloads.link(granted);
    clock += 299_000;
    expect((await fetchAll(url, { method: 'HEAD' })).status).toBe(200);
    clock += 1000;

    for (const dead of [url, `${url}x`, `${url.slice(0, -1)}A`]) {
      const got = await fetchAll(dead);
      expect([got.status, JSON.parse(got.body.toString()).code]).toEqual([404, 'not_found']);
    }
    expect((await fetchAll(await downloads.link(granted), { method: 'POST' })).status).toBe(405);
    expect((await fetchAll(`http://127.0.0.1:${server.port}/downloads/`)).body.toString()).toBe('the API');
  });

  it('breaks the connection where the store fails, so that nobody takes a part for the whole', async () => {
    broken = true;
    const got = await fetchAll(await downloads.link(granted)).catch(() => undefined);

    expect(got?.whole ?? false).toBe(false);
  });
});
