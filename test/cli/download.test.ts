import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Served, serve } from '../support/served.ts';
import { makeObjects, type TenantObjects } from '../support/tenant-objects.ts';

const VOLUMES = [randomBytes(3_000_000), randomBytes(2_000_000)];
const WHOLE = Buffer.concat(VOLUMES);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Request {
  readonly path: string;
  readonly range: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** What the store does with its next request; whole and well when none is left. */
type Mood = 'well' | 'cut' | 'stale' | 'flip' | 'no-ranges' | 'broken';

let served: Served;
let objects: TenantObjects;
let store: Server;
let moods: Mood[] = [];
let requests: Request[] = [];
let links = 0;
let folder = '';

beforeAll(async () => {
  served = await serve();
  objects = await makeObjects(served.service, served.tenant);
  store = createServer(({ url = '', headers }, response) => {
    requests.push({ path: url, range: headers.range, headers });
    answer(Number(/\d+/.exec(url)?.[0] ?? 0), headers.range, response);
  });
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  const { port } = store.address() as AddressInfo;
  const link = async ({ key }: { key: string }) => {
    links += 1;
    return `http://127.0.0.1:${port}/${Number(/(\d+)$/.exec(key)?.[1] ?? 1) - 1}?signature=canary-link-${links}`;
  };
  Object.assign(served.service.runtime.downloads, { link });
  await storeManifest();
});
afterAll(async () => {
  store.closeAllConnections();
  await new Promise((resolve) => store.close(resolve));
  await served.stop();
});
beforeEach(() => {
  [moods, requests, links] = [[], [], 0];
  folder = join(served.home, `d${Math.random()}`);
  mkdirSync(folder);
});

function answer(volume: number, range: string | undefined, response: ServerResponse): void {
  const mood = moods.shift() ?? 'well';
  const bytes = VOLUMES[volume] ?? Buffer.alloc(0);
  if (mood === 'stale') return void response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
  if (mood === 'broken') return void response.writeHead(500).end();
  const from = mood === 'no-ranges' ? 0 : Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
  const part = Buffer.from(bytes.subarray(from));
  if (mood === 'flip') part.writeUInt8((part[1000] ?? 0) ^ 1, 1000);
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': part.length });
  if (mood !== 'cut') return void response.end(part);
  response.write(part.subarray(0, part.length >> 1), () => setTimeout(() => response.destroy(), 50));
}

/** The backup's manifest names these volumes. */
async function storeManifest(): Promise<void> {
  const volumes = VOLUMES.map((bytes, index) => ({
    name: `dump.pgc.zst.000${index + 1}`,
    bytes: bytes.length,
    sha256: sha256(bytes),
    crc32: 'AAAAAA==',
  }));
  const stored = { bytes: WHOLE.length, sha256: sha256(WHOLE) };
  await served.service.world.sql(
    `UPDATE backups SET manifest = manifest || '${JSON.stringify({ volumes, stored })}'::jsonb WHERE id = '${objects.backupId}'`,
  );
}

const download = (...more: string[]) =>
  served.json(['backup', 'download', objects.backupId, '--output', join(folder, 'dump'), ...more]);

describe('dbdump backup download', () => {
  it('brings every volume into one file, checked while it comes', async () => {
    const { code, document } = await download();

    expect({ code, document }).toMatchObject({ code: 0, document: { bytes: WHOLE.length, sha256: sha256(WHOLE) } });
    expect(readFileSync(join(folder, 'dump')).equals(WHOLE)).toBe(true);
    expect(readdirSync(folder)).toEqual(['dump']);
  });

  it('tells the store nothing of the key, and nobody the link', async () => {
    const { document, stderr } = await download();

    expect(JSON.stringify(requests)).not.toContain(served.tenant.keys.owner);
    expect(JSON.stringify(document) + stderr).not.toContain('canary-link');
  });

  it('goes on from the next byte when the connection breaks', async () => {
    moods = ['cut', 'cut'];

    const { code } = await download();

    expect(code).toBe(0);
    expect(readFileSync(join(folder, 'dump')).equals(WHOLE)).toBe(true);
    expect(requests.slice(0, 3).map(({ range }) => Number(/\d+/.exec(range ?? '0')))).toEqual([
      0,
      expect.any(Number),
      expect.any(Number),
    ]);
    expect(Number(/\d+/.exec(requests[1]?.range ?? '')?.[0])).toBeGreaterThan(0);
  });

  it('asks for another link when one has run out', async () => {
    moods = ['cut', 'stale', 'well'];

    const { code } = await download();

    expect({ code, links }).toEqual({ code: 0, links: 4 });
    expect(readFileSync(join(folder, 'dump')).equals(WHOLE)).toBe(true);
  });

  it('goes on with what a command before it left, and reads none of that again', async () => {
    const left = join(folder, `dump.${sha256(WHOLE).slice(0, 12)}.part`);
    writeFileSync(left, WHOLE.subarray(0, 3_500_000));

    const { code } = await download();

    expect(code).toBe(0);
    expect(requests).toMatchObject([{ path: expect.stringMatching(/^\/1/), range: 'bytes=500000-' }]);
    expect(readFileSync(join(folder, 'dump')).equals(WHOLE)).toBe(true);
  });

  it('copes with a store that knows no ranges', async () => {
    moods = ['cut', 'no-ranges'];

    expect((await download()).code).toBe(0);
    expect(readFileSync(join(folder, 'dump')).equals(WHOLE)).toBe(true);
  });

  it('gives no file its name when one bit is another', async () => {
    moods = ['flip'];

    const { code, document } = await download();

    expect({ code, document }).toMatchObject({ code: 61, document: { code: 'backup_damaged' } });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('notices bytes of an earlier attempt that were changed since', async () => {
    const bad = Buffer.from(WHOLE.subarray(0, 1_000_000));
    bad.writeUInt8((bad[7] ?? 0) ^ 1, 7);
    writeFileSync(join(folder, `dump.${sha256(WHOLE).slice(0, 12)}.part`), bad);

    expect(await download()).toMatchObject({ code: 61 });
    expect(existsSync(join(folder, 'dump'))).toBe(false);
    expect((await download()).code).toBe(0);
  });

  it('overwrites nothing unless it is told to', async () => {
    writeFileSync(join(folder, 'dump'), 'mine');

    expect(await download()).toMatchObject({ code: 2, document: { remedy: expect.stringContaining('--force') } });
    expect(readFileSync(join(folder, 'dump'), 'utf8')).toBe('mine');
    expect(await download('--force')).toMatchObject({ code: 0 });
  });

  it('keeps what it has when the store stays away, and says how to go on', async () => {
    moods = ['cut', 'broken', 'broken', 'broken', 'broken', 'broken'];

    const { code, document } = await download();

    expect({ code, document }).toMatchObject({ code: 40, document: { remedy: expect.stringContaining('goes on') } });
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^dump\.[0-9a-f]{12}\.part$/)]);
  }, 30_000);
});
