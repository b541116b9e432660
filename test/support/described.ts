import { Ajv2020 } from 'ajv/dist/2020.js';
import { type RouteId, routes } from '../../src/contract/routes.ts';

/** One answer as it came, and what was asked for. */
export interface GivenAnswer {
  readonly id: RouteId;
  readonly status: number;
  /** The header `content-type`; empty where there is none. */
  readonly contentType: string;
  readonly text: string;
}

/** Looks up every answer in an OpenAPI document: undefined where it is as described, else one sentence. */
export function describedBy(document: Record<string, unknown>): (answer: GivenAnswer) => string | undefined {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'openapi', ...document });
  return ({ id, status, contentType, text }) => {
    const { path, method } = routes[id];
    const pointer = ['paths', path, method.toLowerCase(), 'responses', String(status)];
    if (partOf(document, pointer) === undefined) return `${id} ${status}`;
    const type = contentType.split(';')[0] ?? '';
    if (type !== 'application/json' && type !== 'application/problem+json') return undefined;
    const schema = { $ref: `openapi#/${[...pointer, 'content', type, 'schema'].map(escaped).join('/')}` };
    return ajv.validate(schema, JSON.parse(text)) ? undefined : `${id} ${status} ${ajv.errorsText()}`;
  };
}

/** The route of a request; the query does not matter. */
export function routeOfRequest(method: string, path: string): RouteId | undefined {
  const bare = path.split('?')[0] ?? '';
  const all = Object.values(routes);
  return all.find((route) => route.method === method && patternOf(route.path).test(bare))?.id;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/:]+')}$`);
}

function partOf(document: unknown, names: readonly string[]): unknown {
  return names.reduce((part, name) => (part as Record<string, unknown> | undefined)?.[name], document);
}

/** As a JSON pointer in a URI. */
function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}
