import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newToken } from '../../src/operations/identity/token.ts';
import { type Forge, makeForge } from '../support/bad-tokens.ts';
import { ORIGIN } from '../support/events.ts';
import { addPerson, startService, type TestService, type TestTenant } from '../support/service.ts';

let service: TestService;
let tenant: TestTenant;
let forge: Forge;
let now = new Date();

beforeAll(async () => {
  forge = await makeForge({ issuer: 'https://id.example.com', audience: 'database-dump', scope: 'database-dump/api' });
  const { issuer, audience, scope, keys } = forge;
  const subject = (sub: string) => `${issuer}#${sub}`;
  service = await startService({
    issuers: [{ issuer, audience, scope, subject, keys: async () => keys as never }],
    now: () => now,
  });
  tenant = await service.tenant();
});

afterAll(() => service.stop());

const signIn = (token: string, headers: Record<string, string> = {}) =>
  service.ask({ method: 'POST', path: '/v1/session:signIn', body: { token }, headers });

/** `session=…` alone, as a browser sends it back. */
const cookieOf = (answer: { cookies: readonly string[] }) => (answer.cookies[0] ?? '').split(';')[0] ?? '';

describe('a one-time link', () => {
  it('is exchanged for a session in a cookie that no script can read', async () => {
    const answer = await signIn(await tenant.link(), { origin: ORIGIN });

    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ via: 'session', tenant: { id: tenant.tenantId }, member: { role: 'owner' } });
    expect(answer.cookies).toEqual([
      expect.stringMatching(/^session=dbs_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/),
    ]);
    expect(answer.text).not.toContain('dbs_');
    const me = await service.ask({ path: '/v1/me', cookies: [cookieOf(answer)] });
    expect(me.json).toMatchObject({ via: 'session', member: { id: tenant.ownerId } });
  });

  it('dies on use: a second one is refused like one that never was', async () => {
    const link = await tenant.link();
    expect((await signIn(link)).status).toBe(200);

    const again = await signIn(link);
    const invented = await signIn(newToken('signInLink').token);

    expect(again.status).toBe(401);
    expect(again.json.detail).toBe(invented.json.detail);
  });

  it('lets one in of twenty who use it at once', async () => {
    const link = await tenant.link();

    const answers = await Promise.all(Array.from({ length: 20 }, () => signIn(link)));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19);
  });

  it('dies after fifteen minutes', async () => {
    const link = await tenant.link();
    await service.world.sql(`UPDATE sign_in_links SET expires_at = now() - interval '1 second' WHERE used_at IS NULL`);

    expect((await signIn(link)).status).toBe(401);
  });
});

describe('a session', () => {
  it('ends at sign-out, for every tab that has its cookie', async () => {
    const cookie = cookieOf(await signIn(await tenant.link()));
    const out = await service.ask({
      method: 'POST',
      path: '/v1/session:signOut',
      cookies: [cookie],
      headers: { origin: ORIGIN },
    });

    expect(out.status).toBe(204);
    expect(out.cookies[0]).toContain('Max-Age=0');
    expect((await service.ask({ path: '/v1/me', cookies: [cookie] })).status).toBe(401);
  });

  it('ends when its time is over', async () => {
    const cookie = cookieOf(await signIn(await tenant.link()));
    await service.world.sql(`UPDATE sessions SET expires_at = now() - interval '1 second'`);

    expect((await service.ask({ path: '/v1/me', cookies: [cookie] })).status).toBe(401);
  });

  it('cannot be chosen by somebody else: of two cookies of that name neither counts', async () => {
    const cookie = cookieOf(await signIn(await tenant.link()));

    const answer = await service.ask({ path: '/v1/me', cookies: [cookie, `session=${newToken('session').token}`] });

    expect(answer.status).toBe(401);
  });

  it.each([
    ['another site', { origin: 'https://evil.example.org' }],
    ['a page without origin', { origin: 'null' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:9999' }],
    ['a browser that says so', { 'sec-fetch-site': 'cross-site' }],
    ['nobody knows where', {}],
  ])('changes nothing when %s asks with it (CSRF)', async (_name, headers) => {
    const cookie = cookieOf(await signIn(await tenant.link()));

    const answer = await service.ask({
      method: 'POST',
      path: '/v1/api-keys',
      cookies: [cookie],
      headers,
      body: { name: 'stolen', role: 'owner' },
    });

    expect(answer.status).toBe(403);
    expect(answer.json.code).toBe('forbidden');
  });

  it('changes what the console asks for', async () => {
    const cookie = cookieOf(await signIn(await tenant.link()));

    const answer = await service.ask({
      method: 'POST',
      path: '/v1/api-keys',
      cookies: [cookie],
      headers: { origin: ORIGIN, 'sec-fetch-site': 'same-origin' },
      body: { name: 'mine', role: 'viewer' },
    });

    expect(answer.status).toBe(201);
  });
});

describe('an API key', () => {
  it('says who asks, and when it was last used', async () => {
    const me = await service.ask({ path: '/v1/me', key: tenant.keys.operator });
    const { json } = await service.ask({ path: '/v1/api-keys', key: tenant.keys.admin });

    expect(me.json).toMatchObject({ via: 'api-key', member: { role: 'operator' } });
    const used = (json.items as { role: string; lastUsedAt?: string }[]).find(({ role }) => role === 'operator');
    expect(used?.lastUsedAt).toBeDefined();
  });

  it('opens nothing once it is revoked, has expired, or was never made', async () => {
    const make = async () =>
      (
        await service.ask({
          method: 'POST',
          path: '/v1/api-keys',
          key: tenant.keys.admin,
          body: { name: 'k', role: 'viewer', expiresInDays: 1 },
        })
      ).json;
    const revoked = await make();
    const old = await make();
    await service.ask({ method: 'DELETE', path: `/v1/api-keys/${revoked.id}`, key: tenant.keys.admin });

    const me = (key: unknown) => service.ask({ path: '/v1/me', key: String(key) });
    expect((await me(old.key)).status).toBe(200);
    now = new Date(Date.now() + 2 * 86_400_000);
    const statuses = [await me(revoked.key), await me(old.key), await me(newToken('apiKey').token)].map(
      ({ status }) => status,
    );
    now = new Date();

    expect(statuses).toEqual([401, 401, 401]);
  });

  it('is not helped by a cookie: a wrong one is refused whatever else came', async () => {
    const cookie = cookieOf(await signIn(await tenant.link()));

    for (const authorization of ['Bearer wrong', 'Basic dXNlcjpwdw==', 'Bearer', '']) {
      const answer = await service.ask({ path: '/v1/me', cookies: [cookie], headers: { authorization } });
      expect(answer.status).toBe(401);
    }
  });

  it('reaches as far as its role: viewers read, operators run, admins change, owners own', async () => {
    const asked = (role: 'owner' | 'admin' | 'operator' | 'viewer', method: string, path: string) =>
      service.ask({ method, path, key: tenant.keys[role], ...(method === 'POST' ? { body: {} } : {}) });

    expect((await asked('viewer', 'GET', '/v1/databases')).status).toBe(200);
    expect((await asked('viewer', 'POST', '/v1/databases')).status).toBe(403);
    expect((await asked('operator', 'POST', '/v1/destinations')).status).toBe(403);
    expect((await asked('operator', 'GET', '/v1/audit')).status).toBe(403);
    expect((await asked('admin', 'GET', '/v1/tenant:export')).status).toBe(403);
    expect((await asked('owner', 'GET', '/v1/tenant:export')).status).toBe(200);
  });
});

describe('an access token', () => {
  it('F96 finds the tenant in the membership table and nowhere else', async () => {
    const other = await service.tenant();
    await addPerson(service, tenant.tenantId, 'https://id.example.com#pat');
    const token = await forge.sign({ now, claims: { sub: 'pat', tenant_id: other.tenantId, role: 'owner' } });

    const mine = await service.ask({ path: '/v1/me', key: token });
    const theirs = await service.ask({ path: '/v1/me', key: token, headers: { 'x-tenant-id': other.tenantId } });
    const stranger = await service.ask({ path: '/v1/me', key: await forge.sign({ now, claims: { sub: 'nobody' } }) });

    expect(mine.json).toMatchObject({ via: 'token', tenant: { id: tenant.tenantId }, member: { role: 'operator' } });
    expect(theirs.status).toBe(401);
    expect(stranger.status).toBe(401);
  });

  it('chooses among the tenants of its person', async () => {
    const other = await service.tenant();
    for (const one of [tenant, other]) await addPerson(service, one.tenantId, 'https://id.example.com#both');
    const token = await forge.sign({ now, claims: { sub: 'both' } });

    for (const one of [tenant, other]) {
      const me = await service.ask({ path: '/v1/me', key: token, headers: { 'x-tenant-id': one.tenantId } });
      expect(me.json).toMatchObject({ tenant: { id: one.tenantId } });
      expect(me.json.tenants).toHaveLength(2);
    }
  });

  it('T16 F96 opens no route when it is bad: 60 kinds through the door', async () => {
    await addPerson(service, tenant.tenantId, 'https://id.example.com#somebody');
    expect((await service.ask({ path: '/v1/me', key: await forge.sign({ now }) })).status).toBe(200);

    for (const [, token] of await forge.bad(now)) {
      const answer = await service.ask({ path: '/v1/me', headers: { authorization: `Bearer ${token}` } });
      expect(answer.status).toBe(401);
    }
  });
});

describe('an invitation', () => {
  const invite = async (email: string, role = 'operator') =>
    service.ask({ method: 'POST', path: '/v1/invitations', key: tenant.keys.owner, body: { email, role } });
  const tokenOf = (link: unknown) => String(link).split('#')[1] ?? '';

  it('makes a member of whoever opens its link, once', async () => {
    const { json } = await invite('new@example.org');

    const first = await signIn(tokenOf(json.link));
    const second = await signIn(tokenOf(json.link));

    expect(first.json).toMatchObject({ member: { email: 'new@example.org', role: 'operator' } });
    expect(second.status).toBe(401);
  });

  it('is bound to the person whose access token came with it', async () => {
    const { json } = await invite('bound@example.org', 'viewer');
    const token = await forge.sign({ now, claims: { sub: 'bound' } });

    await signIn(tokenOf(json.link), { authorization: `Bearer ${token}` });

    const me = await service.ask({ path: '/v1/me', key: token });
    expect(me.json).toMatchObject({ via: 'token', member: { email: 'bound@example.org', role: 'viewer' } });
  });

  it('signs nobody in as a member who is there already', async () => {
    const { json } = await invite('late@example.org');
    await service.world.sql(
      `INSERT INTO members (tenant_id, id, subject, email, name, role)
       VALUES ('${tenant.tenantId}', '${randomUUID()}', 'x#late', 'late@example.org', 'Late', 'owner')`,
    );

    expect((await signIn(tokenOf(json.link))).status).toBe(401);
  });

  it('opens nothing when it is too old or withdrawn', async () => {
    const old = await invite('old@example.org');
    await service.world.sql(`UPDATE invitations SET expires_at = now() - interval '1 second'`);
    const gone = await invite('gone@example.org');
    await service.ask({ method: 'DELETE', path: `/v1/invitations/${gone.json.id}`, key: tenant.keys.owner });

    expect((await signIn(tokenOf(old.json.link))).status).toBe(401);
    expect((await signIn(tokenOf(gone.json.link))).status).toBe(401);
  });
});

describe('the log', () => {
  it('has a line for every request and never a token, a cookie, a link or a body', async () => {
    const text = service.log.join('\n');

    expect(service.log.length).toBeGreaterThan(100);
    expect(text).toContain('"route":"session.signIn"');
    expect(text).not.toMatch(/db[dsli]_[\w-]{20}|eyJ[\w-]{20}|stolen|example\.org/);
  });
});
