import { expect, it } from '@jest/globals';
import { slug } from '../../src/domain/backup.ts';

it('a slug begins and ends with a letter or digit, is cut at forty, and is never empty', () => {
  expect(slug('--a--b--')).toBe('a-b');
  expect(slug('  Ünï  ')).toBe('u-ni');
  expect(slug('x'.repeat(50))).toBe('x'.repeat(40));
  expect(slug('☃')).toBe('database');
});
