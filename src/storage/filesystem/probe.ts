import { randomUUID } from 'node:crypto';
import { Failure } from '../../domain/failure.ts';
import type { Capabilities, Storage } from '../storage.ts';

/** Does on a folder what a run will do, and cleans up after itself. A folder that cannot serve is refused by name. */
export async function probeFolder(storage: Storage): Promise<Capabilities> {
  const key = `database-dump-probe/${randomUUID()}`;
  const body = Buffer.from(key);
  try {
    await storage.put(key, body, { ifAbsent: true, metadata: { purpose: 'probe' } });
    const conditionalWrites = await refuses('storage_conflict', () => storage.put(key, body, { ifAbsent: true }));
    const back = await storage.get(key);
    if (back === undefined || !body.equals(back.body)) throw unfit(storage, 'does not give back what was written');
    if (!(await lists(storage, key))) throw unfit(storage, 'does not list what was written');
    return { conditionalWrites, checksums: await checksWrongSum(storage, `${key}-sum`), versioned: false };
  } finally {
    await storage.remove(key);
  }
}

async function checksWrongSum(storage: Storage, key: string): Promise<boolean> {
  const upload = await storage.upload(key, {});
  try {
    await upload.part(1, Buffer.from('probe'));
    return await refuses('backup_damaged', () => upload.complete({ bytes: 5, crc32: 'AAAAAA==' }));
  } finally {
    await upload.abort();
  }
}

async function lists(storage: Storage, key: string): Promise<boolean> {
  for await (const found of storage.list(key)) if (found.key === key) return true;
  return false;
}

async function refuses(code: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof Failure && error.code === code) return true;
    throw error;
  }
}

function unfit(storage: Storage, what: string): Failure {
  return new Failure('storage_unsupported', `${storage.url} ${what}.`, { remedy: 'Choose a folder on a local disk.' });
}
