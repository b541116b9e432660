import { describe, expect, it } from '@jest/globals';
import { type CacheQuestion, cacheFolders } from '../../src/process/cache-folders.ts';

const PERSON: CacheQuestion = { platform: 'linux', root: false, home: '/home/p', chosen: undefined, xdg: undefined };

describe('the private cache', () => {
  it.each([
    [
      "a person's is below the home, and root's is read",
      {},
      ['/home/p/.cache/database-dump', '/var/cache/database-dump'],
    ],
    [
      "root's is outside its home, where the tools' users can reach it",
      { root: true, home: '/root' },
      ['/var/cache/database-dump'],
    ],
    ['the XDG folder is kept to', { xdg: '/x' }, ['/x/database-dump', '/var/cache/database-dump']],
    ['a relative XDG folder is ignored', { xdg: 'x' }, ['/home/p/.cache/database-dump', '/var/cache/database-dump']],
    [
      'on macOS it is where caches are',
      { platform: 'darwin' },
      ['/home/p/Library/Caches/database-dump', '/var/cache/database-dump'],
    ],
    ['a chosen one is the only one', { chosen: '/c', root: true }, ['/c']],
    ['an empty choice is none', { chosen: '', root: true }, ['/var/cache/database-dump']],
  ] as const)('%s', (_, facts, folders) => {
    expect(cacheFolders({ ...PERSON, ...facts })).toEqual(folders);
  });
});
