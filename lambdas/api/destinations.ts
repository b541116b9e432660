import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** Where backups go. */
export const handlers = pick(operations, [
  'destinations.list',
  'destinations.create',
  'destinations.get',
  'destinations.update',
  'destinations.delete',
  'destinations.verify',
  'destinations.roleTemplate',
]);
