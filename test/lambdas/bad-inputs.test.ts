import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { BadRequestsReport } from '../support/bad-requests-worker.ts';
import { seed, sized } from '../support/size.ts';

const worker = join(import.meta.dirname, '../support/bad-requests-worker.ts');

/**
 * Garbage of short life may fill 4 MiB: the engine's own limit is many times that, it is only slowly used up, and a leak
 * hides behind it.
 */
const FLAGS = ['--expose-gc', '--max-semi-space-size=4', '--disable-warning=ExperimentalWarning'];

/** Spoilt requests of every route to the API in a process of its own. */
async function sendBadRequests(rounds: number): Promise<BadRequestsReport> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, [...FLAGS, worker, String(rounds), String(seed)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', (status, signal) => resolve(status ?? signal)));
  expect([code, output.trim()]).toEqual([0, expect.stringMatching(/^\{.*\}$/)]);
  return JSON.parse(output) as BadRequestsReport;
}

describe('bad input', () => {
  it('T11 F98 crashes nothing: spoilt requests of every route, no answer of 5xx, no growth', async () => {
    const rounds = sized(100_000, 5_000_000);
    const { statuses, wrong, rss, heap } = await sendBadRequests(rounds);
    const growth = ([before, after]: readonly [number, number]) => (after - before) / 2 ** 20;

    const counts = statuses.map(([status, count]) => `${status}: ${count}`).join(', ');
    const memory = `resident ${growth(rss).toFixed(1)} MiB more, heap ${growth(heap).toFixed(1)} MiB`;
    console.log(`T11: ${rounds} requests, seed ${seed}: ${counts}; ${memory}`);
    expect(wrong).toEqual([]);
    expect(statuses.reduce((sum, [, count]) => sum + count, 0)).toBe(rounds);
    expect(growth(rss)).toBeLessThan(50);
  }, 7_200_000);
});
