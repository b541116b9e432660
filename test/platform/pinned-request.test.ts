import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pinnedRequest } from '../../src/platform/pinned-request.ts';

let server: Server;
let port = 0;
let seen: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.headers.host} ${request.url}`);
    if (request.url === '/redirect') response.writeHead(302, { location: `http://127.0.0.1:${port}/secret` }).end();
    else if (request.url === '/long') response.end('x'.repeat(200_000));
    else if (request.url === '/slow') response.write('x');
    else response.end('{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Answers with one list after the other, and with the last one from then on. */
function resolver(...answers: string[][]) {
  let asked = 0;
  return { addresses: async () => answers[Math.min(asked++, answers.length - 1)] ?? [] };
}

const loopback = ['127.0.0.0/8'];

describe('a request to somebody else’s server', () => {
  it('goes to the address that was checked, with the name for its host', async () => {
    seen = [];
    const rules = { resolver: resolver(['127.0.0.1']), allowed: loopback };

    const answer = await pinnedRequest({ url: `http://id.example.com:${port}/keys`, method: 'GET' }, rules);

    expect(answer).toEqual({ status: 200, body: '{"ok":true}' });
    expect(seen).toEqual([`GET id.example.com:${port} /keys`]);
  });

  it('F88 asks for the name once: what it is called later does not count', async () => {
    const changing = resolver(['127.0.0.1'], ['169.254.169.254']);

    await pinnedRequest({ url: `http://x.example:${port}/`, method: 'GET' }, { resolver: changing, allowed: loopback });
    const second = pinnedRequest(
      { url: `http://x.example:${port}/`, method: 'GET' },
      { resolver: changing, allowed: loopback },
    );

    await expect(second).rejects.toMatchObject({ code: 'usage' });
  });

  it.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://[::1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://0x7f.1:PORT/',
    'http://2130706433:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://0.0.0.0:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
    'http://10.0.0.1/',
    'http://①②⑦.⓪.⓪.①:PORT/',
    'https://user:pw@127.0.0.1:PORT/',
    'file:///etc/passwd',
    'ftp://example.org/',
    'gopher://127.0.0.1:PORT/',
  ])('F87 never reaches %s', async (url) => {
    seen = [];
    const rules = { resolver: resolver(['127.0.0.1']), allowed: [], timeoutMs: 500 };

    await expect(pinnedRequest({ url: url.replace('PORT', String(port)), method: 'GET' }, rules)).rejects.toMatchObject(
      {
        code: 'usage',
      },
    );
    expect(seen).toEqual([]);
  });

  it('F87 is refused when one of several addresses is not harmless', async () => {
    const rules = { resolver: resolver(['203.0.113.5', '127.0.0.1']), allowed: [] };

    await expect(pinnedRequest({ url: `http://x.example:${port}/`, method: 'GET' }, rules)).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('F89 follows no redirect, waits no longer than it is told, and reads no more', async () => {
    seen = [];
    const rules = { resolver: resolver(['127.0.0.1']), allowed: loopback, timeoutMs: 300 };
    const get = (path: string) => pinnedRequest({ url: `http://x.example:${port}${path}`, method: 'GET' }, rules);

    expect((await get('/redirect')).status).toBe(302);
    await expect(get('/long')).rejects.toThrow('longer than');
    await expect(get('/slow')).rejects.toThrow();
    expect(seen.join()).not.toContain('/secret');
  });
});
