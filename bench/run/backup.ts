import { parseArgs } from 'node:util';
import { backUpAlone } from '../../src/pipeline/protect.ts';
import { openRescue } from '../../src/runtime/rescue.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { DiscardingStorage } from './discarding-storage.ts';

// A backup and no verification: the pipeline as the command line runs it, to a store or to none.
// usage: node bench/run/start.ts backup [--to STORE_URL] [--rate-limit BYTES] [--repeat]    (DATABASE_URL and credentials in the environment)
const { values } = parseArgs({
  options: {
    to: { type: 'string' },
    'rate-limit': { type: 'string' },
    repeat: { type: 'boolean', default: false },
  },
});
const rateLimit = values['rate-limit'] === undefined ? undefined : Number(values['rate-limit']);

const rescue = await openRescue({
  dataDir: undefined,
  trust: [],
  identities: [],
  signal: new AbortController().signal,
  note: () => undefined,
  progress: () => undefined,
});
const { engine, connection } = rescue.connect(process.env.DATABASE_URL ?? '');

async function once(storage: Storage) {
  return backUpAlone(await rescue.needs(engine, storage), {
    source: connection,
    type: 'full',
    include: [],
    exclude: [],
    compression: { algorithm: 'zstd', level: 3 },
    recipients: [],
    rateLimit,
    sizeCap: undefined,
    plainHash: false,
    sourceDigest: false,
    passwordHashes: false,
    inactivityMs: 300_000,
    lockWaitMs: 30_000,
    blockLimitMs: 0,
  });
}

const storage = values.to === undefined ? new DiscardingStorage() : rescue.openStore(values.to);
try {
  await rescue.signer();
  let made = await once(storage);
  while (values.repeat) made = await once(storage);
  const { plain, stored } = made.body;
  console.log(JSON.stringify({ plain: plain.bytes, stored: stored.bytes }));
} finally {
  await storage.close();
  rescue.close();
}
