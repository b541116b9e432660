import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checked, findService } from '../../cli/service-address.ts';
import { Secret } from '../../src/domain/secret.ts';
import { localData, type Served, serve } from '../support/served.ts';

let served: Served;

beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.stop());

const file = () => join(served.home, '.config/database-dump/login.json');

describe('dbdump login', () => {
  it('takes an API key from standard input, tries it, and keeps it for its owner’s eyes', async () => {
    const { viewer } = served.tenant.keys;

    const login = await served.run(['login', '--server', served.url], { input: `${viewer}\n` });
    const list = await served.run(['database', 'list']);

    expect(login).toMatchObject({ code: 0, stdout: expect.stringContaining(`viewer of`) });
    expect(login.stdout + login.stderr).not.toContain(viewer);
    expect([statSync(file()).mode & 0o777, statSync(join(file(), '..')).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(list).toMatchObject({ code: 0, stdout: 'No database yet.\n' });
  });

  it('keeps nothing that the service does not take, and leaves what was there', async () => {
    const before = readFileSync(file(), 'utf8');

    const wrong = await served.run(['login', '--server', served.url], { input: `${'dbk_'.padEnd(47, 'x')}\n` });
    const nothing = await served.run(['login', '--server', served.url]);

    expect(wrong).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(/^✘ .+\n {2}→ .+\n$/) });
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('API key is empty') });
    expect(readFileSync(file(), 'utf8')).toBe(before);
  });

  it('does not take the key itself as an argument, nor repeat it', async () => {
    const typed = await served.run(['login', '--server', served.url, '--api-key', 'dbk_canary-typed']);

    expect(typed.code).toBe(2);
    expect(typed.stdout + typed.stderr).not.toContain('canary-typed');
  });
});

describe('dbdump logout', () => {
  it('forgets the key', async () => {
    const first = await served.run(['logout']);
    const second = await served.run(['logout', '--json']);
    const list = await served.run(['database', 'list', '--server', served.url]);

    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('signed out') });
    expect(existsSync(file())).toBe(false);
    expect(JSON.parse(second.stdout)).toEqual({ signedOut: false });
    expect(list).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/Nobody is signed in at .*\n {2}→ .*dbdump login/),
    });
  });
});

describe('a service of this machine', () => {
  it('is found by its data folder, here or above, and asked with its owner’s key at once', async () => {
    const data = localData(served, '.database-dump');
    const below = join(served.home, 'some', 'where');
    mkdirSync(below, { recursive: true });

    const here = await served.run(['database', 'list', '--json'], { cwd: below });
    const named = await served.run(['database', 'list', '--json', '--data-dir', data], { cwd: '/' });

    expect([here.stdout, named.stdout]).toEqual(['{"items":[]}\n', '{"items":[]}\n']);
    rmSync(data, { recursive: true });
  });

  it('whose key cannot be read is refused with what to do', async () => {
    const data = localData(served);
    rmSync(join(data, 'owner.key'));
    mkdirSync(join(data, 'owner.key'));

    const { code, stderr } = await served.run(['database', 'list', '--data-dir', data]);

    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('dbdump login') });
  });
});

describe('dbdump doctor', () => {
  it('looks at the service too: whether it answers, is ready, and knows who asks', async () => {
    const data = localData(served, 'doctor');

    const { stdout } = await served.run(['doctor', '--data-dir', data, '--json']);

    const { checks } = JSON.parse(stdout) as { checks: { name: string; verdict: string; detail: string }[] };
    const names = ['service', 'ready', 'signed in'];
    const found = checks.filter(({ name }) => names.includes(name));
    expect(found.map(({ name }) => name)).toEqual(names);
    expect(found).toMatchObject([
      { detail: expect.stringContaining(served.url) },
      { verdict: 'ok' },
      { verdict: 'ok', detail: expect.stringContaining('owner of') },
    ]);
  });

  it('says which part of it is wrong, and ends with that exit code', async () => {
    const wrong = { env: { DATABASE_DUMP_SERVER: served.url, DATABASE_DUMP_API_KEY: 'dbk_no' } };
    const gone = { env: { DATABASE_DUMP_SERVER: 'http://127.0.0.1:9', DATABASE_DUMP_API_KEY: 'dbk_no' } };

    const [stranger, nobody] = await Promise.all([
      served.run(['doctor', '--json'], wrong),
      served.run(['doctor', '--json'], gone),
    ]);

    const failed = ({ stdout }: { stdout: string }) =>
      (JSON.parse(stdout) as { checks: { name: string; verdict: string; code?: string }[] }).checks
        .filter(({ name, verdict }) => verdict === 'fail' && ['service', 'ready', 'signed in'].includes(name))
        .map(({ name, code }) => [name, code]);
    expect(failed(stranger)).toEqual([['signed in', 'unauthenticated']]);
    expect(failed(nobody)).toEqual([['service', 'not_ready']]);
  });
});

describe('the address of a service', () => {
  const config = (server?: string, apiKey?: string) => ({
    configFolder: join(served.home, 'config'),
    dataFolder: join(served.home, 'nothing'),
    server,
    apiKey: apiKey === undefined ? undefined : new Secret(apiKey),
  });
  const keyOf = ({ key }: { key: Secret | undefined }) => key?.reveal();

  it('takes a key only along to the service that it was given for', async () => {
    const folder = join(served.home, 'config');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'login.json'), JSON.stringify({ server: 'https://a.example', key: 'of-a' }));
    chmodSync(join(folder, 'login.json'), 0o600);
    const data = localData(served, 'mine');
    const nothing = { server: undefined, key: undefined, dataDir: undefined };

    const usual = await findService({ ...nothing, config: config() });
    const other = await findService({ ...nothing, server: 'https://b.example', config: config() });
    const local = await findService({ ...nothing, dataDir: data, config: config() });
    const foreign = await findService({ ...nothing, server: 'https://b.example', dataDir: data, config: config() });
    const given = await findService({ ...nothing, config: config('https://c.example', 'of-c') });

    expect([usual.server, keyOf(usual)]).toEqual(['https://a.example', 'of-a']);
    expect([other.server, keyOf(other)]).toEqual(['https://b.example', undefined]);
    expect([local.server, keyOf(local)]).toEqual([served.url, served.tenant.keys.owner]);
    expect([foreign.server, keyOf(foreign)]).toEqual(['https://b.example', undefined]);
    expect([given.server, keyOf(given)]).toEqual(['https://c.example', 'of-c']);
  });

  it.each([
    ['http://backups.example.org', /clear text/],
    ['http://10.0.0.7:8080', /clear text/],
    ['https://me:pw@backups.example.org', /Credentials/],
    ['ftp://backups.example.org', /is not one/],
    ['nonsense', /is not one/],
    ['https://backups.example.org/?a=b', /is not one/],
  ])('%s is refused', (text, cause) => {
    expect(() => checked(text)).toThrow(cause);
  });

  it.each([
    ['https://backups.example.org/', 'https://backups.example.org'],
    ['https://example.org/backups/', 'https://example.org/backups'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('%s is taken', (text, server) => {
    expect(checked(text)).toBe(server);
  });
});
