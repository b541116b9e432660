import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startJobRunner } from '../../../local/job-runner.ts';
import { openCatalog } from '../../../src/catalog/catalog.ts';
import { Secret } from '../../../src/domain/secret.ts';
import { signerOf } from '../../../src/pipeline/seal.ts';
import { openStorage } from '../../../src/storage/registry.ts';
import { dump } from '../../../src/workflows/backup/dump.ts';
import type { TaskWork } from '../../../src/workflows/task.ts';
import { standIns, stubRuntime, stubTasks } from '../workflow-world.ts';

/** A process that does runs until it is killed: the real runner, queue, catalog and stores of folders; a stand-in for the server. */
export interface RunnerWish {
  readonly appUrl: string;
  readonly queueUrl: string;
  /** Folder of the stores, one for each destination. */
  readonly root: string;
  readonly keyPem: string;
  /** Milliseconds that a task is slower at most, before and after its work. */
  readonly slowMs: number;
  readonly concurrency: number;
  readonly perTenant: number;
}

const wish = JSON.parse(process.argv[2] ?? '') as RunnerWish;

const slow: TaskWork = async (task) => {
  task.progress({ phase: 'probe' });
  await sleep(Math.random() * wish.slowMs);
  const result = await dump(task);
  await sleep(Math.random() * wish.slowMs);
  return result;
};

const parts = standIns({
  catalog: await openCatalog({ url: new Secret(wish.appUrl) }),
  signer: signerOf(createPrivateKey(wish.keyPem)),
  openStore: (id) => openStorage({ kind: 'filesystem', root: join(wish.root, id) }),
  work: slow,
});
const runtime = stubRuntime(parts);
const { concurrency, perTenant } = wish;
await startJobRunner({
  ...{ runtime, tasks: stubTasks(parts, runtime), queueUrl: new Secret(wish.queueUrl), concurrency, perTenant },
  alone: true,
  sweepMs: 500,
  pace: () => 0,
});
process.stdout.write('ready\n');
