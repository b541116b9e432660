import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** What would be kept. */
export const handlers = pick(operations, ['retention.preview']);
