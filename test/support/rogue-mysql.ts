import { createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface RogueOptions {
  /** Asks for this file when the client sends its first statement. */
  readonly wantsFile?: string;
  /** Asks for the password in clear, by switching to this plugin. */
  readonly plugin?: string;
  /** Offers TLS with this certificate. */
  readonly certificate?: { readonly key: string; readonly cert: string };
}

export interface RogueServer {
  readonly port: number;
  /** Every byte that clients sent after our greeting, decrypted. */
  received(): Buffer;
  /** Statements that clients sent. */
  readonly statements: string[];
  /** How many clients answered the request for a file, and with how many bytes. */
  readonly answers: number[];
  stop(): Promise<void>;
}

const CLIENT_SSL = 0x0800;
const COM_QUERY = 3;
const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0]);

/** A server that speaks just enough of the protocol to ask clients for what it must not get (F103, F104). */
export async function startRogueMysql(options: RogueOptions = {}): Promise<RogueServer> {
  const received: Buffer[] = [];
  const statements: string[] = [];
  const answers: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(packet(0, greeting(options)));
    converse(socket);
  });

  function converse(socket: Socket): void {
    let pending = Buffer.alloc(0);
    let step: 'login' | 'password' | 'command' | 'file' = 'login';
    const onData = (chunk: Buffer) => {
      received.push(chunk);
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readUIntLE(0, 3)) {
        const length = pending.readUIntLE(0, 3);
        const sequence = pending[3] ?? 0;
        const payload = pending.subarray(4, 4 + length);
        pending = pending.subarray(4 + length);
        answer(payload, sequence);
      }
    };
    socket.on('data', onData);

    function answer(payload: Buffer, sequence: number): void {
      if (step === 'login' && options.certificate !== undefined && payload.length === 32) {
        upgrade();
        return;
      }
      if (step === 'login' && options.plugin !== undefined) {
        step = 'password';
        socket.write(packet(sequence + 1, Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${options.plugin}\0`)])));
        return;
      }
      if (step === 'login' || step === 'password') {
        step = 'command';
        socket.write(packet(sequence + 1, OK));
        return;
      }
      if (step === 'file') {
        answers.push(payload.length);
        step = 'command';
        socket.write(packet(sequence + 1, OK));
        return;
      }
      if (payload[0] === COM_QUERY) {
        statements.push(payload.subarray(1).toString('utf8'));
        if (options.wantsFile !== undefined) {
          step = 'file';
          socket.write(packet(1, Buffer.from(`\xfb${options.wantsFile}`, 'latin1')));
          return;
        }
      }
      socket.write(packet(1, OK));
    }

    function upgrade(): void {
      socket.removeListener('data', onData);
      socket.pause();
      // The client may have begun its handshake in the same packet.
      if (pending.length > 0) socket.unshift(pending);
      pending = Buffer.alloc(0);
      const secure = new TLSSocket(socket, { isServer: true, ...options.certificate });
      secure.on('error', () => undefined);
      secure.on('data', (chunk: Buffer) => received.push(chunk));
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    received: () => Buffer.concat(received),
    statements,
    answers,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function packet(sequence: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, payload]);
}

/** Protocol 10, every capability but compression, native passwords. */
function greeting({ certificate }: RogueOptions): Buffer {
  const capabilities = (0x00ff_f7df & ~CLIENT_SSL) | (certificate === undefined ? 0 : CLIENT_SSL);
  const low = Buffer.alloc(2);
  low.writeUInt16LE(capabilities & 0xffff);
  const high = Buffer.alloc(2);
  high.writeUInt16LE(0x00ff);
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.4.0\0'),
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('abcdefgh\0'),
    low,
    Buffer.from([45, 2, 0]),
    high,
    Buffer.from([21]),
    Buffer.alloc(10),
    Buffer.from('ijklmnopqrst\0'),
    Buffer.from('mysql_native_password\0'),
  ]);
}
