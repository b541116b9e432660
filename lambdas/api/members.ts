import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** People in a tenant. */
export const handlers = pick(operations, ['members.list', 'members.update', 'members.remove']);
