import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** The way back. */
export const handlers = pick(operations, ['restores.list', 'restores.start', 'restores.get']);
