import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DatabaseSettings } from '../../src/contract/resources/places.ts';
import { Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import { engines } from '../../src/engines/registry.ts';
import type { CredentialRequest } from '../../src/platform/platform.ts';
import { openClientDatabase } from '../../src/runtime/client-database.ts';
import { readConfig } from '../../src/runtime/config.ts';
import type { DatabaseLook, Surveyor } from '../../src/runtime/runtime.ts';
import { makeSurveyor } from '../../src/runtime/surveyor.ts';
import { openWorkshop, type Workshop } from '../../src/runtime/workshop.ts';
import { type Certificate, makeCertificate } from '../support/certificate.ts';
import { childUser, type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type SshServer, startSshServer } from '../support/ssh-server.ts';
import { HOST_FORMS } from '../support/ssrf-corpus.ts';

let workshop: Workshop;
const asked: CredentialRequest[] = [];
const names: string[] = [];

interface Surroundings {
  readonly allowed?: readonly string[];
  readonly addresses?: (host: string, times: number) => Promise<string[]> | string[];
  readonly lookMs?: number;
  /** What the vault gives for a tunnel's key. */
  readonly key?: string;
}

function surveyor({ allowed = [], addresses = () => [], lookMs, key = '' }: Surroundings): Surveyor {
  return makeSurveyor({
    engines,
    surveyStore: () => Promise.reject(new Error('no store is asked for')),
    ...(lookMs === undefined ? {} : { lookMs }),
    openBench: ({ runId, signal, note }) => {
      const folder = workshop.folder(runId);
      const { tools, runner } = workshop;
      const close = async () => rmSync(folder, { recursive: true, force: true });
      return { bench: { tools, runner, signal, runId, folder, note }, close };
    },
    openDatabase: openClientDatabase({
      allowed,
      resolver: {
        addresses: async (host) => {
          names.push(host);
          return addresses(host, names.length);
        },
      },
      vault: {
        open: async (request) => {
          asked.push(request);
          return new Secret(request.source.kind === 'file' ? key : 'hunter2');
        },
      },
    }),
  });
}

function look(engine: string, settings: object, password = 'hunter2'): DatabaseLook {
  return {
    tenantId: randomUUID(),
    externalId: 'external',
    engine,
    settings: DatabaseSettings.parse({
      host: 'db.example.org',
      port: 5432,
      databaseName: 'shop',
      user: 'backup',
      credential: { kind: 'env', name: 'X' },
      environment: 'development',
      ...settings,
    }),
    password: new Secret(password),
    sealed: undefined,
  };
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    (value) => value,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`no Failure: ${error instanceof Error ? error.stack : JSON.stringify(error)}`);
}

/** Counts whoever connects, and lets nobody in. */
async function listener(host: string, port = 0): Promise<{ port: number; count(): number; close(): void }> {
  let count = 0;
  const server: Server = createServer((socket) => {
    count += 1;
    socket.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    count: () => count,
    close: () => void server.close(),
  };
}

beforeAll(async () => {
  workshop = await openWorkshop(readConfig());
});

afterAll(() => workshop.close());

afterEach(() => {
  asked.length = 0;
  names.length = 0;
});

describe('a look at a client’s database', () => {
  let folder: string;
  let certificate: Certificate;
  let server: PostgresServer;
  let bastion: SshServer;
  const password = 'looker';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'surveyor-'));
    certificate = await makeCertificate(folder, ['DNS:db.example.org', 'DNS:db.internal']);
    server = await startPostgres({
      settings: ['ssl=on', "ssl_cert_file='server.crt'", "ssl_key_file='server.key'"],
      prepare: (data) => {
        for (const [name, text] of Object.entries({ 'server.crt': certificate.cert, 'server.key': certificate.key })) {
          writeFileSync(join(data, name), text, { mode: 0o600 });
          const user = childUser();
          if (user !== undefined) chownSync(join(data, name), user.uid, user.gid);
        }
      },
    });
    await server.sql('postgres', `create role looker login superuser password '${password}'`);
    await server.sql('postgres', 'create database shop');
    bastion = await startSshServer({ 'db.internal': '127.0.0.1' });
  });

  afterAll(async () => {
    await bastion.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const own = { allowed: ['127.0.0.0/8'], addresses: () => ['127.0.0.1'] };
  const shop = (more: object = {}) =>
    look('postgres', { port: server.port, user: 'looker', tls: { ca: certificate.cert }, ...more }, password);

  it('F88 dials the address that was checked, asks for the name once, and proves the name by TLS', async () => {
    const probe = await surveyor(own).database(shop());

    expect(probe.flavour).toBe('PostgreSQL');
    expect(names).toEqual(['db.example.org']);
  });

  it('refuses a certificate for another name, or of nobody it was told to trust', async () => {
    expect((await failureOf(surveyor(own).database(shop({ host: 'other.example.org' })))).code).toBe('tls_refused');
    expect((await failureOf(surveyor(own).database(shop({ tls: {} })))).code).toBe('tls_refused');
  });

  it('takes the password that came with the request, and asks the vault for nothing else', async () => {
    await surveyor(own).database(shop());

    expect(asked).toEqual([]);
  });

  it('leaves nothing behind in the folder of its bench', async () => {
    const runner = workshop.runner.place.folder;

    await surveyor(own).database(shop());

    expect(readdirSync(runner)).toEqual([]);
  });

  it('goes through a bastion to a name that only the bastion knows, and proves that name by TLS', async () => {
    const tunnel = {
      host: 'bastion.example.org',
      port: bastion.port,
      user: 'tunnel',
      hostKey: bastion.hostKey,
      privateKey: { kind: 'file', path: '/k' },
    };
    const through = surveyor({ ...own, key: bastion.userKey });

    const probe = await through.database(shop({ host: 'db.internal', tunnel }));

    expect(probe.flavour).toBe('PostgreSQL');
    expect(names).toEqual(['bastion.example.org']);
    expect(new Set(bastion.forwarded)).toEqual(new Set([`db.internal:${server.port}`]));
    expect(asked.map(({ source }) => source)).toEqual([{ kind: 'file', path: '/k' }]);

    const another = await startSshServer({});
    const wrong = shop({ host: 'db.internal', tunnel: { ...tunnel, hostKey: another.hostKey } });
    await another.close();
    expect((await failureOf(through.database(wrong))).code).toBe('tls_refused');
  });

  it('F87 does not go to a bastion at an address that must not be dialled', async () => {
    const tunnel = {
      host: '169.254.169.254',
      user: 'tunnel',
      hostKey: bastion.hostKey,
      privateKey: { kind: 'file', path: '/k' },
    };

    expect((await failureOf(surveyor(own).database(shop({ tunnel })))).code).toBe('usage');
    expect(asked).toEqual([]);
  });

  it('checks a restore against the target that was named', async () => {
    const origin = {
      type: 'full',
      flavour: 'PostgreSQL',
      serverVersion: '15.20',
      toolVersion: '15.20',
      database: 'shop',
      inventory: undefined,
    } as const;
    const request = { type: 'full', inPlace: false, only: [], owners: true, acls: true, roles: {} } as const;

    const items = await surveyor(own).restore(shop(), { database: 'shop', origin, request });

    expect(items.length).toBeGreaterThan(0);
    expect(items.filter(({ ok, blocks }) => !ok && blocks)).toEqual([]);
  });
});

describe('a look at what does not answer', () => {
  it('ends after its time', async () => {
    const waiting = new Set<Socket>();
    const mute = createServer((socket) => waiting.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const within = surveyor({ allowed: ['127.0.0.0/8'], addresses: () => ['127.0.0.1'], lookMs: 300 });

    for (const { id } of engines) {
      const begun = performance.now();
      const failure = await failureOf(within.database(look(id, { port, tls: { mode: 'require' } })));
      expect([id, failure.code]).toEqual([id, 'database_unreachable']);
      expect(failure.message).toContain('gave no answer within 0.3 seconds');
      expect(performance.now() - begun).toBeLessThan(2000);
    }
    for (const socket of waiting) socket.destroy();
    mute.close();
  });
});

describe('hosts that lead to where nobody may go', () => {
  it(`T15 F87 none of ${HOST_FORMS.length} forms of denied addresses is dialled, for any engine`, async () => {
    const [four, six] = [await listener('0.0.0.0'), undefined];
    const { port } = four;
    const seen = [four, six ?? (await listener('::1', port))];
    const means = new Map(HOST_FORMS.map((form) => [form.host, form.means]));
    // What the system makes of a number without asking anybody; everything else is answered as badly as can be.
    const worst = surveyor({
      addresses: async (host) =>
        /^[0-9a-fx.]+$/i.test(host) && !host.endsWith('.')
          ? (await lookup(host, { all: true })).map(({ address }) => address)
          : [means.get(host) ?? '127.0.0.1'],
    });
    const let_in: string[] = [];

    for (const { host } of HOST_FORMS) {
      for (const { id } of engines) {
        for (const mode of ['verify-full', 'disable']) {
          const refused = await Promise.resolve()
            .then(() => worst.database(look(id, { host, port, tls: { mode } })))
            .then(
              () => 'let in',
              (error: unknown) => (error instanceof Failure ? error.code : 'not a setting'),
            );
          if (!['usage', 'not a setting'].includes(refused)) let_in.push(`${id} ${mode} ${host}: ${refused}`);
        }
      }
    }
    for (const one of seen) one.close();

    expect(HOST_FORMS.length).toBeGreaterThan(200);
    expect(let_in).toEqual([]);
    expect(seen.map((one) => one.count())).toEqual([0, 0]);
  });

  it('T15 F88 of a thousand names that mean another address the next time, none leads there', async () => {
    const pinned = await listener('127.0.0.2');
    const denied = await listener('127.0.0.1', pinned.port);
    let asking = 0;
    // A name that the system itself takes for 127.0.0.1: whoever asks again, or lets the system ask, ends up there.
    const changing = surveyor({
      allowed: ['127.0.0.2/32'],
      addresses: () => [asking++ % 2 === 0 ? '127.0.0.2' : '127.0.0.1'],
    });
    const codes = new Map<string, number>();

    for (let attempt = 0; attempt < 1000; attempt += 1) {
      const engine = engines[attempt % engines.length]?.id ?? '';
      const mode = attempt % 4 < 2 ? 'verify-full' : 'require';
      const wish = look(engine, { host: 'localhost', port: pinned.port, tls: { mode } });
      const { code } = await failureOf(changing.database(wish));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    pinned.close();
    denied.close();

    expect(denied.count()).toBe(0);
    expect(pinned.count()).toBeGreaterThanOrEqual(500);
    expect(codes.get('usage')).toBe(500);
  });
});
