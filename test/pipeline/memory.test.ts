import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { sized } from '../support/size.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'memory-test-'));
const worker = join(folder, 'worker.mjs');
const block = join(folder, 'block');
const BLOCK = 64 * 1024 * 1024;
let server: ChildProcess;
let store: unknown;

/** One third of it does not compress, and it repeats only beyond the compressor's window. */
function writeBlock(): void {
  const file = openSync(block, 'w');
  const words = Buffer.from('some words that repeat in every row, and some more of them; '.repeat(200)).subarray(
    0,
    8192,
  );
  for (let written = 0; written < BLOCK; written += 12_288) {
    writeSync(file, randomBytes(4096));
    writeSync(file, words);
  }
}

beforeAll(async () => {
  writeBlock();
  // As it is shipped: bundled JavaScript.
  await build({
    entryPoints: [join(root, 'test/support/backup-worker.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: worker,
    logLevel: 'error',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  server = spawn(process.execPath, [join(root, 'test/support/s3-server/main.ts'), '--discard'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: server.stdout! }), 'line');
  store = JSON.parse(String(line));
});

afterAll(() => {
  server?.kill();
  rmSync(folder, { recursive: true });
});

async function streamBlocks(count: number) {
  const loop = 'i=0; while [ $i -lt "$1" ]; do cat "$2"; i=$((i+1)); done';
  const task = { program: '/bin/sh', args: ['-c', loop, 'sh', String(count), block], runId: `blocks${count}`, store };
  // The launcher of the program sets the same.
  const flags = ['--max-semi-space-size=1'];
  const child = spawn(process.execPath, [...flags, worker, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  return JSON.parse(output) as { plain: number; stored: number; rssMiB: number };
}

describe('the memory of a worker', () => {
  it('T19 stays under 128 MiB for a long stream, at least a quarter of which is stored', async () => {
    const blocks = sized(16, 320);

    const short = await streamBlocks(4);
    const long = await streamBlocks(blocks);

    expect(long.plain).toBeGreaterThanOrEqual(blocks * BLOCK);
    expect(long.stored / long.plain).toBeGreaterThanOrEqual(0.25);
    expect(long.stored / (8 * 1024 * 1024)).toBeGreaterThanOrEqual(sized(40, 600));
    expect(long.rssMiB).toBeLessThanOrEqual(128);
    expect(long.rssMiB - short.rssMiB).toBeLessThanOrEqual(16);
    console.log(`T19: ${JSON.stringify({ short, long })}`);
  }, 7_200_000);
});
