import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertChannel } from '../../src/catalog/repositories/channels.ts';
import { Secret } from '../../src/domain/secret.ts';
import { openLoans } from '../../src/platform/local/loans.ts';
import { openSealingKey } from '../../src/platform/local/sealing-key.ts';
import { formsOf, scanFolders, scanTables, sightingsIn } from '../support/canary.ts';
import { DATABASE, newOwner, setVerified, startWorld, type World } from '../support/operations-world.ts';

// The scanner is only worth what it finds: first it must find everything, then it may find nothing.

const CANARY = `Kanari\\'"<&>ü/é 7Z!q${'x'.repeat(9)}Q`;

describe('the scanner', () => {
  it('T14 sees the canary in every form, wherever it stands', () => {
    for (const [form, bytes] of formsOf(CANARY)) {
      const around = Buffer.concat([Buffer.from('before '), bytes, Buffer.from(' after')]);
      expect([form, sightingsIn(around, CANARY, 'x').map((one) => one.form)]).toEqual([
        form,
        expect.arrayContaining([form]),
      ]);
    }
  });

  it('T14 sees it in base64 whatever stands before and after it', () => {
    for (let before = 0; before < 12; before += 1) {
      for (let after = 0; after < 6; after += 1) {
        const whole = `${'a'.repeat(before)}${CANARY}${'b'.repeat(after)}`;
        for (const encoding of ['base64', 'base64url'] as const)
          expect(sightingsIn(Buffer.from(Buffer.from(whole).toString(encoding)), CANARY, 'x')).not.toEqual([]);
      }
    }
  });

  it('T14 sees it inside what is compressed, also twice', () => {
    const packed = gzipSync(zstdCompressSync(Buffer.from(`a ${CANARY} b`)));

    const seen = sightingsIn(Buffer.concat([Buffer.from('head'), packed, Buffer.from('tail')]), CANARY, 'file');

    const places = seen.map(({ where }) => where);
    expect(places).toContainEqual(expect.stringMatching(/^file > gzip at 4 > zstd at 0/));
  });

  it('sees nothing where there is nothing', () => {
    expect(sightingsIn(Buffer.from('nothing to see'), CANARY, 'x')).toEqual([]);
  });
});

describe('where credentials must not stay', () => {
  let folder: string;
  let world: World;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'canary-'));
    world = await startWorld();
  });

  afterAll(async () => {
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('T14 finds what lies in a folder, in contents and in names', () => {
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub', 'a'), `x ${CANARY}`);
    writeFileSync(join(folder, 'sub', 'plain-canary'), '');

    expect(scanFolders([folder], CANARY).sightings.map(({ form }) => form)).toContain('as it is');
    expect(scanFolders([folder], 'plain-canary').sightings).not.toEqual([]);
    rmSync(join(folder, 'sub'), { recursive: true });
  });

  it('T14 a password lent to a run, a look or a sealed row stands in no table and no file, in any form', async () => {
    const key = await openSealingKey(join(folder, 'sealing-key'));
    const loans = openLoans();
    const vault = {
      ...world.runtime.vault,
      seal: async (secret: Secret, purpose: { tenantId: string; what: string }) => key.seal(secret, purpose),
      lend: async (runId: string, secret: Secret) => loans.lend(runId, secret),
    };
    const owner = await newOwner({ runtime: { ...world.runtime, vault } });
    const credential = { kind: 'one-off' };
    const database = await owner.ask('databases.create', { body: { ...DATABASE, credential } });
    const body = { kind: 'filesystem', name: 'disk', filesystem: { path: join(folder, 'backups') } };
    const destination = await owner.ask('destinations.create', { body });
    await setVerified(owner, database, destination);
    await owner.ask('backups.start', {
      body: { databaseId: database.id, destinationIds: [destination.id], password: CANARY },
    });
    await owner.ask('databases.dryRun', { body: { ...DATABASE, credential, password: CANARY } });
    // Sealed as a channel's secret is, and as a database's would be.
    const sealed = key.seal(new Secret(CANARY), { tenantId: owner.tenantId, what: 'channel 1' });
    await owner.within(async (trx) => {
      const settings = { target: { kind: 'email', to: ['a@example.org'] }, events: [], minimumSeverity: 'info' };
      const id = '00000000-0000-4000-8000-000000000001';
      await insertChannel(trx, { tenantId: owner.tenantId, id, name: 'c', settings, enabled: true, sealed });
    });

    expect(loans.waiting()).toBe(1);
    const tables = await scanTables((statement) => world.world.sql(statement), CANARY);
    const files = scanFolders([folder], CANARY);
    const log = sightingsIn(Buffer.from(world.outside.log.join('\n')), CANARY, 'log');

    expect([...tables.sightings, ...files.sightings, ...log]).toEqual([]);
    expect(tables.tables).toBeGreaterThan(15);
    expect(tables.bytes).toBeGreaterThan(1000);
    expect(files.files).toBeGreaterThan(0);
  });
});
