import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** Tenants and their settings. */
export const handlers = pick(operations, [
  'tenants.create',
  'tenant.get',
  'tenant.update',
  'tenant.export',
  'tenant.delete',
]);
