import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** The service itself: open to everyone. */
export const handlers = pick(operations, ['openapi.get', 'health.get', 'ready.get', 'metrics.get']);
