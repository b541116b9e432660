import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** People who may join. */
export const handlers = pick(operations, ['invitations.list', 'invitations.create', 'invitations.revoke']);
