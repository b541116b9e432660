import { expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';

it('a failure has a cause only where one was given', () => {
  expect(Object.hasOwn(new Failure('usage', 'x', { remedy: 'y' }), 'cause')).toBe(false);
  expect(new Failure('usage', 'x', { cause: 'z' }).cause).toBe('z');
});
