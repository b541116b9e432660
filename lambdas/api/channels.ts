import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** Who is told. */
export const handlers = pick(operations, [
  'channels.list',
  'channels.create',
  'channels.get',
  'channels.update',
  'channels.delete',
  'channels.test',
  'channels.rotateSecret',
  'channels.deliveries',
]);
