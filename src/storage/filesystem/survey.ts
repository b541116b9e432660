import { statfs } from 'node:fs/promises';
import type { Storage, Survey } from '../storage.ts';
import { FieldBook } from '../survey.ts';

/** With less, not even a small backup would fit beside what else the disk is for. */
const LEAST_FREE_BYTES = 256 * 1024 * 1024;
const MIB = 1024 * 1024;

/** Does in the folder what a run will do, and looks whether there is room. */
export async function surveyFolder(storage: Storage, root: string): Promise<Survey> {
  const book = new FieldBook();
  const capabilities = await book.allowed('write, read, list and remove', () => storage.probe());
  if (capabilities !== undefined) {
    const { bavail, bsize } = await statfs(root);
    const free = bavail * bsize;
    const remedy = free < LEAST_FREE_BYTES ? ' Make room, or choose another disk.' : '';
    book.saw('free space', free >= LEAST_FREE_BYTES, `${Math.floor(free / MIB)} MiB are free.${remedy}`);
  }
  return { findings: book.findings, capabilities };
}
