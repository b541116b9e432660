import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Connection, Engine } from '../../src/engines/engine.ts';
import { engines } from '../../src/engines/registry.ts';
import { loadSigningKey } from '../../src/pipeline/keys.ts';
import { databaseFolder } from '../../src/pipeline/layout.ts';
import { findLeftovers } from '../../src/pipeline/leftovers.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { readConfig } from '../../src/runtime/config.ts';
import { SIGNING_KEY_FILE } from '../../src/runtime/rescue.ts';
import { openStorage } from '../../src/storage/registry.ts';
import { cliFolder } from '../support/cli.ts';
import { allHosts } from '../support/hosts/hosts.ts';
import { testTools } from '../support/postgres-server.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { openTrial, type Trial } from '../support/trial.ts';

// The real program against real servers: it, or one of the tools it runs, is killed at a random moment of a backup.

const main = join(import.meta.dirname, '../../cli/main.ts');
const present = execFileSync(process.execPath, [join(import.meta.dirname, '../support/hosts/main.ts')], {
  encoding: 'utf8',
}).split('\n');

interface Scene {
  readonly trial: Trial;
  readonly engine: Engine;
  readonly source: Connection;
  readonly url: string;
  readonly folder: string;
}

function start({ url, folder }: Scene, store: string): ChildProcess {
  const args = ['rescue', 'backup', url, '--to', `file://${store}`, '--level', '1', '--data-dir', join(folder, 'data')];
  return spawn(process.execPath, [main, ...args, '--quiet'], { stdio: ['ignore', 'ignore', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return child.exitCode;
}

/** Processes that this one started, and those they started. */
function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        return [{ pid: Number(name), parent: Number(fields[1]) }];
      } catch {
        return [];
      }
    });
  const children = parents.filter(({ parent }) => parent === pid).map((found) => found.pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** What must hold of a store after anything. Returns how many backups there are. */
async function requireSound(scene: Scene, store: string): Promise<number> {
  const key = await loadSigningKey(join(scene.folder, 'data', SIGNING_KEY_FILE));
  const storage = openStorage({ kind: 'filesystem', root: store });
  const trusted = key === undefined ? [] : [key.publicKey];
  const needs = { ...scene.trial.needs(scene.engine), storage, trusted };
  const place = databaseFolder(scene.source);
  await (await takeRunMarker(needs, place, { staleMs: -1 })).release();
  const { backups, leftovers, problems } = await surveyStore(needs);
  expect([leftovers, problems, (await findLeftovers(storage, place)).uploads]).toEqual([[], [], []]);
  for (const { manifest } of backups) {
    const checked = {
      ...scene.trial.needs(scene.engine),
      storage,
      trusted,
      ...(key === undefined ? {} : { signer: key }),
    };
    const { status } = await verify(checked, { manifest, level: 2, scratch: undefined, assertions: {} });
    expect(status).toBe('good');
  }
  return backups.length;
}

/** At the moment to strike: one of the tools that run, in four of ten cases; undefined for the program itself. */
async function victim(child: ChildProcess, { usual, random }: { usual: number; random: () => number }) {
  if (random() >= 0.4) return void (await wait(random() * usual));
  const pick = random();
  const delay = random() * 100;
  while (child.exitCode === null && child.pid !== undefined) {
    if (descendants(child.pid).length > 0) {
      await wait(delay);
      const tools = descendants(child.pid);
      return tools[Math.floor(pick * tools.length)];
    }
    await wait(2);
  }
  return undefined;
}

async function crashOften(scene: Scene, label: string): Promise<void> {
  const random = randomFrom(seed);
  const began = performance.now();
  const whole = start(scene, join(scene.folder, 'whole'));
  let words = '';
  whole.stderr?.on('data', (chunk: Buffer) => {
    words += chunk;
  });
  expect([await ended(whole), words]).toEqual([0, words]);
  const usual = performance.now() - began;
  expect(await requireSound(scene, join(scene.folder, 'whole'))).toBe(1);
  const points = sized(2, 500);
  const seen = { worker: 0, tool: 0, complete: 0 };
  for (let n = 0; n < points; n += 1) {
    const store = join(scene.folder, `store${n}`);
    const child = start(scene, store);
    child.stderr?.resume();
    const tool = await victim(child, { usual, random });
    try {
      if (tool === undefined) child.kill('SIGKILL');
      else process.kill(tool, 'SIGKILL');
    } catch {
      // It ended by itself just before.
    }
    const code = await ended(child);
    const backups = await requireSound(scene, store);

    if (code === 0) expect([n, backups]).toEqual([n, 1]);
    if (backups > 0) seen.complete += 1;
    seen[tool === undefined ? 'worker' : 'tool'] += 1;
  }
  console.log(`T1: ${label}: ${points} kills of the real program, seed ${seed}: ${JSON.stringify(seen)}`);
}

describe('a backup of a real server that is killed', () => {
  for (const engine of engines) {
    const sentence = `T1 leaves nothing that looks like a backup and is none: ${engine.label}`;
    if (!present.some((line) => line.startsWith(`${engine.id} `))) {
      const advice = `no server of ${engine.label} can be started here: run sh scripts/bootstrap test`;
      if (readConfig().inCi) throw new Error(advice);
      console.log(`skipped: kills of real backups (${engine.label}): ${advice}`);
      it.skip(sentence, () => undefined);
      continue;
    }
    it(sentence, async () => {
      const host = allHosts(await testTools()).find((candidate) => candidate.engine === engine.id);
      if (host === undefined) throw new Error(`no server for ${engine.id}`);
      const trial = await openTrial({ belowFloor: false });
      const files = cliFolder();
      const server = await host.start();
      try {
        await server.fill('origin', { portable: false });
        const source = server.at('origin');
        const url = files.urlFile('url', source);
        await crashOften({ trial, engine, source, url, folder: files.path }, `${server.product} ${server.version}`);
      } finally {
        await server.stop();
        files.remove();
        trial.close();
      }
    }, 7_200_000);
  }
});
