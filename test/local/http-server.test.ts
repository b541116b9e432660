import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiHandler } from '../../lambdas/middleware/api-handler.ts';
import { everyRoute } from '../../local/api.ts';
import { type HttpServer, startHttpServer } from '../../local/http-server.ts';
import { badRequest } from '../support/bad-requests.ts';
import { describedBy } from '../support/described.ts';
import { everyId, requestOf } from '../support/every-route.ts';
import { askHttp, type HttpAsk, sendRaw } from '../support/http.ts';
import { startService, type TestService, type TestTenant } from '../support/service.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { makeObjects, type TenantObjects } from '../support/tenant-objects.ts';

let service: TestService;
let tenant: TestTenant;
let objects: TenantObjects;
let server: HttpServer;
let origin = '';

beforeAll(async () => {
  service = await startService();
  tenant = await service.tenant();
  objects = await makeObjects(service, tenant);
  let handler = service.handler;
  server = await startHttpServer({ port: 0, handler: (event) => handler(event) });
  origin = `http://127.0.0.1:${server.port}`;
  handler = apiHandler(
    { ...service.door, policy: { hosts: [`127.0.0.1:${server.port}`], origins: [origin] } },
    everyRoute,
  );
});

afterAll(async () => {
  await server.stop();
  await service.stop();
});

const ask = (request: HttpAsk, key?: string) =>
  askHttp(server.port, {
    ...request,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...request.headers },
  });

describe('the server of one machine', () => {
  it('answers its own routes without a key', async () => {
    const answers = await Promise.all(
      ['/health', '/ready', '/metrics', '/v1/openapi.json'].map((path) => ask({ path })),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(JSON.parse(answers[1]?.text ?? '')).toEqual({ ready: true, checks: { catalog: true, clock: true } });
    expect(answers[2]?.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('counts in its metrics and names nobody', async () => {
    const { text } = await ask({ path: '/metrics' });

    for (const line of text.trim().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"\n]*"(,\w+="[^"\n]*")*\})? [\d.e+-]+)$/);
    expect(text).toMatch(/database_dump_runs\{kind="restore",state="succeeded"\} 1\n/);
    expect(text).toMatch(new RegExp(`last_verified_age_seconds\\{database="${objects.databaseId}"\\} \\d`));
    expect(text).toContain('database_dump_queue_depth 0\n');
    expect(text).toContain('database_dump_outbox_undelivered{state="pending"} 0\n');
    expect(text).not.toContain(tenant.tenantId);
    expect(text).not.toMatch(/shop|example|T [0-9a-f]{8}/);
  });

  it('is not ready while its catalog does not answer', async () => {
    const closed = { ...service.runtime.catalog, now: () => Promise.reject(new Error('down')) };
    const door = { ...service.door, runtime: { ...service.runtime, catalog: closed } };
    const other = await startHttpServer({
      port: 0,
      handler: apiHandler({ ...door, policy: { hosts: ['x'], origins: [] } }, everyRoute),
    });

    const answer = await askHttp(other.port, { path: '/ready', headers: { host: 'x' } });
    await other.stop();

    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'not_ready', details: { checks: { catalog: false } } });
  });

  it('answers HEAD like GET, without the body', async () => {
    const [get, head] = await Promise.all([ask({ path: '/health' }), ask({ method: 'HEAD', path: '/health' })]);

    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });

  it('sends headers that leave a browser nothing to run, frame or keep', async () => {
    const { headers } = await ask({ path: '/v1/me' }, tenant.keys.owner);

    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'ratelimit-policy': expect.stringMatching(/^"default";q=\d+;w=\d+$/),
      ratelimit: expect.stringMatching(/^"default";r=\d+;t=\d+$/),
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('signs a browser in with the page that the link opens', async () => {
    const page = await ask({ path: '/sign-in' });
    const script = await ask({ path: '/sign-in.js' });
    const answer = await ask({
      method: 'POST',
      path: '/v1/session:signIn',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify({ token: await tenant.link() }),
    });
    const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';

    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    expect(page.text).not.toMatch(/<script(?! type="module" src=)|style=|\son\w+=/);
    expect(script.text).not.toContain('localStorage');
    expect((await ask({ path: '/v1/me', headers: { cookie } })).status).toBe(200);
  });
});

describe('what it will not take', () => {
  const json = { 'content-type': 'application/json' };

  it('F98 bodies of more than 1 MiB: 413, announced or not', async () => {
    const body = `"${'x'.repeat(1024 * 1024)}"`;
    const announced = await ask({ method: 'POST', path: '/v1/databases', headers: json, body }, tenant.keys.owner);
    const chunked = await sendRaw(
      server.port,
      `POST /v1/databases HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${'10000\r\n'}${'y'.repeat(65_536)}\r\n`.concat(
        `10000\r\n${'y'.repeat(65_536)}\r\n`.repeat(17),
      ),
    );

    expect([announced.status, JSON.parse(announced.text).code]).toEqual([413, 'body_too_large']);
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('F98 headers of more than 16 KiB: 431', async () => {
    expect(await sendRaw(server.port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it.each([
    ['nothing like HTTP', 'hello\r\n\r\n'],
    ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc])],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks (smuggling)',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['a header with NUL', 'GET /health HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n'],
  ])('F98 %s: 400, and the connection is closed', async (_name, bytes) => {
    expect(await sendRaw(server.port, bytes)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each([
    ['GET http://evil.example.org/v1/me HTTP/1.1', 404],
    ['GET //evil.example.org/%2e%2e/v1/me HTTP/1.1', 404],
    ['OPTIONS * HTTP/1.1', 404],
    ['TRACE /health HTTP/1.1', 405],
    ['GET /health%00 HTTP/1.1', 404],
  ])('%s: %d', async (line, status) => {
    const answer = await sendRaw(server.port, `${line}\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`);

    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('application/problem+json');
  });

  it('a name that is not its own (DNS rebinding)', async () => {
    const answer = await ask(
      { path: '/v1/me', headers: { host: `evil.example.org:${server.port}` } },
      tenant.keys.owner,
    );

    expect([answer.status, JSON.parse(answer.text).code]).toEqual([421, 'host_unknown']);
  });

  it('too many requests: 429 with the time to wait, and nobody else is slower for it', async () => {
    const limits = { asker: { perSecond: 1, burst: 5 }, stranger: { perSecond: 1, burst: 3 } };
    const hosts = { hosts: ['x'], origins: [] };
    const limited = await startHttpServer({
      port: 0,
      handler: apiHandler({ ...service.door, limits, policy: hosts }, everyRoute),
    });
    const me = (key: string) =>
      askHttp(limited.port, { path: '/v1/me', headers: { host: 'x', authorization: `Bearer ${key}` } });

    const mine: number[] = [];
    for (let n = 0; n < 8; n++) mine.push((await me(tenant.keys.viewer)).status);
    const last = await me(tenant.keys.viewer);
    const others = await me(tenant.keys.admin);
    const guesses: number[] = [];
    for (let n = 0; n < 6; n++) guesses.push((await me('dbd_guess')).status);
    await limited.stop();

    expect(mine.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(last.status).toBe(429);
    expect(Number(last.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(last.headers.ratelimit).toMatch(/^"default";r=0;t=[1-9]/);
    expect(others.status).toBe(200);
    expect(guesses).toContain(429);
  });

  it('T11 F98 bad input over HTTP: no answer of 5xx', async () => {
    const random = randomFrom(seed + 1);
    const wrong: string[] = [];
    for (let round = 0; round < sized(1000, 100_000); round++) {
      const { body, cookies, ...request } = badRequest(random, { objects, key: tenant.keys.owner });
      const headers = Object.fromEntries(
        Object.entries(request.headers ?? {}).filter(([, value]) => /^[\t\x20-\x7e]*$/.test(value)),
      );
      const sent =
        body === undefined || body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body);
      const path = /^[\x21-\x7e]+$/.test(request.path) ? request.path : '/';
      const method = /^[A-Z]+$/.test(request.method ?? '') && request.method !== 'TRACE' ? request.method : 'GET';
      const cookie = cookies?.[0] === undefined || /[^\x20-\x7e]/.test(cookies[0]) ? {} : { cookie: cookies[0] };
      const answer = await ask({
        ...(method === undefined ? {} : { method }),
        path,
        headers: { ...(sent === undefined ? {} : json), ...headers, ...cookie },
        ...(sent === undefined ? {} : { body: sent }),
      });
      if (answer.status >= 500 || answer.status < 200) wrong.push(`${answer.status} ${method} ${path}`);
    }

    expect(wrong).toEqual([]);
    expect((await ask({ path: '/health' })).status).toBe(200);
  });
});

describe('its end', () => {
  it('waits for a request at work, takes no new one, and cuts what is not done in time', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const other = await startHttpServer({
      port: 0,
      handler: async () => {
        await held;
        return { statusCode: 200, body: 'done' };
      },
    });
    const slow = askHttp(other.port, { path: '/slow' });
    await new Promise((resolve) => setTimeout(resolve, 50));

    const stopped = other.stop();
    const late = await askHttp(other.port, { path: '/slow' }).catch((error: NodeJS.ErrnoException) => error.code);
    release();

    expect((await slow).text).toBe('done');
    await stopped;
    expect(late).toBe('ECONNREFUSED');

    const endless = await startHttpServer({ port: 0, handler: () => new Promise(() => undefined) });
    const cut = askHttp(endless.port, { path: '/slow' }).catch((error: NodeJS.ErrnoException) => error.code);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await endless.stop(100);
    expect(await cut).toBe('ECONNRESET');
  });

  it('a port that is taken is refused with what to do', async () => {
    await expect(startHttpServer({ port: server.port, handler: service.handler })).rejects.toMatchObject({
      code: 'usage',
      message: `Port ${server.port} is in use.`,
    });
  });
});

describe('the document at /v1/openapi.json', () => {
  it('describes every answer that every route gives', async () => {
    const document = JSON.parse((await ask({ path: '/v1/openapi.json' })).text) as Record<string, unknown>;
    const undescribedBy = describedBy(document);
    const mine = await service.tenant();
    const own = await makeObjects(service, mine);
    const undescribed: string[] = [];

    for (const id of everyId) {
      const { method = 'GET', path, headers = {}, body } = requestOf(id, { ...own });
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      for (const key of [mine.keys.owner, mine.keys.viewer, undefined]) {
        const answer = await ask(
          { method, path, headers: { ...(body === undefined ? {} : json()), ...headers }, ...sent },
          key,
        );
        const contentType = String(answer.headers['content-type'] ?? '');
        const { status, text } = answer;
        const wrong = undescribedBy({ id, status, contentType, text });
        if (wrong !== undefined) undescribed.push(wrong);
      }
    }

    expect(undescribed).toEqual([]);
  });
});

const json = () => ({ 'content-type': 'application/json' });
