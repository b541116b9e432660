import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openBlobStore } from './blobs.ts';
import { newBucket } from './bucket-handlers.ts';
import { compileScript, type FaultScript } from './faults.ts';
import type { AccessKey, SessionAuthority } from './identity.ts';
import { type Inspection, inspectionOf } from './inspect.ts';
import type { Bucket, Features, KmsKeyState, Limits, World } from './model.ts';
import { type LogEntry, type Service, serveRequest } from './serve.ts';

export interface S3ServerOptions {
  readonly port?: number;
  /** Keeps bytes as files in this folder; the index of objects stays in memory and ends with the server. */
  readonly folder?: string;
  /** Keeps no bytes of parts, only length and checksum; simple objects are kept. ETags become opaque. */
  readonly discard?: boolean;
  readonly region?: string;
  readonly account?: string;
  readonly credentials?: AccessKey;
  /** Further keys with all rights. */
  readonly keys?: readonly AccessKey[];
  readonly sessions?: SessionAuthority;
  /** Default: one bucket named `backups`. */
  readonly buckets?: readonly (Partial<Pick<Bucket, 'owner' | 'region' | 'versioning' | 'objectLock'>> & {
    readonly name: string;
  })[];
  readonly limits?: Partial<Limits>;
  readonly features?: Partial<Features>;
  readonly kmsKeys?: Readonly<Record<string, KmsKeyState>>;
  readonly script?: FaultScript;
  /** `md5` as in S3 without KMS, which costs time; default `md5`, and `opaque` when discarding. */
  readonly etags?: 'md5' | 'opaque';
  /** Whether the SHA-256 of a signed body is checked; default true, and false when discarding. */
  readonly checkPayload?: boolean;
}

export interface S3Server extends Inspection {
  readonly endpoint: string;
  readonly region: string;
  readonly account: string;
  readonly credentials: AccessKey;
  /** Assigning one starts its counts anew; an empty list makes the server faultless. */
  script: FaultScript;
  /** Shifts the server's clock: signatures, presigned URLs, `Date`, retention. */
  clockOffsetMs: number;
  readonly features: Features;
  readonly limits: Limits;
  /** Actions (`UploadPart`) or permissions (`s3:PutObject`) that everybody is refused. */
  readonly deny: Set<string>;
  readonly kmsKeys: Map<string, KmsKeyState>;
  /** Every request in the order of arrival; its status is 0 until answered, and stays so when it never is. */
  readonly log: readonly LogEntry[];
  /** Empties the log and starts the index of calls at 0 again. */
  clearLog(): void;
  close(): Promise<void>;
}

const LIMITS: Limits = {
  maxParts: 10_000,
  minPartBytes: 5 * 1024 * 1024,
  maxPartBytes: 5 * 1024 ** 3,
  maxObjectBytes: 5 * 1024 ** 3,
  equalParts: false,
};

/** Starts an S3-compatible server on 127.0.0.1. It speaks to the real SDK and breaks where its script says so. */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  if (options.folder !== undefined) await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const clock = { offset: 0 };
  const world = openWorld(options, () => Date.now() + clock.offset);
  const credentials = options.credentials ?? {
    accessKeyId: 'AKIATESTSERVER000001',
    secretAccessKey: 'test-secret-of-the-s3-server-0000000000000',
  };
  let script: FaultScript = options.script ?? [];
  const service: Service = {
    world,
    keys: [credentials, ...(options.keys ?? [])],
    sessions: options.sessions,
    deny: new Set(),
    log: [],
    attempts: new Map(),
    decide: compileScript(script),
  };
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 });
  server.on(
    'request',
    (request: IncomingMessage, response: ServerResponse) => void serveRequest(service, request, response),
  );
  server.on(
    'checkContinue',
    (request: IncomingMessage, response: ServerResponse) => void serveRequest(service, request, response),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    ...inspectionOf(world),
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: world.region,
    account: world.account,
    credentials,
    features: world.features,
    limits: world.limits,
    deny: service.deny,
    kmsKeys: world.kmsKeys,
    log: service.log,
    get script() {
      return script;
    },
    set script(next) {
      script = next;
      service.decide = compileScript(next);
    },
    get clockOffsetMs() {
      return clock.offset;
    },
    set clockOffsetMs(offset) {
      clock.offset = offset;
    },
    clearLog() {
      service.log.length = 0;
      service.attempts.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function openWorld(options: S3ServerOptions, now: () => number): World {
  const basis = { region: options.region ?? 'us-east-1', account: options.account ?? '111122223333' };
  const buckets = (options.buckets ?? [{ name: 'backups' }]).map((wanted): Bucket => {
    const bucket = Object.assign(newBucket(basis, wanted.name), wanted);
    if (bucket.objectLock) bucket.versioning = 'Enabled';
    return bucket;
  });
  const discard = options.discard === true;
  return {
    ...basis,
    buckets: new Map(buckets.map((bucket) => [bucket.name, bucket])),
    blobs: openBlobStore(options),
    features: { checksums: 'checked', conditions: 'honoured', ...options.features },
    limits: { ...LIMITS, ...options.limits },
    kmsKeys: new Map(Object.entries(options.kmsKeys ?? {})),
    etags: options.etags ?? (discard ? 'opaque' : 'md5'),
    // In discard mode the part's own checksum is the check; hashing all of it twice would make the server the bottleneck.
    checkPayload: options.checkPayload ?? !discard,
    computeChecksum: !discard,
    now,
  };
}
