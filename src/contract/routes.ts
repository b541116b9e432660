import type { Route } from './route.ts';
import { peopleRoutes } from './routes/people.ts';
import { placesRoutes } from './routes/places.ts';
import { serviceRoutes } from './routes/service.ts';
import { workRoutes } from './routes/work.ts';

/** Every route, by operation. */
export const routes = { ...peopleRoutes, ...placesRoutes, ...workRoutes, ...serviceRoutes } as const satisfies Record<
  string,
  Route
>;

export type RouteId = keyof typeof routes;
