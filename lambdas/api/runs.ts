import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** Everything that was or is being done. */
export const handlers = pick(operations, ['runs.list', 'runs.get', 'runs.log', 'runs.cancel']);
