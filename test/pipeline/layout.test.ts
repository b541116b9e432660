import { describe, expect, it } from '@jest/globals';
import {
  backupFolder,
  databaseFolder,
  databaseId,
  folderOf,
  MANIFEST_NAME,
  MARKER_NAME,
  nameOf,
  REPORTS_FOLDER,
} from '../../src/pipeline/layout.ts';

const address = { engine: 'postgres', host: 'db', port: 5432, database: 'Shop Ünï' };

describe('where a backup lies', () => {
  // Written out, since stores are full of them: another id is another database.
  it('is told by an id that stays the same for the same address', () => {
    expect(databaseId(address)).toBe('86e69badc2d3');
    expect(databaseFolder(address)).toBe(`shop-u-ni-${databaseId(address)}`);
    expect(databaseFolder(address, 'given')).toBe('shop-u-ni-given');
    for (const change of [{ engine: 'mysql' }, { host: 'db2' }, { port: 1 }, { database: 'shop' }]) {
      expect(databaseId({ ...address, ...change })).not.toBe(databaseId(address));
    }
  });

  it('F30 differs for each attempt of a run', () => {
    const at = new Date('2026-11-24T10:03:07.999Z');

    expect(backupFolder('shop-1', at, { id: 'run', attempt: 1 })).toBe('shop-1/2026/11/24T100307Z-run');
    expect(backupFolder('shop-1', at, { id: 'run', attempt: 2 })).toBe('shop-1/2026/11/24T100307Z-run-2');
  });

  it('is split at the last slash of a key', () => {
    expect(['a/b/c', 'c', '/c', 'a/'].map(folderOf)).toEqual(['a/b', '', '', 'a']);
    expect(['a/b/c', 'c', '/c', 'a/'].map(nameOf)).toEqual(['c', 'c', 'c', '']);
    expect([MANIFEST_NAME, MARKER_NAME, REPORTS_FOLDER]).toEqual(['manifest.json', 'running.json', 'reports']);
  });
});
