import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertMember } from '../../src/catalog/repositories/members.ts';
import { type Role, TenantUpdate } from '../../src/contract/resources/people.ts';
import { anotherOwnerKey, bootstrapTenant } from '../../src/operations/bootstrap.ts';
import { makeSignInLink } from '../../src/operations/identity/sign-in.ts';
import { tokenHash } from '../../src/operations/identity/token.ts';
import { nobody } from '../../src/operations/operation.ts';
import { ask, askerOf, newOwner, type Person, refusal, startWorld, type World } from '../support/operations-world.ts';

let world: World;
let owner: Person;

beforeAll(async () => {
  world = await startWorld();
  owner = await newOwner(world);
});
afterAll(() => world.stop());

async function addMember(person: Person, role: Role): Promise<Person> {
  const id = randomUUID();
  const facts = { tenantId: person.tenantId, id, subject: `local:${id}`, email: `${id}@example.org`, name: 'M', role };
  await person.within((trx) => insertMember(trx, facts));
  return person.with(askerOf(person.tenantId, role, id));
}

describe('members', () => {
  it('keep an owner: the last one can neither leave nor be demoted', async () => {
    const tenant = await newOwner(world);
    const params = { memberId: tenant.asker.memberId };

    expect(await refusal(tenant.ask('members.remove', { params }))).toBe('conflict');
    expect(await refusal(tenant.ask('members.update', { params, body: { role: 'admin' } }))).toBe('conflict');
    await addMember(tenant, 'owner');
    expect((await tenant.ask('members.update', { params, body: { role: 'admin' } })).role).toBe('admin');
  });

  it('keep an owner also when all of them leave, or are demoted, at once', async () => {
    for (const id of ['members.remove', 'members.update', 'members.remove'] as const) {
      const tenant = await newOwner(world);
      const owners = [tenant];
      while (owners.length < 6) owners.push(await addMember(tenant, 'owner'));
      // So that nobody waits for a connection while the others are done.
      await Promise.all(owners.map((person) => person.ask('members.list')));

      const answers = await Promise.all(
        owners.map((person) =>
          refusal(person.ask(id, { params: { memberId: person.asker.memberId }, body: { role: 'viewer' } })),
        ),
      );

      expect(answers.filter((code) => code === 'conflict')).toHaveLength(1);
      const { items } = await tenant.ask('members.list');
      expect(items.filter(({ role }: { role: Role }) => role === 'owner')).toHaveLength(1);
    }
  });

  it('do not decide about roles above their own', async () => {
    const admin = await addMember(owner, 'admin');
    const params = { memberId: owner.asker.memberId };

    expect(await refusal(admin.ask('members.remove', { params }))).toBe('forbidden');
    expect(await refusal(admin.ask('members.update', { params, body: { role: 'viewer' } }))).toBe('forbidden');
    const self = { memberId: admin.asker.memberId };
    expect(await refusal(admin.ask('members.update', { params: self, body: { role: 'owner' } }))).toBe('forbidden');
    expect(await refusal(admin.ask('apiKeys.create', { body: { name: 'k', role: 'owner' } }))).toBe('forbidden');
    const invitation = { email: 'o@example.org', role: 'owner' };
    expect(await refusal(admin.ask('invitations.create', { body: invitation }))).toBe('forbidden');
  });
});

describe('API keys and invitations', () => {
  it('are shown once, begin as ours do, and are kept as SHA-256 alone', async () => {
    const key = await owner.ask('apiKeys.create', { body: { name: 'ci', role: 'operator', expiresInDays: 30 } });
    const invitation = await owner.ask('invitations.create', { body: { email: 'New@Example.org', role: 'viewer' } });
    const token = invitation.link.split('#')[1];

    expect(key.key).toMatch(/^dbd_[A-Za-z0-9_-]{43}$/);
    expect(key.key.startsWith(key.prefix)).toBe(true);
    const found = await world.catalog.find.apiKey(tokenHash(key.key));
    expect(found).toEqual({ tenantId: owner.tenantId, id: key.id });
    expect(await world.catalog.find.invitation(tokenHash(token))).toMatchObject({ id: invitation.id });
    const dump = await world.world.sql(
      `SELECT string_agg(row, '') AS text FROM (SELECT to_jsonb(k)::text AS row FROM api_keys k UNION ALL SELECT to_jsonb(i)::text FROM invitations i
        UNION ALL SELECT to_jsonb(a)::text FROM audit_events a) x`,
    );
    expect(dump[0]?.text).not.toContain(key.key.slice(8));
    expect(dump[0]?.text).not.toContain(token.slice(8));
    const listed = (await owner.ask('apiKeys.list')).items.find(({ id }: { id: string }) => id === key.id);
    expect(listed).not.toHaveProperty('key');
  });

  it('are gone once revoked', async () => {
    const key = await owner.ask('apiKeys.create', { body: { name: 'x', role: 'viewer' } });
    const invitation = await owner.ask('invitations.create', { body: { email: 'z@example.org', role: 'viewer' } });

    await owner.ask('apiKeys.revoke', { params: { apiKeyId: key.id } });
    await owner.ask('invitations.revoke', { params: { invitationId: invitation.id } });

    expect(await world.catalog.find.apiKey(tokenHash(key.key))).toBeUndefined();
    expect(await refusal(owner.ask('invitations.revoke', { params: { invitationId: invitation.id } }))).toBe(
      'not_found',
    );
  });

  it('invite a person once: a newer invitation takes the older one’s place, and a member needs none', async () => {
    const tenant = await newOwner(world);
    const body = { email: 'twice@example.org', role: 'viewer' };
    await tenant.ask('invitations.create', { body });
    await tenant.ask('invitations.create', { body });

    expect((await tenant.ask('invitations.list')).items).toHaveLength(1);
    const [{ email }] = (await tenant.ask('members.list')).items;
    expect(await refusal(tenant.ask('invitations.create', { body: { email, role: 'viewer' } }))).toBe('conflict');
  });

  it('lead a guest in by a session of the browser', async () => {
    const { link } = await owner.ask('invitations.create', { body: { email: 'guest@example.org', role: 'viewer' } });
    const cookies: string[] = [];
    const cookie = { set: (session: string) => void cookies.push(session), clear: () => void cookies.push('') };
    const stranger = nobody({ origin: undefined, requestId: 'r', cookie });
    const signIn = (token: string) => ask(world.runtime, stranger, { id: 'session.signIn', body: { token } });

    const me = await signIn(link.split('#')[1]);

    expect(me).toMatchObject({ member: { email: 'guest@example.org', role: 'viewer' }, via: 'session' });
    expect(cookies[0]).toMatch(/^dbs_/);
    expect(await refusal(signIn(link.split('#')[1]))).toBe('unauthenticated');
    const session = await world.catalog.find.session(tokenHash(cookies[0] ?? ''));
    const guest = { ...askerOf(owner.tenantId, 'viewer', me.member.id), sessionId: session?.id, cookie };
    await ask(world.runtime, guest, { id: 'session.signOut' });
    expect(await world.catalog.find.session(tokenHash(cookies[0] ?? ''))).toBeUndefined();
    expect(cookies.at(-1)).toBe('');
  });
});

describe('tenants', () => {
  it('F90 have an external id of their own, random, unique and never chosen by a user', async () => {
    const two = [await newOwner(world), await newOwner(world)];
    const ids = await Promise.all(two.map(async (person) => (await person.ask('tenant.get')).externalId));

    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^dbd-[A-Za-z0-9_-]{27}$/);
    expect(TenantUpdate.safeParse({ name: 'x' }).success).toBe(true);
    expect(TenantUpdate.safeParse({ name: 'x', externalId: 'chosen' }).success).toBe(false);
  });

  it('are founded by people, who then belong to both', async () => {
    const made = await owner.ask('tenants.create', { body: { name: 'Second' } });
    const me = await owner.ask('me.get');

    expect(me.tenants.map(({ name }: { name: string }) => name)).toContain('Second');
    expect(made.version).toBe(1);
    const key = owner.with({ memberId: undefined, via: 'api-key', actor: 'api-key 1' });
    expect(await refusal(key.ask('tenants.create', { body: { name: 'Third' } }))).toBe('forbidden');
  });

  it('change only on the version that was read', async () => {
    const { version } = await owner.ask('tenant.get');
    const change = (name: string) => owner.with({ ifMatch: version }).ask('tenant.update', { body: { name } });

    const answers = await Promise.all(['A', 'B', 'C'].map((name) => refusal(change(name))));

    expect(answers.filter((code) => code === 'version_conflict')).toHaveLength(2);
    expect((await owner.ask('tenant.get')).version).toBe(version + 1);
  });

  it('begin on one machine with an owner, a key and a link', async () => {
    const first = await bootstrapTenant(world.runtime, { name: 'This machine', email: 'root@localhost' });
    const found = await world.catalog.find.apiKey(tokenHash(first.key));
    const another = await anotherOwnerKey(world.runtime, first.tenantId);
    const token = await makeSignInLink(world.runtime, first.owner);
    const stranger = nobody({ origin: undefined, requestId: 'r' });
    const me = await ask(world.runtime, stranger, { id: 'session.signIn', body: { token } });

    expect(found?.tenantId).toBe(first.tenantId);
    expect((await world.catalog.find.apiKey(tokenHash(another)))?.tenantId).toBe(first.tenantId);
    expect(me.member).toMatchObject({ id: first.owner.id, role: 'owner' });
  });
});

describe('the audit chain', () => {
  it('has an event for every change, in its own transaction, page by page and intact', async () => {
    const tenant = await newOwner(world);
    for (let n = 0; n < 5; n += 1) await tenant.ask('apiKeys.create', { body: { name: `k${n}`, role: 'viewer' } });

    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await tenant.ask('audit.list', { query: { limit: 2, ...(cursor === undefined ? {} : { cursor }) } });
      seen.push(...page.items.map(({ sequence }: { sequence: number }) => sequence));
      cursor = page.next;
    } while (cursor !== undefined);

    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(await tenant.ask('audit.verify')).toMatchObject({ intact: true, events: 7 });
    const [newest] = (await tenant.ask('audit.list', { query: { limit: 1 } })).items;
    expect(newest).toMatchObject({ action: 'apiKeys.create', actor: tenant.asker.actor, from: '203.0.113.9' });
  });

  it('says nothing of what was refused', async () => {
    const before = (await owner.ask('audit.verify')).events;

    await refusal(owner.ask('members.remove', { params: { memberId: owner.asker.memberId } }));

    expect((await owner.ask('audit.verify')).events).toBe(before);
  });
});
