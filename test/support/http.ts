import { request } from 'node:http';
import { connect } from 'node:net';

export interface HttpAsk {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** One request on a connection of its own; nothing is added to it but its length. */
export function askHttp(port: number, { method = 'GET', path, headers = {}, body }: HttpAsk): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const call = request({ host: '127.0.0.1', port, method, path, agent: false, headers: { ...length, ...headers } });
    call.once('error', reject);
    call.once('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    call.end(body);
  });
}

/** Sends bytes as they are; gives what came back until the other side closed, or for so long. */
export function sendRaw(port: number, bytes: string | Uint8Array, forMs = 2000): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    const timer = setTimeout(end, forMs);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('close', end);
    socket.once('error', end);
  });
}
