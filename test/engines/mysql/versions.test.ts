import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { differences } from '../../../src/domain/inventory.ts';
import { mysql } from '../../../src/engines/mysql/index.ts';
import { readConfig } from '../../../src/runtime/config.ts';
import { dumpAll, makeHostile, plainOf, restoreRequest, startTestServer } from '../../support/mysql-server.ts';

const newer = readConfig().caches.flatMap((cache) => globSync(join(cache, '*', 'mariadb-11.4*', 'bin', 'mariadbd')));
if (newer.length === 0) console.log('skipped: MariaDB 11.4 beside 10.11: run sh scripts/bootstrap matrix');
const suite = newer.length === 0 ? describe.skip : describe;

suite('MariaDB of two series', () => {
  it('F74 takes an older dump whole, with the same digests, and refuses a newer one for an older server', async () => {
    const old = await startTestServer('MariaDB');
    const fresh = await startTestServer('MariaDB', { version: '11.4' });
    try {
      await makeHostile(old, 'src');
      const source = await mysql.inventory(old.bench, old.at('src'), 'digests');
      const { bytes, origin } = await dumpAll(old.bench, old.at('src'));
      await mysql.admin(fresh.bench).create(fresh.at(''), 'copy', source.facts);
      const request = restoreRequest(fresh.at('copy'));

      await mysql.restore(fresh.bench, plainOf(fresh.bench, bytes), { origin, request });

      const copy = await mysql.inventory(fresh.bench, fresh.at('copy'), 'digests');
      const back = await mysql.plan(old.bench, { ...origin, serverVersion: '11.4.5' }, restoreRequest(old.at('src')));
      expect(differences(source, copy)).toEqual([]);
      expect(back.filter(({ blocks }) => blocks).map(({ name }) => name)).toEqual(['version']);
    } finally {
      await old.stop();
      await fresh.stop();
    }
  }, 120_000);
});
