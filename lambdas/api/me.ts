import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** Who is asking. */
export const handlers = pick(operations, ['me.get']);
