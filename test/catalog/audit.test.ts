import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendAudit, verifyAudit } from '../../src/catalog/repositories/audit.ts';
import { startCatalog, type TestCatalog } from '../support/catalog.ts';

let world: TestCatalog;

beforeAll(async () => {
  world = await startCatalog();
});
afterAll(() => world.stop());

const event = (tenantId: string, object: string) => ({
  tenantId,
  actor: 'key 1',
  origin: '127.0.0.1',
  action: 'backup.pin',
  object,
  before: undefined,
  after: { pin: 'année "x"', gone: undefined },
  requestId: 'req',
});

describe('the audit chain in the catalog', () => {
  it('stays one chain however many write at once', async () => {
    const tenant = await world.tenant();

    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        world.catalog.withTenant(tenant, (trx) => appendAudit(trx, event(tenant, `b${n}`))),
      ),
    );

    expect(await world.catalog.withTenant(tenant, verifyAudit)).toMatchObject({ intact: true, events: 40 });
  });

  it('is not there when the change itself was rolled back', async () => {
    const tenant = await world.tenant();
    const work = world.catalog.withTenant(tenant, async (trx) => {
      await appendAudit(trx, event(tenant, 'x'));
      throw new Error('rolled back');
    });

    await expect(work).rejects.toThrow('rolled back');
    expect(await world.catalog.withTenant(tenant, verifyAudit)).toMatchObject({ intact: true, events: 0 });
  });

  it('F101 shows where an administrator of the server changed a row', async () => {
    const tenant = await world.tenant();
    for (const object of ['a', 'b', 'c'])
      await world.catalog.withTenant(tenant, (trx) => appendAudit(trx, event(tenant, object)));

    await world.sql(
      `ALTER TABLE audit_events DISABLE TRIGGER USER; UPDATE audit_events SET object = 'z' WHERE tenant_id = '${tenant}' AND sequence = 2; ALTER TABLE audit_events ENABLE TRIGGER USER`,
    );

    expect(await world.catalog.withTenant(tenant, verifyAudit)).toMatchObject({
      intact: false,
      events: 3,
      brokenAt: 2,
    });
  });
});
