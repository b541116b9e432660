import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Identity } from '../../src/operations/identity/verifier.ts';
import type { Taken } from './rate-limit.ts';

export type HttpResult = APIGatewayProxyStructuredResultV2;

/** What is found out about a request on its way in. */
export interface Asked {
  readonly requestId: string;
  /** Address it came from. */
  readonly origin: string | undefined;
  readonly startedAt: number;
  /** Id of the route, once it is known. */
  route?: string;
  identity?: Identity;
  /** Whom an access token at a public route names. */
  subject?: string | undefined;
  rate?: Taken;
}

/** Payload 2.0 of an HTTP API, as the gateway and the server on one machine make it. */
export interface HttpEvent extends APIGatewayProxyEventV2 {
  asked: Asked;
}

/** A header, by its lower-case name. */
export function headerOf(event: HttpEvent, name: string): string | undefined {
  return event.headers[name];
}

/** A cookie's value; of two with one name, neither: somebody else's page may have set one of them. */
export function cookieOf(event: HttpEvent, name: string): string | undefined {
  const found = (event.cookies ?? []).flatMap((cookie) => {
    const [key, value] = split(cookie);
    return key === name ? [value] : [];
  });
  return found.length === 1 ? found[0] : undefined;
}

function split(cookie: string): [string, string] {
  const at = cookie.indexOf('=');
  return at < 0 ? [cookie.trim(), ''] : [cookie.slice(0, at).trim(), cookie.slice(at + 1).trim()];
}
