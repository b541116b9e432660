import type { Route } from '../../src/contract/route.ts';
import { type RouteId, routes } from '../../src/contract/routes.ts';
import { Failure } from '../../src/domain/failure.ts';
import type { Operation } from '../../src/operations/operation.ts';

/** Operations by the routes they answer: what a file of lambdas/api/ hands over. */
export type Handlers = { readonly [Id in RouteId]?: Operation<Id> };

/** The routes that one file answers. */
export function pick<Id extends RouteId>(
  operations: { readonly [Each in RouteId]: Operation<Each> },
  ids: readonly Id[],
): { readonly [Each in Id]: Operation<Each> } {
  const picked = Object.fromEntries(ids.map((id) => [id, operations[id]]));
  return picked as unknown as { readonly [Each in Id]: Operation<Each> };
}

const PATTERNS = Object.values<Route>(routes).map(({ method, path }) => ({ method, pattern: patternOf(path) }));

/** For what no route answers: 405 where the path is known, 404 where it is not. */
export function refuseUnrouted({ path }: { readonly path: string }): never {
  const allow = PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  if (allow.length === 0) {
    throw new Failure('not_found', 'There is nothing at this path.', {
      remedy: 'See /v1/openapi.json for what there is.',
    });
  }
  throw new Failure('method_not_allowed', 'This path is not there for that method.', {
    remedy: `Use ${allow.join(' or ')}.`,
    details: { allow },
  });
}

/** Segments are matched without their verb: `{id}` never takes a colon. */
function patternOf(path: string): RegExp {
  const escaped = path.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\{\w+\}/g, '[^/:]+')}/?$`);
}
