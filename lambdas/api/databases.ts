import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** What is backed up. */
export const handlers = pick(operations, [
  'databases.list',
  'databases.create',
  'databases.dryRun',
  'databases.get',
  'databases.update',
  'databases.delete',
  'databases.leaving',
  'databases.verify',
  'databases.capabilities',
  'databases.overview',
]);
