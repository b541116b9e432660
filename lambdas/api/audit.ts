import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** What was changed, and whether the record is whole. */
export const handlers = pick(operations, ['audit.list', 'audit.verify']);
