import type { MiddlewareObj } from '@middy/core';
import { Failure } from '../../src/domain/failure.ts';
import { cookieOf, type HttpEvent, type HttpResult, headerOf } from './event.ts';

export const SESSION_COOKIE = 'session';

export interface HostPolicy {
  /** `127.0.0.1:8080`: the names this service goes by, with the port where it is not the scheme's own. */
  readonly hosts: readonly string[];
  /** `https://console.example.org`: pages that may ask on somebody's behalf. */
  readonly origins: readonly string[];
}

const HARMLESS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * A name of somebody else's that leads here (DNS rebinding) is refused, and so is a change that a foreign page asks for with
 * the browser's cookie (CSRF). Programs send no Origin; a browser always does with what is not harmless.
 */
export function knownHost({ hosts, origins }: HostPolicy): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    before: ({ event }) => {
      const host = headerOf(event, 'host')?.toLowerCase();
      if (host === undefined || !hosts.includes(host)) throw strangeHost();
      if (HARMLESS.includes(event.requestContext.http.method)) return;
      const origin = headerOf(event, 'origin');
      const foreign = origin === undefined ? byBrowser(event) : !origins.includes(origin.toLowerCase());
      if (foreign) throw strangeOrigin();
    },
  };
}

/** No Origin, though a cookie came or the browser says so: nothing proves that the page is ours. */
function byBrowser(event: HttpEvent): boolean {
  const site = headerOf(event, 'sec-fetch-site');
  if (site !== undefined) return site !== 'same-origin';
  return cookieOf(event, SESSION_COOKIE) !== undefined && headerOf(event, 'authorization') === undefined;
}

function strangeHost(): Failure {
  return new Failure('host_unknown', 'This service does not go by that name.', {
    remedy: 'Use the address that the service printed, or let the operator add the name.',
  });
}

function strangeOrigin(): Failure {
  return new Failure('forbidden', 'The page that asks for this is not one of ours.', {
    remedy: 'Use the console, or an API key without a browser.',
  });
}
