import { randomUUID } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import { crc32Base64 } from '../crc32.ts';
import type { Capabilities, Storage } from '../storage.ts';
import { type AwsFacts, factsOf } from './aws-error.ts';
import type { Calls } from './calls.ts';
import { headObject } from './reading.ts';
import { encryption } from './writing.ts';

const WRONG_CRC = 'AAAAAA==';
const NOT_IMPLEMENTED = 501;

/**
 * Does once what a run will do, beginning with writes (F37, F38), and sees which promises the store keeps: a wrong checksum
 * and a second conditional write must be refused (F44). From then on this store is used by what was seen. Cleans up.
 */
export async function probeBucket(calls: Calls, storage: Storage): Promise<Capabilities> {
  const key = `database-dump-probe/${randomUUID()}`;
  const body = Buffer.from(key);
  Object.assign(calls.mode, { checksums: false, conditions: false });
  const keys = [key, `${key}-sum`];
  try {
    const capabilities = await tryOut(calls, storage, { key, body });
    await clean(calls, storage, keys);
    return capabilities;
  } catch (error) {
    // What went wrong first says more than what then goes wrong in tidying up.
    await clean(calls, storage, keys).catch(() => undefined);
    throw error;
  }
}

async function tryOut(
  calls: Calls,
  storage: Storage,
  { key, body }: { key: string; body: Uint8Array },
): Promise<Capabilities> {
  const { capabilities } = await learnModes(calls, { key, body });
  await tryUpload(storage, key);
  await readBack(storage, key, body);
  return capabilities;
}

/**
 * Writes the object and sees which promises are kept; from then on these calls go by it. It is written with its condition
 * from the first, since buckets may be told to take nothing without; a store that does not know conditions gets none.
 */
export async function learnModes(
  calls: Calls,
  { key, body }: { readonly key: string; readonly body: Uint8Array },
): Promise<{ readonly versionId: string | undefined; readonly capabilities: Capabilities }> {
  const first = await firstPut(calls, { ...put(calls, key, body), IfNoneMatch: '*' });
  const careful = first.careful ? { IfNoneMatch: '*' } : {};
  calls.mode.checksums = await refuses(calls, {
    ...put(calls, `${key}-sum`, body),
    ...careful,
    ChecksumCRC32: WRONG_CRC,
  });
  calls.mode.conditions =
    first.careful && (await refuses(calls, { ...put(calls, key, body), ...careful, ...sum(calls, body) }));
  const { versionId } = first;
  const versioned = versionId !== undefined && versionId !== 'null';
  return {
    versionId,
    capabilities: { conditionalWrites: calls.mode.conditions, checksums: calls.mode.checksums, versioned },
  };
}

async function firstPut(calls: Calls, input: Put): Promise<{ versionId: string | undefined; careful: boolean }> {
  const { IfNoneMatch: _condition, ...plain } = input;
  return calls.call({ action: 's3:PutObject' }, async (client, options) => {
    try {
      const { VersionId } = await client.send(new PutObjectCommand(input), options);
      return { versionId: VersionId, careful: true };
    } catch (error) {
      const { status, code } = factsOf(error);
      // An earlier try whose answer was lost has written it.
      if (status === 412) return { versionId: undefined, careful: true };
      if (status !== NOT_IMPLEMENTED && code !== 'NotImplemented') throw error;
      const { VersionId } = await client.send(new PutObjectCommand(plain), options);
      return { versionId: VersionId, careful: false };
    }
  });
}

type Put = ConstructorParameters<typeof PutObjectCommand>[0];

function put(calls: Calls, key: string, body: Uint8Array): Put {
  return { ...calls.object(key), ...encryption(calls), Body: body, ContentLength: body.byteLength };
}

function sum(calls: Calls, body: Uint8Array): { ChecksumCRC32?: string } {
  return calls.mode.checksums ? { ChecksumCRC32: crc32Base64(body) } : {};
}

/** Whether a put that must be refused was. One that the store does not know how to judge (501) counts as a promise not kept. */
async function refuses(calls: Calls, input: Put): Promise<boolean> {
  return calls.call({ action: 's3:PutObject' }, (client, options) =>
    client.send(new PutObjectCommand(input), options).then(
      () => false,
      (error: unknown) => {
        const verdict = refusalIn(factsOf(error), input);
        if (verdict === undefined) throw error;
        return verdict;
      },
    ),
  );
}

function refusalIn({ status, code }: AwsFacts, { ChecksumCRC32 }: Put): boolean | undefined {
  if (status === NOT_IMPLEMENTED || code === 'NotImplemented') return false;
  const wanted = ChecksumCRC32 === WRONG_CRC ? status === 400 && !isOther(code) : status === 412;
  return wanted ? true : undefined;
}

// Refusals with status 400 that say nothing about the checksum.
function isOther(code: string): boolean {
  return /Expired|Skew|Token|RequestTimeout|IncompleteBody|AuthorizationHeader|Region|KMS/.test(code);
}

async function tryUpload(storage: Storage, key: string): Promise<void> {
  const upload = await storage.upload(`${key}-parts`, { purpose: 'probe' });
  try {
    await upload.abort();
  } catch (error) {
    // The refusal is what the probe is for; one that passes is still no reason to leave the upload there.
    await upload.abort().catch(() => undefined);
    throw error;
  }
}

async function readBack(storage: Storage, key: string, body: Uint8Array): Promise<void> {
  const found = await storage.get(key);
  if (found === undefined || Buffer.compare(found.body, body) !== 0)
    throw unfit(storage, 'does not give back what was written');
  for await (const listed of storage.list(key)) if (listed.key === key) return;
  throw unfit(storage, 'does not list what was written');
}

// Every version: a store that ignored the condition or the checksum has made more than one. A bucket that locks all objects keeps them a while.
async function clean(calls: Calls, storage: Storage, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    for (let left = 3; left > 0 && (await headObject(calls, key)) !== undefined; left -= 1) {
      const locked = await storage.remove(key).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Failure && (error.code === 'storage_locked' || error.code === 'clock_skew')) return true;
          throw error;
        },
      );
      if (locked) break;
    }
  }
}

function unfit(storage: Storage, what: string): Failure {
  return new Failure('storage_unsupported', `${storage.url} ${what}.`, { remedy: 'Choose another store.' });
}
