import { describe, expect, it } from '@jest/globals';
import { openApiDocument } from '../../src/contract/openapi.ts';
import type { Route } from '../../src/contract/route.ts';
import { routes } from '../../src/contract/routes.ts';

const all = Object.entries(routes) as [string, Route][];

describe('the contract', () => {
  it('names every route by its own key, and no two alike', () => {
    for (const [key, route] of all) expect(route.id).toBe(key);
    const doors = all.map(([, route]) => `${route.method} ${route.path}`);
    expect(new Set(doors).size).toBe(all.length);
  });

  it('checks exactly the parameters that a path has', () => {
    for (const [, route] of all) {
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(Object.keys(route.params?.shape ?? {})).toEqual(inPath);
    }
  });

  it('keeps everything that changes something behind a role', () => {
    const open = all.filter(([, route]) => route.role === 'public').map(([key]) => key);

    expect(open.sort()).toEqual(['health.get', 'metrics.get', 'openapi.get', 'ready.get', 'session.signIn']);
  });

  it('answers with nothing exactly where it says 204', () => {
    for (const [, route] of all)
      expect(route.response === undefined && route.contentType === undefined).toBe(route.status === 204);
  });

  it('is an OpenAPI 3.1 document in which every route and every resource stands', () => {
    const document = openApiDocument('1.0.0');
    const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path ?? {}));

    expect(document.openapi).toBe('3.1.1');
    expect(operations).toHaveLength(all.length);
    expect(Object.keys(document.components?.schemas ?? {})).toEqual(
      expect.arrayContaining(['Backup', 'Database', 'Problem', 'Restore', 'Run']),
    );
    expect(JSON.stringify(document)).not.toContain('"$ref":"#/components/schemas/undefined"');
  });
});
