import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { ApiHandler } from '../lambdas/middleware/api-handler.ts';
import type { HttpResult } from '../lambdas/middleware/event.ts';
import { bodyTooLarge } from '../lambdas/middleware/json-body.ts';
import { problemResponse } from '../lambdas/middleware/problem.ts';
import { Failure, messageOf } from '../src/domain/failure.ts';
import type { DownloadHandler } from './downloads.ts';
import { PAGE_HEADERS, pageAt } from './pages.ts';

export interface HttpServerOptions {
  readonly port: number;
  /** 127.0.0.1 unless the operator says otherwise. */
  readonly host?: string;
  readonly handler: ApiHandler;
  /** Asked first: true where it has answered. */
  readonly downloads?: DownloadHandler;
}

export interface HttpServer {
  readonly port: number;
  /** Takes no new request, ends those at work, and cuts what is not done in time. */
  stop(graceMs?: number): Promise<void>;
}

const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
} as const;
const MOST_CONNECTIONS = 512;
const MOST_BODY_BYTES = 1024 * 1024;
const GRACE_MS = 10_000;

/** Makes of each request the event that the gateway would make of it; the same handlers answer both. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { port, host = '127.0.0.1' } = options;
  let stopping = false;
  const server = createServer(LIMITS, (request, response) => {
    if (stopping) response.setHeader('Connection', 'close');
    void serve(request, response, options);
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('clientError', refuseUnreadable);
  await listen(server, port, host);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    stop: async (graceMs = GRACE_MS) => {
      stopping = true;
      await close(server, graceMs);
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const message = taken ? `Port ${port} is in use.` : `The service cannot listen: ${messageOf(error)}.`;
      reject(new Failure('usage', message, { remedy: 'Give another one: npm start -- --port PORT', cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { handler, downloads }: HttpServerOptions,
): Promise<void> {
  try {
    if (await downloads?.(request, response)) return;
    const body = await readBody(request);
    const page = request.method === 'GET' ? pageAt(request.url ?? '') : undefined;
    if (page !== undefined) {
      response.writeHead(200, { ...PAGE_HEADERS, 'Content-Type': page.type }).end(page.body);
      return;
    }
    // What was not read would be taken for the next request.
    if (body === undefined) response.setHeader('Connection', 'close');
    const result =
      body === undefined ? problemResponse(bodyTooLarge(), randomUUID()) : await handler(eventOf(request, body));
    send(response, result, request.method === 'HEAD');
  } catch {
    // The client went away in the middle of its request: nobody is left to be told.
    response.destroy();
  }
}

function send(response: ServerResponse, result: HttpResult, headOnly: boolean): void {
  response.statusCode = result.statusCode ?? 200;
  for (const [name, value] of Object.entries(result.headers ?? {})) response.setHeader(name, String(value));
  if (result.cookies !== undefined) response.setHeader('Set-Cookie', result.cookies);
  if (result.body !== undefined) response.setHeader('Content-Length', Buffer.byteLength(result.body));
  response.end(headOnly ? undefined : result.body);
}

/** Undefined: more than is taken; the rest is left unread. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MOST_BODY_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function eventOf(request: IncomingMessage, body: Buffer): APIGatewayProxyEventV2 {
  const [rawPath = '', rawQueryString = ''] = (request.url ?? '').split(/\?(.*)/s);
  const text = isUtf8(body);
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
  const cookies = request.headers.cookie?.split(';');
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: headersOf(request),
    ...(cookies === undefined ? {} : { cookies: cookies.map((cookie) => cookie.trim()) }),
    ...(body.length === 0 ? {} : { body: body.toString(text ? 'utf8' : 'base64') }),
    isBase64Encoded: !text,
    requestContext: contextOf(request, { method, rawPath }),
  };
}

/** As the gateway has them: lower case, one text each, cookies apart. */
function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && name !== 'cookie') result[name] = Array.isArray(value) ? value.join(',') : value;
  }
  return result;
}

function contextOf(
  request: IncomingMessage,
  { method, rawPath }: { readonly method: string; readonly rawPath: string },
) {
  const now = new Date();
  return {
    accountId: 'local',
    apiId: 'local',
    domainName: 'local',
    domainPrefix: 'local',
    http: {
      method,
      path: rawPath,
      protocol: `HTTP/${request.httpVersion}`,
      sourceIp: request.socket.remoteAddress ?? '',
      userAgent: request.headers['user-agent'] ?? '',
    },
    requestId: randomUUID(),
    routeKey: '$default',
    stage: '$default',
    time: now.toISOString(),
    timeEpoch: now.getTime(),
  };
}

const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What cannot be read as HTTP has no route and no asker; it gets the shortest answer there is. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = UNREADABLE[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
