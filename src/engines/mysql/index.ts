import type { Engine } from '../engine.ts';
import { onDemand } from '../on-demand.ts';
import { registration } from './registration.ts';

/** MySQL and MariaDB, each with the programs of its own family. */
export const mysql: Engine = onDemand(
  {
    id: 'mysql',
    label: 'MySQL / MariaDB',
    schemes: ['mysql:', 'mariadb:'],
    defaultPort: 3306,
    options: [],
    types: ['full', 'schema', 'data', 'globals'],
    extension: 'sql',
    registration,
  },
  async () => (await import('./work.ts')).work,
);
