import { randomUUID } from 'node:crypto';
import middy, { type MiddlewareObj } from '@middy/core';
import cors from '@middy/http-cors';
import headerNormalizer from '@middy/http-header-normalizer';
import router, { type Route as MiddyRoute } from '@middy/http-router';
import securityHeaders from '@middy/http-security-headers';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { type RouteId, routes } from '../../src/contract/routes.ts';
import { type AnyOperation, answerWith } from './answer.ts';
import type { Door } from './door.ts';
import type { HttpEvent, HttpResult } from './event.ts';
import { knownHost } from './known-host.ts';
import { problems } from './problem.ts';
import { rateHeaders } from './rate-limit.ts';
import { type Handlers, refuseUnrouted } from './routing.ts';

/** Takes what the gateway, or the server on one machine, makes of a request; never throws. */
export type ApiHandler = (event: APIGatewayProxyEventV2) => Promise<HttpResult>;

/** The handler of some routes: each middleware refuses what the next one need not know of. */
export function apiHandler(door: Door, handlers: Handlers): ApiHandler {
  const { policy, runtime } = door;
  const handle = middy<HttpEvent, HttpResult>()
    .use(lastWords(door))
    .use(securityHeaders({ ...HEADERS, ...(door.secure ? {} : { strictTransportSecurity: false }) }))
    .use(cors({ origins: [...policy.origins], vary: 'Origin', exposeHeaders: EXPOSED }))
    .use(headerNormalizer())
    .use(problems(runtime.log))
    .use(knownHost(policy))
    .handler(router({ routes: middyRoutes(door, handlers), notFoundResponse: refuseUnrouted }));
  return (event) => handle({ ...event, requestContext: withPath(event), asked: factsOf(event) }, CONTEXT);
}

/** `GET ?x` has no path at all; the router knows none that is empty. */
function withPath({ requestContext }: APIGatewayProxyEventV2): HttpEvent['requestContext'] {
  const { http } = requestContext;
  return { ...requestContext, http: { ...http, path: http.path || '/' } };
}

// Nothing of Lambda's context is used: the door on one machine has none.
const CONTEXT = {} as Parameters<ReturnType<typeof middy>>[1];

const EXPOSED = 'ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Idempotency-Replayed';

/** Answers are data: nothing in them may be run, framed or guessed at (F100). */
const HEADERS = {
  contentSecurityPolicy: { 'default-src': "'none'", 'report-to': '' },
  crossOriginResourcePolicy: { policy: 'same-site' },
  permissionsPolicy: false,
  reportingEndpoints: false,
} as const;

function middyRoutes(door: Door, handlers: Handlers): MiddyRoute<HttpEvent, HttpResult>[] {
  return (Object.keys(handlers) as RouteId[]).map((id) => {
    const route = routes[id];
    const operation = handlers[id] as AnyOperation;
    return { method: route.method, path: route.path, handler: answerWith(door, { route, operation }) };
  });
}

function factsOf({ requestContext }: APIGatewayProxyEventV2): HttpEvent['asked'] {
  return {
    requestId: requestContext.requestId || randomUUID(),
    origin: requestContext.http.sourceIp,
    startedAt: performance.now(),
  };
}

/** Headers that every answer has, and one line in the log: the route and who asked, never a URL, a body or a token. */
function lastWords({ runtime }: Door): MiddlewareObj<HttpEvent, HttpResult> {
  const finish = ({ event, response }: { event: HttpEvent; response?: HttpResult | null | undefined }) => {
    if (response === undefined || response === null) return;
    const { requestId, route, identity, rate, startedAt } = event.asked;
    const limits = rate === undefined ? {} : rateHeaders(rate);
    response.headers = { ...response.headers, ...limits, 'X-Request-Id': requestId };
    const facts = { requestId, route, tenantId: identity?.tenantId, actor: identity?.actor };
    const milliseconds = Math.round(performance.now() - startedAt);
    runtime.log('info', { ...facts, status: response.statusCode, milliseconds }, 'request answered');
  };
  return { after: finish, onError: finish };
}
