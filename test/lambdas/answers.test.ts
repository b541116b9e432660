import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiHandler } from '../../lambdas/middleware/api-handler.ts';
import { everyRoute } from '../../local/api.ts';
import { eventOf } from '../support/events.ts';
import { type Answer, answerOf, startService, type TestService, type TestTenant } from '../support/service.ts';
import { makeObjects, type TenantObjects } from '../support/tenant-objects.ts';

let service: TestService;
let tenant: TestTenant;
let objects: TenantObjects;

beforeAll(async () => {
  service = await startService();
  tenant = await service.tenant();
  objects = await makeObjects(service, tenant);
});

afterAll(() => service.stop());

const database = () => `/v1/databases/${objects.databaseId}`;
const read = (path: string, headers = {}): Promise<Answer> => service.ask({ path, key: tenant.keys.owner, headers });
const rename = (headers: Record<string, string>, name = 'renamed') =>
  service.ask({ method: 'PATCH', path: database(), key: tenant.keys.owner, headers, body: { name } });

/** The same door, with one operation replaced. */
const askOf = async (id: keyof typeof everyRoute, operation: () => Promise<unknown>) => {
  const handler = apiHandler(service.door, { ...everyRoute, [id]: operation });
  const headers = { authorization: `Bearer ${tenant.keys.owner}` };
  return answerOf(await handler(eventOf({ path: '/v1/tenant', headers })));
};

describe('an update', () => {
  it('says which version it is based on: 428 without, 412 with another', async () => {
    const { headers } = await read(database());

    expect([(await rename({})).status, (await rename({})).json.code]).toEqual([428, 'version_missing']);
    for (const tag of ['*', '"999"', 'W/"1"', '1', '"1", "2"', '"99999999999999999999"', '""'])
      expect([tag, (await rename({ 'if-match': tag })).status]).toEqual([tag, 412]);
    const done = await rename({ 'if-match': headers.etag ?? '' });
    expect(done.status).toBe(200);
    expect(done.headers.etag).not.toBe(headers.etag);
    expect((await rename({ 'if-match': headers.etag ?? '' })).status).toBe(412);
  });

  it('is not needed to see that nothing changed: 304 to whoever has it', async () => {
    const { headers, text } = await read(database());

    const same = await read(database(), { 'if-none-match': headers.etag });
    const weak = await read(database(), { 'if-none-match': `"x", W/${headers.etag}` });
    await rename({ 'if-match': headers.etag ?? '' }, 'another name');
    const other = await read(database(), { 'if-none-match': headers.etag });

    expect([same.status, same.text, weak.status]).toEqual([304, '', 304]);
    expect(other.status).toBe(200);
    expect(other.text).not.toBe(text);
  });
});

describe('an answer', () => {
  it('is not sent when it holds more than the contract says', async () => {
    const answer = await askOf('tenant.get', async () => ({
      ...(await read('/v1/tenant')).json,
      key_hash: 'what nobody should see',
    }));

    expect([answer.status, answer.json.code]).toEqual([500, 'internal']);
    expect(answer.text).not.toContain('nobody should see');
  });

  it('tells nothing of a fault of ours, and the log tells all of it under the same id', async () => {
    const answer = await askOf('tenant.get', () => Promise.reject(new Error('connection to 10.1.2.3 as app failed')));

    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('10.1.2.3');
    const id = String(answer.json.instance).replace('urn:request:', '');
    expect(answer.headers['x-request-id']).toBe(id);
    expect(service.log.find((line) => line.includes(id) && line.includes('10.1.2.3'))).toBeDefined();
  });

  it('is a problem with a code, a sentence and a remedy', async () => {
    const answer = await read('/v1/databases/00000000-0000-4000-8000-000000000000');

    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json).toEqual({
      type: 'urn:database-dump:problem:not_found',
      title: 'not found',
      status: 404,
      detail: expect.stringMatching(/\.$/),
      code: 'not_found',
      remedy: expect.stringMatching(/\.$/),
      instance: expect.stringMatching(/^urn:request:[0-9a-f-]{36}$/),
    });
  });

  it('names every field that is wrong, and repeats no value', async () => {
    const body = { name: '', engine: 7, host: 'a b', port: 70_000, password: 'hunter2', environment: 'x' };
    const answer = await service.ask({ method: 'POST', path: '/v1/databases', key: tenant.keys.owner, body });

    const issues = (answer.json.details as { issues: { at: string }[] }).issues.map(({ at }) => at);
    expect(issues).toEqual(
      expect.arrayContaining(['body.name', 'body.engine', 'body.host', 'body.port', 'body.credential']),
    );
    expect(answer.text).not.toContain('hunter2');
  });

  it('says what a path is there for: 405 with Allow', async () => {
    const answer = await service.ask({ method: 'PUT', path: '/v1/databases', key: tenant.keys.owner });

    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, POST']);
  });
});

describe('a list', () => {
  it('is read to its end by its cursors, each row once, whatever is added meanwhile', async () => {
    const add = (n: number) =>
      service.ask({
        method: 'POST',
        path: '/v1/api-keys',
        key: tenant.keys.owner,
        body: { name: `page ${n}`, role: 'viewer' },
      });
    for (let n = 0; n < 12; n++) await add(n);
    const seen: string[] = [];
    let cursor: unknown;
    do {
      const more = cursor === undefined ? '' : `&cursor=${cursor}`;
      const { json } = await read(`/v1/api-keys?limit=5${more}`);
      seen.push(...(json.items as { id: string }[]).map(({ id }) => id));
      cursor = json.next;
      await add(100 + seen.length);
    } while (cursor !== undefined);

    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(12 + 5);
  });
});
