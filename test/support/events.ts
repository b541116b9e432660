import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';

export interface Ask {
  readonly method?: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A value becomes JSON; a string or bytes are sent as they are. */
  readonly body?: unknown;
  readonly cookies?: readonly string[];
  readonly from?: string;
}

export const HOST = '127.0.0.1:8080';
export const ORIGIN = `http://${HOST}`;

/** A request as payload 2.0 of an HTTP API. */
export function eventOf({ method = 'GET', path, headers = {}, body, cookies, from = '203.0.113.9' }: Ask) {
  const [rawPath = '', rawQueryString = ''] = path.split(/\?(.*)/s);
  const bytes = body instanceof Uint8Array ? Buffer.from(body).toString('base64') : undefined;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const typed = body === undefined ? {} : { 'content-type': 'application/json' };
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: { host: HOST, ...typed, ...headers },
    ...(cookies === undefined ? {} : { cookies: [...cookies] }),
    ...(bytes === undefined && text === undefined ? {} : { body: bytes ?? (text as string) }),
    isBase64Encoded: bytes !== undefined,
    requestContext: {
      accountId: 'local',
      apiId: 'local',
      domainName: 'local',
      domainPrefix: 'local',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: from, userAgent: 'test' },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
  } satisfies APIGatewayProxyEventV2;
}
