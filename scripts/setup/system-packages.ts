import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must, run } from './run.ts';

const MARK = 'Written by the set-up of Database Dump while it installs packages; it removes this file afterwards.';
const FORBIDDEN = 101;

/** Waits for another apt instead of failing, keeps every configuration file, asks nothing. */
const APT_OPTIONS = ['DPkg::Lock::Timeout=300', 'Dpkg::Options::=--force-confold', 'Dpkg::Options::=--force-confdef'];
const OPTIONS = APT_OPTIONS.flatMap((option) => ['-o', option]);
const QUIET = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', UCF_FORCE_CONFFOLD: '1' };

/** Fetches apt's lists. Throws with apt's last line. */
export async function refreshLists(): Promise<void> {
  await must('apt-get', ['update', ...OPTIONS], { env: QUIET });
}

/**
 * Installs the named Debian packages and what they need, nothing that is only recommended, removing nothing. No service
 * is started, stopped or restarted and no database cluster is made. `system` is the root folder, another one in tests.
 */
export async function installPackages(packages: readonly string[], system = '/'): Promise<void> {
  const release = guardSystem(system);
  try {
    const install = ['install', '-y', '--no-install-recommends', '--no-remove', ...OPTIONS, ...packages];
    await must('apt-get', install, { env: QUIET });
  } finally {
    release();
  }
}

/** Whether a policy of somebody else's lets packages start services: then none is installed. */
export async function servicesMayStart(system = '/'): Promise<boolean> {
  const policy = policyOf(system);
  if (!existsSync(policy) || isOurs(policy)) return false;
  const answer = await run('sh', ['-c', `"$0" postgresql restart; test $? -eq ${FORBIDDEN}`, policy]);
  return !answer.ok;
}

/** Whether apt would take a package away from this machine to install these; then they are not installed. */
export async function wouldRemove(packages: readonly string[]): Promise<boolean> {
  const plan = await run('apt-get', ['install', '--simulate', '--no-install-recommends', ...packages]);
  return /^Remv /m.test(plan.stdout);
}

/** Forbids service actions and new clusters until the returned function is called. */
function guardSystem(system: string): () => void {
  const clusters = join(system, 'etc/postgresql-common/createcluster.d/database-dump-setup.conf');
  const policy = policyOf(system);
  const files = existsSync(policy) && !isOurs(policy) ? [clusters] : [clusters, policy];
  for (const file of files) mkdirSync(dirname(file), { recursive: true });
  writeFileSync(clusters, `# ${MARK}\ncreate_main_cluster = false\nstart_conf = 'manual'\n`);
  if (files.includes(policy)) writeFileSync(policy, `#!/bin/sh\n# ${MARK}\nexit ${FORBIDDEN}\n`, { mode: 0o755 });
  return () => {
    for (const file of files) rmSync(file, { force: true });
  };
}

function policyOf(system: string): string {
  return join(system, 'usr/sbin/policy-rc.d');
}

/** One that an earlier set-up left because it was killed. */
function isOurs(policy: string): boolean {
  return readFileSync(policy, 'utf8').includes(MARK);
}
