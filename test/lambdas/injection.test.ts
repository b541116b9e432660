import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RouteId } from '../../src/contract/routes.ts';
import { everyId, idsIn, requestOf, routeOf } from '../support/every-route.ts';
import type { TestService, TestTenant } from '../support/service.ts';
import { startTwoTenants, type TenantObjects } from '../support/tenant-objects.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Each would make the statement in which it stands another one, if it ever became part of its text (M21). */
const payloads = (tenantId: string): readonly string[] => [
  `'; select set_config('app.tenant_id', '${tenantId}', false); --`,
  `' or true or '' = '`,
  `' union all select tenant_id::text from find_tenants() --`,
  `x'); reset all; set app.tenant_id = '${tenantId}'; --`,
  `$1 or $$1$$ = $$1$$`,
  `\\'; set local row_security = off; --`,
];

let service: TestService;
let alice: TestTenant;
let bob: TestTenant;
let hers: TenantObjects;
let his: TenantObjects;

beforeAll(async () => {
  ({ service, alice, bob, hers, his } = await startTwoTenants());
});

afterAll(() => service.stop());

/** What would end the tenant, or the asker's own right to ask on. */
const ENDINGS: readonly RouteId[] = ['tenant.delete', 'apiKeys.revoke', 'members.remove'];

/** The body with each of its texts replaced in turn. */
function* spoilt(value: unknown, by: string): Generator<unknown> {
  if (typeof value === 'string') yield by;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    for (const other of spoilt(inner, by)) {
      yield Array.isArray(value)
        ? value.map((item, at) => (String(at) === name ? other : item))
        : { ...value, [name]: other };
    }
  }
}

describe('F95 text that a client sends', () => {
  it('stays a value wherever it stands: it changes no statement, and whose rows are seen', async () => {
    const theirs = [alice.tenantId, alice.ownerId, ...Object.values(hers)];
    let asked = 0;
    for (const payload of payloads(alice.tenantId)) {
      for (const id of everyId.filter((each) => !ENDINGS.includes(each))) {
        const request = requestOf(id, { ...his });
        const text = encodeURIComponent(payload);
        const queries = Object.keys(routeOf(id).query?.shape ?? {}).map((name) => ({
          ...request,
          path: `${request.path}?${name}=${text}`,
        }));
        const paths = idsIn(id).map((name) => ({ ...request, path: request.path.replace(his[name], text) }));
        const bodies = [...spoilt(request.body, payload)].map((body) => ({ ...request, body }));
        for (const one of [...queries, ...paths, ...bodies]) {
          const { status, text: answer } = await service.ask({ ...one, key: bob.keys.owner });
          asked += 1;
          expect([one.method, one.path, status < 500]).toEqual([one.method, one.path, true]);
          const own = answer.replaceAll(payload, '').replaceAll(JSON.stringify(payload).slice(1, -1), '');
          expect([one.path, theirs.filter((secret) => own.includes(secret))]).toEqual([one.path, []]);
        }
      }
    }
    expect(asked).toBeGreaterThan(700);
    // No connection of the pool was left as somebody else's.
    for (const [tenant, objects] of [
      [alice, hers],
      [bob, his],
    ] as const) {
      const { json } = await service.ask({ method: 'GET', path: '/v1/backups', key: tenant.keys.owner });
      expect((json.items as { id: string }[]).map(({ id }) => id)).toEqual([objects.backupId]);
    }
  }, 180_000);

  it('can stand in no text of a statement: statements are made of text that nobody sends', () => {
    const files = ['src', 'lambdas', 'tasks', 'local', 'cli'].flatMap((room) =>
      readdirSync(join(ROOT, room), { recursive: true })
        .map((name) => join(room, String(name)))
        .filter((name) => name.endsWith('.ts') && !name.startsWith(join('src', 'catalog', 'migrations'))),
    );
    expect(files.length).toBeGreaterThan(300);
    const raw = /\bsql\.(raw|lit|literal|unsafe)\b|CompiledQuery\.raw/;
    expect(files.filter((name) => raw.test(readFileSync(join(ROOT, name), 'utf8')))).toEqual([]);
  });
});
