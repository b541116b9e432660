import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** The figures of the first screen. */
export const handlers = pick(operations, ['overview.get', 'usage.get']);
