import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** Browser sessions: one-time links in, sign-out. */
export const handlers = pick(operations, ['session.signIn', 'session.signOut']);
