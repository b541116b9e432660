import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import { handLoan, openLoans, receivedLoans, receiveLoan } from '../../src/platform/local/loans.ts';
import { openSealingKey } from '../../src/platform/local/sealing-key.ts';
import { type LocalVaultParts, localVault } from '../../src/platform/local/vault.ts';
import type { CredentialRequest, CredentialSource, Vault } from '../../src/platform/platform.ts';
import { makeRunner } from '../../src/process/child.ts';

let folder: string;
let privateFolder: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'vault-')));
  privateFolder = join(folder, 'secrets');
  mkdirSync(privateFolder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function vaultWith(parts: Partial<LocalVaultParts['sources']> = {}, loans = openLoans()): Promise<Vault> {
  const place = { folder, user: undefined, setpriv: undefined, stdbuf: undefined };
  return localVault({
    sources: {
      variable: (name) => (name === 'SHOP_PASSWORD' ? 'from the environment' : undefined),
      privateFolders: [privateFolder],
      commands: [process.execPath],
      runner: makeRunner(place),
      ...parts,
    },
    key: await openSealingKey(join(privateFolder, 'vault.key')),
    loans,
    cloud: async (source) => new Secret(`cloud ${source.kind}`),
  });
}

function request(source: CredentialSource, more: Partial<CredentialRequest> = {}): CredentialRequest {
  const login = { host: 'db', port: 5432, user: 'backup' };
  return { source, tenantId: 'tenant-a', externalId: 'e', runId: 'run-1', sealed: undefined, login, ...more };
}

async function open(source: CredentialSource, parts: Partial<LocalVaultParts['sources']> = {}): Promise<string> {
  return (await (await vaultWith(parts)).open(request(source)))?.reveal() ?? 'none';
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    (value) => value,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`no Failure: ${String(error)}`);
}

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('credentials by reference', () => {
  it('come from a file without the end of its line, whatever else is in them', async () => {
    expect(await open({ kind: 'file', path: written('plain', 'hunter2\n') })).toBe('hunter2');
    expect(await open({ kind: 'file', path: written('crlf', ' a b \r\n') })).toBe(' a b ');
    expect(await open({ kind: 'file', path: written('two', 'a\n\n') })).toBe('a\n');
  });

  it('come from a file behind a link, as secrets that are mounted do', async () => {
    symlinkSync(written('real', 'linked'), join(folder, 'link'));

    expect(await open({ kind: 'file', path: join(folder, 'link') })).toBe('linked');
  });

  it('never come from the service’s own secrets, by name or through a link', async () => {
    writeFileSync(join(privateFolder, 'signing-key'), 'CANARY');
    symlinkSync(join(privateFolder, 'signing-key'), join(folder, 'way-in'));
    symlinkSync(privateFolder, join(folder, 'way-in-too'));

    for (const path of ['secrets/signing-key', 'secrets/../secrets/signing-key', 'way-in', 'way-in-too/signing-key']) {
      const failure = await failureOf(open({ kind: 'file', path: join(folder, path) }));
      expect([path, failure.code]).toEqual([path, 'forbidden']);
      expect(failure.message).not.toContain('CANARY');
    }
  });

  it.each([
    ['is missing', () => join(folder, 'nowhere'), 'ENOENT'],
    ['is a folder', () => folder, 'not a plain file'],
    ['is a device that never ends', () => '/dev/zero', 'not a plain file'],
    ['is too long', () => written('long', 'x'.repeat(70_000)), 'longer than 65536 bytes'],
    ['is empty', () => written('empty', '\n'), 'empty credential'],
  ])('are refused when the file %s', async (_what, path, words) => {
    const failure = await failureOf(open({ kind: 'file', path: path() }));

    expect(failure.code).toBe('authentication_failed');
    expect(failure.message).toContain(words);
  });

  it('come from a variable that is set and not the service’s own', async () => {
    expect(await open({ kind: 'env', name: 'SHOP_PASSWORD' })).toBe('from the environment');
    expect((await failureOf(open({ kind: 'env', name: 'CATALOG_URL' }))).code).toBe('authentication_failed');
  });

  it('are none where there is none', async () => {
    expect(await open({ kind: 'none' })).toBe('none');
  });

  it('come from the client’s cloud', async () => {
    const roleArn = 'arn:aws:iam::111122223333:role/r';
    expect(await open({ kind: 'rds-iam', roleArn, region: 'eu-west-1' })).toBe('cloud rds-iam');
  });
});

describe('credentials that a program prints', () => {
  const node = (script: string, ...args: string[]): CredentialSource => ({
    kind: 'command',
    program: process.execPath,
    args: ['-e', script, ...args],
  });

  it('are its output, its arguments as they were given: there is no shell', async () => {
    const hostile = '$(id); `id` && echo "x" > /tmp/x | cat';

    expect(await open(node('console.log(process.argv[1])', hostile))).toBe(hostile);
  });

  it('are not taken from a program that the operator did not allow', async () => {
    const failure = await failureOf(open({ kind: 'command', program: '/bin/sh', args: ['-c', 'echo x'] }));

    expect(failure.code).toBe('forbidden');
    expect(failure.remedy).toContain('CREDENTIAL_COMMANDS');
  });

  it('see nothing of the service’s environment', async () => {
    process.env.VAULT_TEST_CANARY = 'canary';

    expect(await open(node('console.log(JSON.stringify(process.env))'))).not.toContain('canary');
    delete process.env.VAULT_TEST_CANARY;
  });

  it.each([
    ['fails', 'console.log("CANARY"); console.error("CANARY"); process.exit(3)', 'exited with status 3'],
    ['is killed', 'console.log("CANARY"); process.kill(process.pid, "SIGKILL")', 'was ended by SIGKILL'],
    ['prints without end', 'setInterval(() => console.log("CANARY".repeat(10000)), 1)', 'more than 65536 bytes'],
    ['hangs', 'setInterval(() => 0, 1000)', 'was ended by SIGTERM'],
    ['prints nothing', '', 'empty credential'],
  ])('are refused when it %s, and nothing it said is repeated', async (_what, script, words) => {
    const failure = await failureOf(open(node(script), { commandMs: 700 }));

    expect(failure.code).toBe('authentication_failed');
    expect(failure.message).toContain(words);
    expect(failure.message).not.toContain('CANARY');
  });
});

describe('sealed credentials', () => {
  const purpose = { tenantId: 'tenant-a', what: 'database 1' };
  const keyFile = () => join(privateFolder, 'vault.key');

  it('open for the tenant and the purpose they were sealed for, also after a restart', async () => {
    const sealed = await (await vaultWith()).seal(new Secret('hünter2'), purpose);
    const again = await vaultWith();

    expect((await again.unseal(sealed, purpose)).reveal()).toBe('hünter2');
    const source = { kind: 'sealed' } as const;
    const opened = await again.open(request(source, { sealed: { secret: sealed, what: 'database 1' } }));
    expect(opened?.reveal()).toBe('hünter2');
  });

  it.each([
    ['another tenant', { tenantId: 'tenant-b', what: 'database 1' }],
    ['another database', { tenantId: 'tenant-a', what: 'database 2' }],
    ['a channel', { tenantId: 'tenant-a', what: 'channel 1' }],
    ['a pair that only reads the same when it is joined', { tenantId: 'tenant-a database', what: '1' }],
  ])('F91 do not open for %s', async (_whom, other) => {
    const vault = await vaultWith();
    const sealed = await vault.seal(new Secret('hunter2'), purpose);

    expect((await failureOf(vault.unseal(sealed, other))).code).toBe('decryption_failed');
  });

  it('do not open when any one bit of them was changed, or when they were cut', async () => {
    const vault = await vaultWith();
    const sealed = Buffer.from(await vault.seal(new Secret('hunter2'), purpose));

    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect((await failureOf(vault.unseal(changed, purpose))).code).toBe('decryption_failed');
    }
    for (let bytes = 0; bytes < sealed.length; bytes += 1)
      expect((await failureOf(vault.unseal(sealed.subarray(0, bytes), purpose))).code).toBe('decryption_failed');
  });

  it('look different every time, and hold nothing of the secret', async () => {
    const vault = await vaultWith();
    const texts = await Promise.all(Array.from({ length: 50 }, () => vault.seal(new Secret('CANARY-CANARY'), purpose)));

    expect(new Set(texts.map((text) => Buffer.from(text).toString('hex'))).size).toBe(50);
    expect(texts.some((text) => Buffer.from(text).includes('CANARY'))).toBe(false);
  });

  it('have a key that is ours alone to read, and that of several processes at once the same', async () => {
    const file = join(privateFolder, 'at-once.key');
    const keys = await Promise.all(Array.from({ length: 20 }, () => openSealingKey(file)));
    const sealed = keys[0]?.seal(new Secret('x'), purpose) ?? new Uint8Array();

    expect(keys.map((key) => key.unseal(sealed, purpose).reveal())).toEqual(keys.map(() => 'x'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(privateFolder).filter((name) => name.startsWith('at-once'))).toEqual(['at-once.key']);
  });

  it('open with an old key while new ones are sealed with the one before it', async () => {
    const before = await (await vaultWith()).seal(new Secret('old'), purpose);
    const old = readFileSync(keyFile(), 'utf8');
    writeFileSync(keyFile(), `${Buffer.alloc(32, 7).toString('base64')}\n${old}`);
    const vault = await vaultWith();
    const after = await vault.seal(new Secret('new'), purpose);

    expect((await vault.unseal(before, purpose)).reveal()).toBe('old');
    writeFileSync(keyFile(), old);
    expect((await failureOf((await vaultWith()).unseal(after, purpose))).code).toBe('decryption_failed');
  });

  it('are not guessed at with a broken key file', async () => {
    const file = written('broken.key', 'too short\n');

    expect((await failureOf(openSealingKey(file))).message).toContain('holds no key of 32 bytes');
  });
});

describe('one-off credentials', () => {
  it('are there for their run, once', async () => {
    const vault = await vaultWith();
    await vault.lend('run-1', new Secret('hunter2'));

    expect(await vault.take('run-2')).toBeUndefined();
    expect((await vault.open(request({ kind: 'one-off' })))?.reveal()).toBe('hunter2');
    const failure = await failureOf(vault.open(request({ kind: 'one-off' })));
    expect(failure.code).toBe('authentication_failed');
    expect(failure.remedy).toContain('Start the run again with the password');
  });

  it('are gone after their time, by themselves', async () => {
    const loans = openLoans(50);
    loans.lend('run-1', new Secret('hunter2'));
    expect(loans.waiting()).toBe(1);
    await sleep(120);

    expect(loans.waiting()).toBe(0);
    expect(loans.take('run-1')).toBeUndefined();
  });

  it('of a run that is lent to again are the newest, for a whole time of its own', async () => {
    const loans = openLoans(150);
    loans.lend('run-1', new Secret('first'));
    await sleep(100);
    loans.lend('run-1', new Secret('second'));
    await sleep(100);

    expect(loans.take('run-1')?.reveal()).toBe('second');
  });

  it('are in no file of the machine', async () => {
    const vault = await vaultWith();
    await vault.lend('run-1', new Secret('LOAN-CANARY'));

    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const holding = files.filter((entry) => readFileSync(join(entry.parentPath, entry.name)).includes('LOAN-CANARY'));
    expect(files.length).toBeGreaterThan(0);
    expect(holding).toEqual([]);
  });

  it('reach the child that does the run by its standard input, and stand in none of its arguments or variables', async () => {
    const script = `
      const { receiveLoan, receivedLoans } = await import(process.env.LOANS);
      const { readFileSync } = await import('node:fs');
      const loans = receivedLoans('run-1', await receiveLoan(process.stdin));
      const seen = readFileSync('/proc/self/cmdline', 'latin1') + readFileSync('/proc/self/environ', 'latin1');
      console.log(JSON.stringify([loans.take('run-1')?.reveal(), loans.take('run-1') ?? null, seen.includes('hunter' + 2)]));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { LOANS: new URL('../../src/platform/local/loans.ts', import.meta.url).href },
    });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });

    await handLoan(child.stdin, new Secret('hunter2 "\n'));
    await once(child, 'close');

    expect(JSON.parse(said)).toEqual(['hunter2 "\n', null, false]);
  });

  it('are none for a child that gets none, and a child that is gone holds nobody up', async () => {
    const pipe = new PassThrough();
    await handLoan(pipe, undefined);
    expect(await receiveLoan(pipe)).toBeUndefined();

    const child = spawn('/bin/true', { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'exit');
    await handLoan(child.stdin, new Secret('x'.repeat(100_000)));
  });

  it.each([
    ['is no JSON', 'hunter2'],
    ['is no text', '{"a":"hunter2"}'],
    ['is too long', `"${'hunter2'.repeat(20_000)}"`],
  ])('are refused by the child when what comes %s, without a word of it', async (_what, text) => {
    const failure = await failureOf(receiveLoan(Readable.from([Buffer.from(text)])));

    expect(failure.code).toBe('internal');
    expect(failure.message).not.toContain('hunter2');
  });

  it('of another run are not taken by a child', () => {
    const loans = receivedLoans('run-1', new Secret('hunter2'));

    expect(loans.take('run-2')).toBeUndefined();
    expect(receivedLoans('run-1', undefined).take('run-1')).toBeUndefined();
  });
});
