import { createServer, type Socket } from 'node:net';

const METHODS = { password: 3, md5: 5 } as const;

/** A server that asks for the password in a way that gives it away, and remembers what it was told. */
export async function startRoguePostgres(method: keyof typeof METHODS) {
  const passwords: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    let started = false;
    socket.on('data', (chunk: Buffer) => {
      if (!started && chunk.length === 8) return void socket.write('N');
      if (!started) {
        started = true;
        const body = Buffer.alloc(method === 'md5' ? 8 : 4);
        body.writeInt32BE(METHODS[method]);
        const head = Buffer.from([0x52, 0, 0, 0, body.length + 4]);
        return void socket.write(Buffer.concat([head, body]));
      }
      if (chunk[0] === 0x70) passwords.push(chunk.toString('latin1', 5));
      return void socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    passwords: () => passwords,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
