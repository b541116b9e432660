import { createHash, timingSafeEqual } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import ssh2 from 'ssh2';

const { Server, utils } = ssh2;

export interface SshServer {
  readonly port: number;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  /** Private keys of the user and of nobody, in OpenSSH's form. */
  readonly userKey: string;
  readonly otherKey: string;
  /** Every place that was asked for, `host:port`. */
  readonly forwarded: string[];
  /** How often anybody began to log in. */
  logins: number;
  /** Ends every session at once, as when the bastion restarts. */
  drop(): void;
  close(): Promise<void>;
}

/** Of the library's own keys one in some hundreds is written so that the library cannot read it: then another. */
function freshKey() {
  for (;;) {
    const pair = utils.generateKeyPairSync('ed25519');
    if ([pair.public, pair.private].every((text) => !(utils.parseKey(text) instanceof Error))) return pair;
  }
}

/** A bastion for one user and one key, which leads to names of its own: `hosts` says where each really is. */
export async function startSshServer(
  hosts: Readonly<Record<string, string>>,
  kind: 'ed25519' | 'rsa' | 'ecdsa' = 'ed25519',
): Promise<SshServer> {
  const options = kind === 'rsa' ? { bits: 2048 } : { bits: 256 };
  const own = kind === 'ed25519' ? freshKey() : utils.generateKeyPairSync(kind as 'rsa', options as { bits: number });
  const user = freshKey();
  const other = freshKey();
  const allowed = utils.parseKey(user.public);
  if (allowed instanceof Error || Array.isArray(allowed)) throw new Error('no key');
  const clients = new Set<ssh2.Connection>();
  const state = { logins: 0, forwarded: [] as string[] };
  const server = new Server({ hostKeys: [own.private] }, (client) => {
    clients.add(client);
    client.on('error', () => undefined).on('close', () => clients.delete(client));
    client.on('authentication', (attempt) => {
      state.logins += 1;
      const right =
        attempt.method === 'publickey' &&
        attempt.username === 'tunnel' &&
        same(attempt.key.data, allowed.getPublicSSH()) &&
        (attempt.signature === undefined ||
          allowed.verify(attempt.blob ?? Buffer.alloc(0), attempt.signature) === true);
      if (right) attempt.accept();
      else attempt.reject(['publickey']);
    });
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      state.forwarded.push(`${destIP}:${destPort}`);
      const target = hosts[destIP];
      if (target === undefined) {
        reject();
        return;
      }
      const socket = connect(destPort, target);
      socket.once('error', () => reject());
      socket.once('connect', () => {
        const channel = accept();
        socket.removeAllListeners('error').on('error', () => channel.destroy());
        channel.on('error', () => socket.destroy()).on('close', () => socket.destroy());
        socket.on('close', () => channel.destroy());
        channel.pipe(socket).pipe(channel);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = () => {
    for (const client of clients) client.end();
  };
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: own.public,
    userKey: user.private,
    otherKey: other.private,
    forwarded: state.forwarded,
    get logins() {
      return state.logins;
    },
    drop,
    close: () =>
      new Promise<void>((resolve) => {
        drop();
        server.close(() => resolve());
      }),
  };
}

function same(a: Buffer, b: Buffer): boolean {
  const [x, y] = [a, b].map((bytes) => createHash('sha256').update(bytes).digest());
  return x !== undefined && y !== undefined && timingSafeEqual(x, y);
}
