import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Ask } from './events.ts';
import { everyId, requestOf } from './every-route.ts';
import type { TenantObjects } from './tenant-objects.ts';

type Random = () => number;

function nastyText(random: Random): string {
  const value = pickOf(random, NASTY);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is not text, not what was asked for, or text that breaks whoever trusts it. */
const NASTY: readonly unknown[] = [
  null,
  true,
  '',
  ' ',
  0,
  -1,
  1e308,
  2 ** 31,
  2 ** 53,
  -0.5,
  Number.MAX_SAFE_INTEGER + 2,
  [],
  {},
  [[]],
  [null],
  { $ne: 1 },
  '\0',
  'a\0b',
  '\ud800',
  '\udc00x',
  '\u202egnp.exe',
  '\u0061\u030a',
  '\u00e5',
  '\u{1f4a9}'.repeat(30),
  'x'.repeat(10_000),
  "'; drop table members; --",
  "' OR set_config('app.tenant_id','00000000-0000-0000-0000-000000000000',true) --",
  '%{jndi:ldap://x}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '%00%0d%0aSet-Cookie:x=y',
  'line\r\nforged: entry',
  '\u2028',
  'NaN',
  'Infinity',
  '9'.repeat(400),
  '2026-02-30T25:61:61Z',
  '+275760-09-13T00:00:00.000Z',
  '0000-01-01T00:00:00Z',
  '(((((((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+',
  '* '.repeat(60),
  '*/0 * * * *',
  '0-59/1,0-59/1,0-59/1 * * * *',
  '0 0 31 2 *',
  '00000000-0000-0000-0000-000000000000',
  'Etc/GMT+99',
  'Europe/Berlin\0',
  'http://169.254.169.254/latest/meta-data',
  'javascript:alert(1)',
  'https://[::ffff:127.0.0.1]/',
  `arn:aws:iam::123456789012:role/${'x'.repeat(128)}`,
  { __proto__: null, constructor: { prototype: { admin: true } } },
];

const pickOf = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** A sound request of some route, spoilt in one to three places. */
export function badRequest(random: Random, { objects, key }: { objects: TenantObjects; key: string }): Ask {
  // What would end the tenant, and what reads all of it, is left to other tests.
  const id = pickOf(
    random,
    everyId.filter((each) => !['tenant.delete', 'tenant.export', 'audit.verify'].includes(each)),
  );
  let request: Ask = requestOf(id, { ...objects });
  request = { ...request, headers: { ...request.headers, authorization: `Bearer ${key}` } };
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) request = pickOf(random, SPOILERS)(request, random);
  return request;
}

type Spoiler = (request: Ask, random: Random) => Ask;

const withHeader = (request: Ask, name: string, value: string): Ask => ({
  ...request,
  headers: { ...request.headers, [name]: value },
});

const SPOILERS: readonly Spoiler[] = [
  (request, random) => ({ ...request, body: spoilt(request.body, random) }),
  (request, random) => ({ ...request, body: spoilt(request.body, random) }),
  (request, random) => ({ ...request, body: spoilt(request.body, random) }),
  (request, random) => ({ ...request, body: rawBody(request.body, random) }),
  (request, random) => ({ ...request, path: `${request.path}${query(random)}` }),
  (request, random) => ({ ...request, path: badPath(request.path, random) }),
  (request, random) => ({
    ...request,
    method: pickOf(random, ['PUT', 'OPTIONS', 'TRACE', 'get', 'PATCH', 'DELETE', 'POST']),
  }),
  (request, random) =>
    withHeader(
      request,
      'content-type',
      pickOf(random, [
        'text/plain',
        'application/xml',
        'multipart/form-data',
        '',
        'application/json; charset=utf-16',
        'application/x-www-form-urlencoded',
      ]),
    ),
  (request, random) =>
    withHeader(request, 'if-match', pickOf(random, ['*', '"', 'W/"1"', '"99999999999"', '"1", "2"', '"-1"', '""'])),
  (request, random) =>
    withHeader(request, 'idempotency-key', pickOf(random, ['', 'x'.repeat(300), 'é', 'a\tb', randomUUID()])),
  (request, random) =>
    withHeader(
      request,
      'authorization',
      pickOf(random, [
        'Bearer ',
        `Bearer dbd_${'x'.repeat(43)}`,
        'Basic eDp5',
        'Bearer \u00e9',
        `Bearer ${'e'.repeat(9000)}`,
        'bearer',
      ]),
    ),
  (request, random) => withHeader(request, 'x-tenant-id', pickOf(random, ['', "'", randomUUID(), '\u202e'])),
  (request, random) => withHeader(request, 'content-encoding', pickOf(random, ['gzip', 'br', 'x'])),
  (request, random) => ({
    ...request,
    cookies: [pickOf(random, ['session=x', 'session', `session=dbs_${'x'.repeat(43)}`, '=', 'session=\0'])],
  }),
];

/** One value at some depth replaced, one name added, or one taken away. */
function spoilt(body: unknown, random: Random): unknown {
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array || random() < 0.05)
    return pickOf(random, NASTY);
  if (Array.isArray(body)) return body.map((item) => (random() < 0.5 ? spoilt(item, random) : item));
  const entries = Object.entries(body);
  const kind = random();
  if (kind < 0.1) return Object.fromEntries([...entries, [nastyText(random), pickOf(random, NASTY)]]);
  if (kind < 0.2) return Object.fromEntries(entries.filter(() => random() < 0.7));
  const at = Math.floor(random() * entries.length);
  return Object.fromEntries(
    entries.map(([name, value], index) => [name, index === at ? spoilt(deeper(value, random), random) : value]),
  );
}

/** Sometimes the value itself is to go, whatever is inside it. */
function deeper(value: unknown, random: Random): unknown {
  return random() < 0.6 ? value : 'x';
}

function rawBody(body: unknown, random: Random): unknown {
  const text = JSON.stringify(body ?? {}) ?? '{}';
  const cut = text.slice(0, Math.floor(random() * text.length));
  return pickOf<() => unknown>(random, [
    () => cut,
    () => `${text}${text}`,
    () => '['.repeat(2000),
    () => `${'['.repeat(2000)}${']'.repeat(2000)}`,
    () => `{"a":${'{"a":'.repeat(40)}1${'}'.repeat(41)}`,
    () => `{"__proto__":{"admin":true},${text.slice(1)}`,
    () => `{"name":"a","name":"b"}`,
    () => text.replace(/"/g, "'"),
    () => `\ufeff${text}`,
    () => Buffer.from(text, 'utf16le'),
    () => Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe, 0x80])]),
    () => Buffer.from([0xc0, 0xaf, 0xed, 0xa0, 0x80]),
    () => gzipSync(text),
    () => '"\\ud800"',
    () => '{"name":"\\u0000"}',
    () => '1e999',
    () => 'null',
    () => '',
  ])();
}

function query(random: Random): string {
  const name = pickOf(random, [
    'limit',
    'cursor',
    'databaseId',
    'state',
    'before',
    'x',
    '__proto__',
    '%00',
    'limit[]',
    'tag',
    'from',
  ]);
  const value = encodeOrNot(nastyText(random), random);
  return `?${name}=${value}${random() < 0.2 ? `&${name}=${value}` : ''}`;
}

/** Cursors that were never given are sent too. */
function encodeOrNot(text: string, random: Random): string {
  if (random() < 0.3) return Buffer.from(JSON.stringify([text, randomUUID()])).toString('base64url');
  return random() < 0.5 ? encodeURIComponent(text.toWellFormed()) : text.replace(/[^\x21-\x7e]/g, '%FF').slice(0, 2000);
}

function badPath(path: string, random: Random): string {
  return pickOf<() => string>(random, [
    () => `${path}/`,
    () => `${path}//`,
    () => `/${path}`,
    () => path.toUpperCase(),
    () => path.replace('/v1', '/v2'),
    () => path.replace('/v1', '/v1/../v1'),
    () => `${path}:explode`,
    () => `${path}%00`,
    () => path.replace(/[0-9a-f]{8}-/, encodeURIComponent(nastyText(random).toWellFormed()).slice(0, 3000)),
    () => '',
    () => '*',
    () => 'http://127.0.0.1/v1/me',
  ])();
}
