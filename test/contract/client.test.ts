import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeClient } from '../../src/contract/client.ts';
import { Failure, problemOf } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';

const ID = '018f2c6e-0000-4000-8000-000000000001';
const TENANT = {
  id: ID,
  name: 'Harbour',
  externalId: 'x',
  limits: { databases: 1, concurrentRuns: 1, runsPerDay: 1 },
  sealedCredentials: false,
  createdAt: '2026-11-24T00:00:00Z',
  version: 7,
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Reply = (response: ServerResponse, seen: Seen) => void;

describe('the client of the API', () => {
  let server: Server;
  let replies: Reply[] = [];
  let seen: Seen[] = [];
  let baseUrl = '';
  const paused: number[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const one: Seen = {
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        seen.push(one);
        (replies.shift() ?? json(200, {}))(response, one);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  const client = (...next: Reply[]) => {
    [replies, seen, paused.length] = [next, [], 0];
    const pause = async (milliseconds: number) => void paused.push(milliseconds);
    return makeClient({ baseUrl: `${baseUrl}/`, bearer: new Secret('dbk_canary'), timeoutMs: 300, pause });
  };
  const json =
    (status: number, body: unknown, headers: Record<string, string> = {}): Reply =>
    (response) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  const problem = (failure: Failure, headers: Record<string, string> = {}): Reply => {
    const body = problemOf(failure);
    return json(body.status, body, { 'content-type': 'application/problem+json', ...headers });
  };
  const cut: Reply = (response) => void response.destroy();

  it('makes a request of a route: path, query, body, version, key and bearer', async () => {
    const page = { items: [], next: undefined };
    const api = client(json(200, page), json(200, TENANT), json(204, undefined));

    await api.call('backups.list', { query: { state: 'good', limit: 3, tag: undefined } });
    await api.call('tenant.update', { version: 7, body: { name: 'Harbour' } });
    await api.call('members.remove', { params: { memberId: 'a/b?c' } });

    expect(seen).toMatchObject([
      { method: 'GET', url: '/v1/backups?state=good&limit=3', headers: { authorization: 'Bearer dbk_canary' } },
      { method: 'PATCH', url: '/v1/tenant', headers: { 'if-match': '"7"' }, body: '{"name":"Harbour"}' },
      { method: 'DELETE', url: '/v1/members/a%2Fb%3Fc', body: '' },
    ]);
  });

  it('reveals a secret in the body that is sent, and nowhere else', async () => {
    const api = client(problem(new Failure('not_found', 'There is no database here.')));
    const password = new Secret('canary-body');
    const body = { databaseId: ID, destinationIds: [ID], password };

    const failure = await api.call('backups.start', { body }).catch((error: unknown) => error);

    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ ...body, password: 'canary-body' });
    expect(JSON.stringify([failure, body])).not.toContain('canary');
  });

  it('turns a problem into the Failure that it tells of, with its remedy and facts', async () => {
    const told = new Failure('limit_reached', 'No room.', { remedy: 'Remove one.', details: { limit: 3 } });

    const failure = client(problem(told)).call('tenant.get');

    await expect(failure).rejects.toMatchObject({
      name: 'limit_reached',
      message: 'No room.',
      remedy: 'Remove one.',
      details: { limit: 3 },
    });
  });

  it('knows a problem of a newer service by its status', async () => {
    const newer = json(412, { detail: 'New.', code: 'of_tomorrow' }, { 'content-type': 'application/problem+json' });

    await expect(client(newer).call('tenant.get')).rejects.toMatchObject({ code: 'version_conflict', message: 'New.' });
  });

  it('says that what answers is not the service, whatever it is', async () => {
    const page: Reply = (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    const other = json(200, { id: 7 });
    const missing: Reply = (response) => void response.writeHead(404).end('nothing');

    for (const reply of [page, other, missing])
      await expect(client(reply).call('tenant.get')).rejects.toMatchObject({
        code: 'not_ready',
        message: expect.stringMatching(/not this service|not what the contract says/),
        remedy: expect.any(String),
      });
  });

  it('takes an answer that says more than it knows', async () => {
    const answer = await client(json(200, { ...TENANT, colour: 'red' })).call('tenant.get');

    expect(answer).toMatchObject({ name: 'Harbour' });
  });

  it('follows no redirect: the key would go with it', async () => {
    const away: Reply = (response) => void response.writeHead(302, { location: `${baseUrl}/elsewhere` }).end();

    await expect(client(away, away, away, away).call('tenant.get')).rejects.toMatchObject({ code: 'not_ready' });
    expect(new Set(seen.map(({ url }) => url))).toEqual(new Set(['/v1/tenant']));
  });

  it('F59 sends a GET again, and a POST with the same Idempotency-Key, when the connection breaks', async () => {
    const run = { id: ID, state: 'queued' };
    const read = await client(cut, cut, json(200, TENANT)).call('tenant.get');
    expect(read.version).toBe(7);
    expect(seen).toHaveLength(3);

    const post = client(cut, json(202, run)).call('runs.cancel', { params: { runId: ID } });
    await expect(post).rejects.toMatchObject({ message: expect.stringContaining('kind') });
    const keys = seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0]]);
  });

  it('never sends an update or a removal again that got no answer', async () => {
    const update = client(cut, json(200, TENANT)).call('tenant.update', { version: 7, body: { name: 'x' } });
    await expect(update).rejects.toMatchObject({ code: 'not_ready' });
    expect(seen).toHaveLength(1);

    const removal = client(cut, json(204, undefined)).call('schedules.delete', { params: { scheduleId: ID } });
    await expect(removal).rejects.toMatchObject({ code: 'not_ready' });
    expect(seen).toHaveLength(1);
  });

  it('waits as long as it is told to, also with an update, but not for ever', async () => {
    const busy = (seconds: string) =>
      problem(new Failure('rate_limited', 'Too many.', { remedy: 'Wait.' }), { 'retry-after': seconds });

    await client(busy('2'), json(200, TENANT)).call('tenant.update', { version: 7, body: { name: 'x' } });
    expect(paused).toEqual([2000]);

    const late = client(busy('3600'), json(200, TENANT)).call('tenant.get');
    await expect(late).rejects.toMatchObject({ code: 'rate_limited' });
    expect(paused).toEqual([]);
  });

  it('gives up after four attempts, and after its time', async () => {
    const silent: Reply = () => undefined;

    await expect(client(cut, cut, cut, cut, cut).call('tenant.get')).rejects.toMatchObject({ code: 'not_ready' });
    expect(seen).toHaveLength(4);
    const late = client(silent).call('schedules.delete', { params: { scheduleId: ID } });
    await expect(late).rejects.toMatchObject({ message: expect.stringContaining('no answer in 0.3 s') });
    server.closeAllConnections();
  });

  it('reads a list page by page, only as far as it is asked for', async () => {
    const key = (name: string) => ({ id: ID, name, prefix: 'dbk_', role: 'viewer', createdAt: '2026-11-24T00:00:00Z' });
    const pages = [json(200, { items: [key('a'), key('b')], next: 'c1' }), json(200, { items: [key('c')] })];
    const names: string[] = [];

    for await (const { name } of client(...pages).each('apiKeys.list')) names.push(name);
    expect(names).toEqual(['a', 'b', 'c']);
    expect(seen.map(({ url }) => url)).toEqual(['/v1/api-keys?limit=200', '/v1/api-keys?limit=200&cursor=c1']);

    for await (const _first of client(...pages).each('apiKeys.list')) break;
    expect(seen).toHaveLength(1);
  });

  it('looks again for nothing where nothing changed', async () => {
    const api = client(json(200, TENANT, { etag: '"7-aa"' }), (response, { headers }) =>
      response.writeHead(headers['if-none-match'] === '"7-aa"' ? 304 : 500, { etag: '"7-aa"' }).end(),
    );

    const first = await api.look('tenant.get', {}, undefined);
    const second = await api.look('tenant.get', {}, first.etag);

    expect(first).toMatchObject({ value: { version: 7 }, etag: '"7-aa"' });
    expect(second).toEqual({ value: undefined, etag: '"7-aa"' });
  });

  it('ends with whoever asked', async () => {
    const controller = new AbortController();
    const silent: Reply = () => controller.abort(new Failure('cancelled', 'Enough.'));
    [replies, seen] = [[silent], []];
    const api = makeClient({ baseUrl, signal: controller.signal });

    await expect(api.call('tenant.get')).rejects.toMatchObject({ code: 'cancelled' });
    server.closeAllConnections();
  });
});
