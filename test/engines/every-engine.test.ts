import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { differences } from '../../src/domain/inventory.ts';
import { engines } from '../../src/engines/registry.ts';
import { readConfig } from '../../src/runtime/config.ts';
import type { HostServer } from '../support/hosts/host.ts';
import { allHosts } from '../support/hosts/hosts.ts';
import { testTools } from '../support/postgres-server.ts';
import { backUp, compareDatabases, openTrial, restoreAs, type Trial, verifyFully } from '../support/trial.ts';

// An engine is tested by standing in the registry: it needs a server in test/support/hosts, and nothing here knows its name.

// Suites are made before anything may be awaited: which servers there are is asked of a program.
const present = execFileSync(process.execPath, [join(import.meta.dirname, '../support/hosts/main.ts')], {
  encoding: 'utf8',
}).split('\n');
const { inCi } = readConfig();

describe('every engine', () => {
  for (const engine of engines) {
    const sentence = `${engine.label}: backs up, verifies at level 3 and restores an identical database`;
    if (present.some((line) => line.startsWith(`${engine.id} `))) {
      it(sentence, () => roundTrip(engine.id), 240_000);
      continue;
    }
    const advice = `no server of ${engine.label} can be started here: run sh scripts/bootstrap test`;
    if (inCi) throw new Error(advice);
    console.log(`skipped: every engine (${engine.label}): ${advice}`);
    it.skip(sentence, () => undefined);
  }
});

async function roundTrip(id: string): Promise<void> {
  const host = allHosts(await testTools()).find(({ engine }) => engine === id);
  if (host === undefined) throw new Error(`no server for ${id}`);
  const trial = await openTrial({ belowFloor: true });
  const server = await host.start();
  try {
    await provesItself(trial, server);
  } finally {
    await server.stop();
    trial.close();
  }
}

async function provesItself(trial: Trial, server: HostServer): Promise<void> {
  const { engine } = server;
  await server.fill('origin', { portable: false });
  const source = server.at('origin');

  const manifest = await backUp(trial, engine, source);
  const scratch = server.scratch === undefined ? {} : { scratch: server.scratch };
  const verified = await verifyFully(trial, engine, { manifest, ...scratch });
  expect(verified).toMatchObject({ status: 'good', reached: 3, differences: [], reason: undefined });

  const outcome = await restoreAs(trial, engine, { manifest, target: server.at(''), name: 'copy' });
  expect(outcome).toMatchObject({ database: 'copy', differences: [] });
  const copy = server.at('copy');
  expect(await compareDatabases(trial, engine, { source, copy })).toEqual([]);

  // The same comparison must notice a loss, or all of the above proves nothing.
  const whole = await engine.inventory(trial.needs(engine).bench, copy, 'digests');
  const [lost = ''] = Object.keys(whole.objects);
  const { [lost]: _, ...objects } = whole.objects;
  expect(differences(whole, { ...whole, objects })).toEqual([expect.objectContaining({ kind: 'missing', what: lost })]);
}
