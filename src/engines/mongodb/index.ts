import type { Engine } from '../engine.ts';
import { onDemand } from '../on-demand.ts';
import { MONGODB_OPTIONS } from './address.ts';
import { registration } from './registration.ts';

/** MongoDB, by mongodump and mongorestore. A server without access control is asked without a user. */
export const mongodb: Engine & { readonly anonymous: true } = onDemand(
  {
    id: 'mongodb',
    label: 'MongoDB',
    schemes: ['mongodb:'],
    defaultPort: 27_017,
    options: MONGODB_OPTIONS,
    anonymous: true,
    types: ['full', 'data', 'globals'],
    extension: 'archive',
    registration,
  },
  async () => (await import('./work.ts')).work,
);
