import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** What a restore without the service takes. */
export const handlers = pick(operations, ['recoveryKit.get']);
