import { createServer, type Socket } from 'node:net';

/** Speaks enough of PostgreSQL's protocol to stand in for a pooler that gives every statement another backend. */
export async function startTransactionPooler(): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(socket: Socket): void {
  let buffer = Buffer.alloc(0);
  let started = false;
  let backend = 0;
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const headLength = started ? 5 : 4;
      if (buffer.length < headLength) return;
      const length = buffer.readInt32BE(headLength - 4) + headLength - 4;
      if (buffer.length < length) return;
      const message = buffer.subarray(0, length);
      buffer = buffer.subarray(length);
      if (!started) {
        started = true;
        socket.write(Buffer.concat([frame('R', int32(0)), ready()]));
        continue;
      }
      if (message.toString('latin1', 0, 1) !== 'Q') {
        socket.end();
        return;
      }
      backend += 1;
      socket.write(answer(message.toString('utf8', 5, length - 1), backend));
    }
  });
}

/** Settings are kept for the mark; the backend is another one each time. */
function answer(query: string, backend: number): Buffer {
  if (!query.includes('pg_backend_pid')) return Buffer.concat([frame('C', text('SET')), ready()]);
  const columns = ['pid', 'mark'];
  const description = Buffer.concat([
    int16(columns.length),
    ...columns.map((name) =>
      Buffer.concat([text(name), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]),
    ),
  ]);
  const values = [String(1000 + (backend % 2)), ''];
  const row = Buffer.concat([
    int16(values.length),
    ...values.map((value) => Buffer.concat([int32(value.length), Buffer.from(value)])),
  ]);
  return Buffer.concat([frame('T', description), frame('D', row), frame('C', text('SELECT 1')), ready()]);
}

const ready = () => frame('Z', Buffer.from('I'));
const text = (value: string) => Buffer.from(`${value}\0`);

function frame(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}
