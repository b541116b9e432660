import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** What can be backed up, and what it needs. */
export const handlers = pick(operations, ['engines.list', 'engines.guide']);
