import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WebhookSink {
  readonly port: number;
  readonly calls: Call[];
  /** What the next calls get; undefined: 204. */
  answer: ((response: ServerResponse) => void) | undefined;
  stop(): Promise<void>;
}

/** A real HTTP server on the loopback that keeps what it is sent. */
export async function startWebhookSink(): Promise<WebhookSink> {
  const sink: Omit<WebhookSink, 'stop'> & { port: number } = { port: 0, calls: [], answer: undefined };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      sink.calls.push({ path: request.url ?? '', headers: request.headers, body });
      if (sink.answer === undefined) response.writeHead(204).end();
      else sink.answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  sink.port = (server.address() as AddressInfo).port;
  return Object.assign(sink, {
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}
