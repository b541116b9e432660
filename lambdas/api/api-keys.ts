import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** Keys for programs. */
export const handlers = pick(operations, ['apiKeys.list', 'apiKeys.create', 'apiKeys.revoke']);
