import { timingSafeEqual } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { Failure, messageOf } from '../domain/failure.ts';
import type { Secret } from '../domain/secret.ts';

export interface TunnelWish {
  /** The name people know the bastion by. */
  readonly host: string;
  /** The address that was checked; it is what is dialled (F88). */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 AAAA…`: the one key that the bastion may show. */
  readonly hostKey: string;
  readonly privateKey: Secret;
  /** Where the tunnel leads to, as the bastion sees it. */
  readonly target: { readonly host: string; readonly port: number };
  /** Ends the tunnel and whatever goes through it. */
  readonly signal: AbortSignal;
}

/** A port of this machine alone, each connection of which comes out at the bastion. */
export interface Tunnel {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

const READY_MS = 15_000;
/** A bastion that says nothing three times in a row is gone. */
const SIGN_OF_LIFE_MS = 15_000;
const MISSED_SIGNS = 3;
const LOOPBACK = '127.0.0.1';

/** Host keys by their kind, and the signatures that may prove each. */
const PROOFS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/**
 * Logs in at the bastion, which must prove the pinned key before anything of ours is sent, and opens a port on this machine
 * that leads through it. The library is loaded when there is a tunnel.
 */
export async function openTunnel(wish: TunnelWish): Promise<Tunnel> {
  wish.signal.throwIfAborted();
  const pinned = readHostKey(wish.hostKey);
  const { Client: SshClient } = await import('ssh2').then((module) => module.default);
  const client = new SshClient();
  await logIn(client, wish, pinned);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => forward(client, socket, { target: wish.target, sockets }));
  const end = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    client.end();
  };
  // Without the bastion there is no way out: who waits for an answer must hear it.
  client.on('error', end).on('close', end);
  wish.signal.addEventListener('abort', end, { once: true });
  try {
    await listen(server);
  } catch (error) {
    end();
    throw error;
  }
  return {
    address: LOOPBACK,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      wish.signal.removeEventListener('abort', end);
      end();
    },
  };
}

interface HostKey {
  readonly kind: string;
  readonly blob: Buffer;
}

/** One line as in `known_hosts`, without the host: kind, key, and a comment that means nothing. */
function readHostKey(text: string): HostKey {
  const [kind = '', base64 = ''] = text.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  const said = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1') : '';
  if (Object.hasOwn(PROOFS, kind) && said === kind) return { kind, blob };
  throw new Failure('usage', 'The host key of the tunnel is not one public key.', {
    remedy: 'Give what `ssh-keyscan -t ed25519 HOST` prints, from `ssh-` on, after comparing it with the server’s own.',
  });
}

async function logIn(client: Client, wish: TunnelWish, pinned: HostKey): Promise<void> {
  const { signal } = wish;
  const seen = { another: false };
  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).once('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    client.connect(settings(wish, pinned, seen));
    await ready;
  } catch (error) {
    client.on('error', () => undefined).destroy();
    signal.throwIfAborted();
    throw seen.another ? anotherKey(wish) : loginFailure(error, wish);
  }
}

function settings(wish: TunnelWish, { kind, blob }: HostKey, seen: { another: boolean }): ConnectConfig {
  return {
    host: wish.address,
    port: wish.port,
    username: wish.user,
    privateKey: wish.privateKey.reveal(),
    readyTimeout: READY_MS,
    keepaliveInterval: SIGN_OF_LIFE_MS,
    keepaliveCountMax: MISSED_SIGNS,
    algorithms: { serverHostKey: [...(PROOFS[kind] ?? [])] },
    hostVerifier: (shown: Buffer) => {
      const same = shown.length === blob.length && timingSafeEqual(shown, blob);
      seen.another = !same;
      return same;
    },
  };
}

function anotherKey({ host, port }: TunnelWish): Failure {
  return new Failure('tls_refused', `${host}:${port} does not show the host key that was pinned.`, {
    remedy: 'Find out whether the bastion was made anew or somebody stands in between; then pin its present key.',
  });
}

function loginFailure(error: unknown, { host, port, user }: TunnelWish): Failure {
  const why = messageOf(error);
  const level = (error as { readonly level?: string } | null)?.level;
  if (level === 'client-authentication' || /privateKey|passphrase|parse/i.test(why)) {
    return new Failure(
      'authentication_failed',
      `${host}:${port} refuses the log-in of ${user}, or its key is unusable.`,
      {
        remedy: 'Put the public key into authorized_keys of that user; give the private key without a passphrase.',
      },
    );
  }
  if (/host key|algorithm/i.test(why)) {
    return new Failure('tls_refused', `${host}:${port} has no host key of the pinned kind.`, {
      remedy: 'Pin a key of a kind that the bastion has.',
    });
  }
  return new Failure('database_unreachable', `The bastion ${host}:${port} cannot be reached: ${why}.`, {
    remedy: 'Check host, port and firewall of the bastion.',
  });
}

interface Way {
  readonly target: TunnelWish['target'];
  readonly sockets: Set<Socket>;
}

function forward(client: Client, socket: Socket, { target, sockets }: Way): void {
  sockets.add(socket);
  socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  try {
    client.forwardOut(LOOPBACK, socket.remotePort ?? 0, target.host, target.port, (error, channel) => {
      if (error !== undefined) {
        socket.destroy();
        return;
      }
      channel.on('error', () => socket.destroy()).on('close', () => socket.destroy());
      socket.on('close', () => channel.destroy());
      socket.pipe(channel).pipe(socket);
    });
  } catch {
    // The bastion has gone this very moment.
    socket.destroy();
  }
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, LOOPBACK, resolve);
  });
}
