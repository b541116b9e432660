import type { Engine } from '../engine.ts';
import { onDemand } from '../on-demand.ts';
import { OPTIONS } from './environment.ts';
import { registration } from './registration.ts';

/** PostgreSQL 14 to 18, by its own client programs. */
export const postgres: Engine = onDemand(
  {
    id: 'postgres',
    label: 'PostgreSQL',
    schemes: ['postgres:', 'postgresql:'],
    defaultPort: 5432,
    options: OPTIONS,
    types: ['full', 'schema', 'data', 'globals'],
    extension: 'pgc',
    registration,
  },
  async () => (await import('./work.ts')).work,
);
