import type { Route } from './route.ts';
import { backupsRoutes } from './routes/backups.ts';
import { peopleRoutes } from './routes/people.ts';
import { placesRoutes } from './routes/places.ts';
import { schedulesRoutes } from './routes/schedules.ts';
import { serviceRoutes } from './routes/service.ts';

/** Every route, by operation. */
export const routes = {
  ...peopleRoutes,
  ...placesRoutes,
  ...schedulesRoutes,
  ...backupsRoutes,
  ...serviceRoutes,
} as const satisfies Record<string, Route>;

export type RouteId = keyof typeof routes;
