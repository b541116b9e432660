import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { ProblemResource } from './resources/basics.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';

const PROBLEMS = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Conflict',
  412: 'Changed in between',
  413: 'Body too large',
  415: 'Not JSON in UTF-8',
  421: 'Not a name of this service',
  422: 'Refused by the database or the store',
  428: 'Version missing',
  429: 'Too many requests',
  500: 'A fault of ours',
  503: 'Not ready',
} as const;

let made: { readonly version: string; readonly document: ReturnType<typeof documentOf> } | undefined;

/** The contract as an OpenAPI 3.1 document. Made once: it takes milliseconds of work, and anyone may ask for it. */
export function openApiDocument(version: string) {
  if (made?.version !== version) made = { version, document: documentOf(version) };
  return made.document;
}

function documentOf(version: string) {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Database Dump',
      version,
      description: 'Automated, verified backup and recovery of databases into the client’s own store.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(Object.values(routes).map(tagOf))].map((name) => ({
      name,
      description: `Everything about ${name}.`,
    })),
    paths: paths(),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key or an access token.' },
        session: { type: 'apiKey', in: 'cookie', name: 'session', description: 'A browser session.' },
      },
    },
  });
}

function tagOf(route: Route): string {
  return route.id.split('.')[0] ?? route.id;
}

function paths(): ZodOpenApiPathsObject {
  const result: ZodOpenApiPathsObject = {};
  for (const route of Object.values(routes) as Route[]) {
    result[route.path] = { ...result[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return result;
}

function operation(route: Route): ZodOpenApiOperationObject {
  const { params, query, body, role } = route;
  return {
    operationId: route.id.replaceAll('.', '_'),
    summary: route.summary,
    description: role === 'public' ? 'Open to everyone.' : `Needs the role ${role} or more.`,
    tags: [tagOf(route)],
    security: role === 'public' ? [] : [{ bearer: [] }, { session: [] }],
    requestParams: { ...(params === undefined ? {} : { path: params }), ...(query === undefined ? {} : { query }) },
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: { [String(route.status)]: success(route), ...problems() },
  };
}

function success({ response, contentType, summary }: Route) {
  if (response === undefined && contentType === undefined) return { description: 'Done.' };
  return {
    description: summary,
    content: { [contentType ?? 'application/json']: { schema: response ?? { type: 'string' as const } } },
  };
}

function problems() {
  return Object.fromEntries(
    Object.entries(PROBLEMS).map(([status, description]) => [
      status,
      { description, content: { 'application/problem+json': { schema: ProblemResource } } },
    ]),
  );
}
