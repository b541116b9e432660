import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** A line to a server that can be made to fail; the server itself stays as it is, to be looked at afterwards. */
export interface CutLine {
  readonly endpoint: string;
  /** `dead`: every connection ends and no new one is taken. `refuses`: everything is answered with 403 from now on. */
  cut(how: 'dead' | 'refuses'): void;
  close(): Promise<void>;
}

const DENIED = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';
const REFUSAL = `HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: ${DENIED.length}\r\nConnection: close\r\n\r\n${DENIED}`;

export async function openCutLine(endpoint: string): Promise<CutLine> {
  const { hostname, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  let refuses = false;
  const server: Server = createServer((client) => {
    keep(sockets, client);
    if (refuses) {
      refuse(client);
      return;
    }
    const upstream = dial(Number(port), hostname);
    keep(sockets, upstream);
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const own = typeof address === 'object' && address !== null ? address.port : 0;
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: `http://127.0.0.1:${own}`,
    cut(how) {
      if (how === 'refuses') refuses = true;
      else server.close();
      endAll();
    },
    close: async () => {
      endAll();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => sockets.delete(socket));
}

/** Reads what is sent, so that the refusal is not lost in a reset. */
function refuse(client: Socket): void {
  client.resume();
  client.once('data', () => client.end(REFUSAL));
}
