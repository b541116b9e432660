import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import ssh2 from 'ssh2';
import { Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import { openTunnel, type Tunnel, type TunnelWish } from '../../src/platform/ssh-tunnel.ts';
import { type SshServer, startSshServer } from '../support/ssh-server.ts';

let echo: Server;
let echoPort: number;
let bastion: SshServer;
const opened: Tunnel[] = [];

beforeAll(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  echoPort = (echo.address() as AddressInfo).port;
});

afterAll(() => void echo.close());

beforeEach(async () => {
  bastion = await startSshServer({ 'db.internal': '127.0.0.1' });
});

afterEach(async () => {
  for (const tunnel of opened.splice(0)) await tunnel.close();
  await bastion.close();
});

async function open(change: Partial<TunnelWish> = {}): Promise<Tunnel> {
  const tunnel = await openTunnel({
    host: 'bastion.example',
    address: '127.0.0.1',
    port: bastion.port,
    user: 'tunnel',
    hostKey: bastion.hostKey,
    privateKey: new Secret(bastion.userKey),
    target: { host: 'db.internal', port: echoPort },
    signal: new AbortController().signal,
    ...change,
  });
  opened.push(tunnel);
  return tunnel;
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`no Failure: ${String(error)}`);
}

/** What comes back through the tunnel for what is sent into it. */
async function through(tunnel: Tunnel, text: string): Promise<string> {
  const socket = connect(tunnel.port, tunnel.address);
  socket.on('error', () => undefined);
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk;
    if (said.length >= text.length) socket.end();
  });
  socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return said;
}

describe('a tunnel through a bastion', () => {
  it('leads to a name that only the bastion knows, for several connections at once', async () => {
    const tunnel = await open();
    const texts = ['one', 'x'.repeat(300_000), 'three'];

    expect(await Promise.all(texts.map((text) => through(tunnel, text)))).toEqual(texts);
    expect(bastion.forwarded).toEqual(texts.map(() => `db.internal:${echoPort}`));
  });

  it.each(['rsa', 'ecdsa'] as const)('knows a pinned key of kind %s', async (kind) => {
    const other = await startSshServer({ 'db.internal': '127.0.0.1' }, kind);
    try {
      const tunnel = await open({
        port: other.port,
        hostKey: `${other.hostKey} a comment`,
        privateKey: new Secret(other.userKey),
      });

      expect(await through(tunnel, 'hello')).toBe('hello');
    } finally {
      await other.close();
    }
  });

  it('F88 does not log in where another host key is shown', async () => {
    const another = ssh2.utils.generateKeyPairSync('ed25519').public;

    const failure = await failureOf(open({ hostKey: another }));

    expect(failure.code).toBe('tls_refused');
    expect(failure.message).toBe(`bastion.example:${bastion.port} does not show the host key that was pinned.`);
    expect(bastion.logins).toBe(0);
  });

  it('F88 does not log in where the bastion has no key of the pinned kind', async () => {
    const another = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).public;

    const failure = await failureOf(open({ hostKey: another }));

    expect(failure.code).toBe('tls_refused');
    expect(bastion.logins).toBe(0);
  });

  it.each([
    'ssh-ed25519',
    'ssh-ed25519 AAAA',
    'ssh-dss AAAAB3NzaC1kc3M=',
    'bastion ssh-ed25519 AAAA',
    `ssh-rsa ${'AAAAC3NzaC1lZDI1NTE5AAAAIJ8rSd6nCkCh1kxR8gbmyIyDYNkqJKzQ0JZf3fM0dXyG'}`,
    'constructor AAAA',
  ])('takes no %p for a host key', async (hostKey) => {
    expect((await failureOf(open({ hostKey }))).code).toBe('usage');
    expect(bastion.logins).toBe(0);
  });

  it.each([
    ['another user', () => ({ user: 'root' })],
    ['another key', () => ({ privateKey: new Secret(bastion.otherKey) })],
    ['no key at all', () => ({ privateKey: new Secret('CANARY') })],
  ])('says that the log-in is refused for %s, and nothing of the key', async (_whom, change) => {
    const failure = await failureOf(open(change()));

    expect(failure.code).toBe('authentication_failed');
    expect(`${failure.message} ${failure.remedy} ${String(failure.cause)}`).not.toMatch(/CANARY|PRIVATE/);
  });

  it('says that nobody is there', async () => {
    const { port } = bastion;
    await bastion.close();

    expect((await failureOf(open({ port }))).code).toBe('database_unreachable');
  });

  it('ends a connection to what the bastion does not reach, and stays open for others', async () => {
    const lost = await open({ target: { host: 'nowhere.internal', port: 1 } });

    expect(await through(lost, 'x')).toBe('');
    expect(await through(lost, 'x')).toBe('');
  });

  it('ends what goes through it when the bastion goes, so that nobody waits for ever', async () => {
    const tunnel = await open();
    const socket = connect(tunnel.port, tunnel.address);
    socket.write('x');
    await once(socket, 'data');

    bastion.drop();
    await new Promise((resolve) => socket.on('error', () => undefined).once('close', resolve));

    expect(await through(tunnel, 'x')).toBe('');
  });

  it('is gone when it is closed or cancelled', async () => {
    const closed = await open();
    await closed.close();
    const stop = new AbortController();
    const cancelled = await open({ signal: stop.signal });
    stop.abort(new Failure('cancelled', 'enough'));
    await new Promise((resolve) => setImmediate(resolve));

    expect(await through(closed, 'x')).toBe('');
    expect(await through(cancelled, 'x')).toBe('');
    expect((await failureOf(open({ signal: stop.signal }))).code).toBe('cancelled');
  });

  it('is given up when it is cancelled while the bastion says nothing', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Failure('cancelled', 'enough')), 100);

    const failure = await failureOf(open({ port: (mute.address() as AddressInfo).port, signal: stop.signal }));
    mute.close();

    expect(failure.code).toBe('cancelled');
  });
});
