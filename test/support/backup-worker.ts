import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Secret } from '../../src/domain/secret.ts';
import type { DumpSession } from '../../src/engines/engine.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { databaseFolder } from '../../src/pipeline/layout.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { signerOf } from '../../src/pipeline/seal.ts';
import { makeRunner } from '../../src/process/child.ts';
import { findTools } from '../../src/process/tools.ts';
import { openStorage } from '../../src/storage/registry.ts';
import { connectionTo, StubEngine } from './stub-engine.ts';

/**
 * One backup of whatever a command writes, in a process of its own, to be measured or killed: reads its task as JSON from
 * the first argument, prints one line of JSON.
 */
const Task = z.object({
  program: z.string(),
  args: z.array(z.string()),
  runId: z.string(),
  store: z.union([
    z.object({ root: z.string() }),
    z.object({
      endpoint: z.string(),
      region: z.string(),
      bucket: z.string(),
      accessKeyId: z.string(),
      secretAccessKey: z.string(),
    }),
  ]),
  partBytes: z.number().optional(),
});
const task = Task.parse(JSON.parse(process.argv[2] ?? ''));

class CommandEngine extends StubEngine {
  override async openDump(): Promise<DumpSession> {
    const session = await super.openDump({ folder }, connectionTo('shop'));
    return { ...session, command: { program: task.program, args: task.args } };
  }
}

const folder = mkdtempSync(join(tmpdir(), 'backup-worker-'));
const tools = await findTools({ path: process.env.PATH ?? '', caches: [] });
const setpriv = tools.all('setpriv')[0]?.path;
const engine = new CommandEngine();
engine.databases.set('shop', { tables: {}, values: {}, objects: {} });
const storage = openStorage(
  'root' in task.store
    ? { kind: 'filesystem', root: task.store.root }
    : {
        kind: 's3',
        bucket: task.store.bucket,
        prefix: 'p',
        region: task.store.region,
        endpoint: task.store.endpoint,
        pathStyle: true,
        role: undefined,
        expectedOwner: undefined,
        kmsKeyId: undefined,
        keys: { id: new Secret(task.store.accessKeyId), secret: new Secret(task.store.secretAccessKey) },
        partsPerObject: 8192,
      },
  task.partBytes === undefined ? {} : { partBytes: task.partBytes },
);
const bench = {
  tools,
  runner: makeRunner({ folder, user: undefined, setpriv, stdbuf: undefined }),
  signal: new AbortController().signal,
  runId: task.runId,
  folder,
  note: () => undefined,
};
const signer = signerOf(generateKeyPairSync('ed25519').privateKey);
const needs = {
  storage,
  engine,
  bench,
  signer,
  trusted: [signer.publicKey],
  identities: [],
  now: () => new Date(),
  progress: () => undefined,
};
const source = connectionTo('shop');
const lease = await takeRunMarker(needs, databaseFolder(source), { renewMs: 1000 });
const idleMiB = highestResidentMiB();
const started = performance.now();
const { body, key } = await backup(needs, {
  source,
  lease,
  type: 'full',
  include: [],
  exclude: [],
  compression: { algorithm: 'zstd', level: 3 },
  recipients: [],
  rateLimit: undefined,
  sizeCap: undefined,
  plainHash: false,
  sourceDigest: false,
  passwordHashes: false,
  inactivityMs: 60_000,
  lockWaitMs: 1000,
  blockLimitMs: 0,
});
const seconds = (performance.now() - started) / 1000;
await lease.release();
rmSync(folder, { recursive: true });
const { userCPUTime, systemCPUTime } = process.resourceUsage();
console.log(
  JSON.stringify({
    key,
    publicKey: signer.publicKey,
    plain: body.plain.bytes,
    stored: body.stored.bytes,
    rssMiB: highestResidentMiB(),
    idleMiB,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    seconds,
  }),
);

/** Of this program alone: getrusage also counts what the forking parent held at the moment of exec. */
function highestResidentMiB(): number {
  const status = '/proc/self/status';
  if (!existsSync(status)) return Math.round(process.resourceUsage().maxRSS / 1024);
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]) / 1024);
}
