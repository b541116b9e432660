import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { Secret } from '../../src/domain/secret.ts';
import { openStorage } from '../../src/storage/registry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { RetryPolicy, S3Config, StorageContext } from '../../src/storage/store-config.ts';
import type { AccessKey } from '../support/s3-server/identity.ts';
import { type S3Server, type S3ServerOptions, startS3Server } from '../support/s3-server/s3-server.ts';
import { hasVersitygw, startVersitygw, VERSITYGW_INSTALL } from '../support/versitygw.ts';

/** A store to test, and another way into it, as a second process would have. */
export interface Bench {
  readonly storage: Storage;
  /** A second instance over the same objects. */
  open(context?: StorageContext): Storage;
  close(): Promise<void>;
}

export interface Kind {
  /** Key in the registry. */
  readonly kind: string;
  readonly name: string;
  start(): Promise<Bench>;
}

export const SMALL_PART = 64 * 1024;
/** No store of the S3 kind need take smaller ones. */
const REAL_PART = 5 * 1024 * 1024;

export const QUICK_RETRIES: RetryPolicy = { attempts: 12, baseMs: 1, capMs: 10, budget: 500 };

export const KINDS: readonly Kind[] = [
  { kind: 'filesystem', name: 'a folder', start: startFolder },
  { kind: 's3', name: 'our S3 server', start: startOurs },
  ...(hasVersitygw() ? [{ kind: 's3', name: 'versitygw', start: startReal }] : missing()),
];

function missing(): readonly Kind[] {
  if (process.env.CI === 'true') throw new Error(`versitygw is not there: ${VERSITYGW_INSTALL}`);
  process.stdout.write(`skipped: the storage suite on versitygw. Install it: ${VERSITYGW_INSTALL}\n`);
  return [];
}

async function startFolder(): Promise<Bench> {
  const root = await mkdtemp(join(tmpdir(), 'store-'));
  return bench(
    (context) => openStorage({ kind: 'filesystem', root }, { partBytes: SMALL_PART, ...context }),
    () => rm(root, { recursive: true, force: true }),
  );
}

async function startOurs(): Promise<Bench> {
  const server = await startS3Server({ limits: { minPartBytes: 1 } });
  return bench(
    (context) => openOn(server, {}, context),
    () => server.close(),
  );
}

async function startReal(): Promise<Bench> {
  const server = await startVersitygw();
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    credentials: server.credentials,
    forcePathStyle: true,
  });
  await client.send(new CreateBucketCommand({ Bucket: 'backups' }));
  client.destroy();
  return bench(
    (context) => openOn(server, {}, { partBytes: REAL_PART, ...context }),
    () => server.close(),
  );
}

function bench(open: (context?: StorageContext) => Storage, end: () => Promise<void>): Bench {
  const opened: Storage[] = [];
  const openOne = (context?: StorageContext): Storage => {
    const storage = open(context);
    opened.push(storage);
    return storage;
  };
  const close = async (): Promise<void> => {
    for (const storage of opened) await storage.close();
    await end();
  };
  return { storage: openOne(), open: openOne, close };
}

interface Address {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
}

/** An S3 store on a server, with parts of 64 KiB and waits of milliseconds. */
export function openOn(server: Address, config: Partial<S3Config> = {}, context: StorageContext = {}): Storage {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const whole: S3Config = {
    kind: 's3',
    bucket: 'backups',
    prefix: 'tenant/one',
    region: server.region,
    endpoint: server.endpoint,
    pathStyle: true,
    role: undefined,
    expectedOwner: undefined,
    kmsKeyId: undefined,
    keys: { id: new Secret(accessKeyId), secret: new Secret(secretAccessKey) },
    partsPerObject: 8192,
    ...config,
  };
  const storage = openStorage(whole, { partBytes: SMALL_PART, retry: QUICK_RETRIES, ...context });
  OPENED.push(storage);
  return storage;
}

const OPENED: Storage[] = [];

/** A server for one test and a store on it. */
export async function withServer<T>(options: S3ServerOptions, work: (server: S3Server) => Promise<T>): Promise<T> {
  const server = await startS3Server({ ...options, limits: { minPartBytes: 1, ...options.limits } });
  try {
    return await work(server);
  } finally {
    for (const storage of OPENED.splice(0)) await storage.close();
    await server.close();
  }
}
