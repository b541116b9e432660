import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunnerWish } from './runner-process/main.ts';
import type { WorkflowWorld } from './workflow-world.ts';

const MAIN = join(import.meta.dirname, 'runner-process', 'main.ts');

/** A runner in a process of its own, which can be killed and started again. */
export interface KilledRunner {
  /** Folder of the stores. */
  readonly root: string;
  start(): Promise<void>;
  kill(): Promise<void>;
  remove(): Promise<void>;
}

export function killedRunner(
  { world, queueUrl }: Pick<WorkflowWorld, 'world' | 'queueUrl'>,
  wish: Pick<RunnerWish, 'slowMs' | 'concurrency' | 'perTenant'>,
): KilledRunner {
  const root = mkdtempSync(join(tmpdir(), 'killed-runner-'));
  const { privateKey } = generateKeyPairSync('ed25519');
  const given: RunnerWish = {
    ...wish,
    appUrl: world.appUrl.reveal(),
    queueUrl: queueUrl.reveal(),
    root,
    keyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
  let child: ChildProcess | undefined;
  let gone: Promise<unknown> = Promise.resolve();
  const kill = async () => {
    child?.kill('SIGKILL');
    await gone;
  };
  return {
    root,
    start: async () => {
      const started = spawn(process.execPath, [MAIN, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] });
      child = started;
      gone = new Promise((resolve) => started.once('exit', resolve));
      await new Promise<void>((resolve, reject) => {
        started.stdout?.once('data', () => resolve());
        void gone.then(() => reject(new Error('the runner ended')));
      });
    },
    kill,
    remove: async () => {
      await kill();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
