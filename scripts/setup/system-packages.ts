import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { must, type Outcome, run } from './run.ts';

const POLICY = '/usr/sbin/policy-rc.d';
const CLUSTER_SETTING = '/etc/postgresql-common/createcluster.d/database-dump-setup.conf';
const MARK = 'Written by the set-up of Database Dump while it installs packages; it removes this file afterwards.';
const FORBIDDEN = 101;

/** Waits for another apt instead of failing, keeps every configuration file, asks nothing. */
const APT_OPTIONS = [
  '-o',
  'DPkg::Lock::Timeout=300',
  '-o',
  'Dpkg::Options::=--force-confold',
  '-o',
  'Dpkg::Options::=--force-confdef',
];
const QUIET = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', UCF_FORCE_CONFFOLD: '1' };

/** Fetches apt's lists. Throws with apt's last line. */
export async function refreshLists(): Promise<void> {
  await must('apt-get', ['update', ...APT_OPTIONS], { env: QUIET });
}

/**
 * Installs the named Debian packages and what they need, nothing that is only recommended, removing nothing.
 * No service is started, stopped or restarted and no database cluster is made. Throws with apt's last line.
 */
export async function installPackages(packages: readonly string[]): Promise<void> {
  if (packages.length === 0) return;
  const release = guardSystem();
  try {
    const wanted = ['install', '-y', '--no-install-recommends', '--no-remove', ...APT_OPTIONS, ...packages];
    await must('apt-get', wanted, { env: QUIET });
  } finally {
    release();
  }
}

/** Forbids service actions and new clusters until the returned function is called. Throws where an own policy allows them. */
function guardSystem(): () => void {
  mkdirSync('/etc/postgresql-common/createcluster.d', { recursive: true });
  writeFileSync(CLUSTER_SETTING, `# ${MARK}\ncreate_main_cluster = false\nstart_conf = 'manual'\n`);
  const ours = !existsSync(POLICY) || readFileSync(POLICY, 'utf8').includes(MARK);
  if (ours) writeFileSync(POLICY, `#!/bin/sh\n# ${MARK}\nexit ${FORBIDDEN}\n`, { mode: 0o755 });
  return () => {
    rmSync(CLUSTER_SETTING, { force: true });
    if (ours) rmSync(POLICY, { force: true });
  };
}

/** Whether a policy of somebody else's would let packages start services: then none is installed. */
export async function servicesMayStart(): Promise<boolean> {
  if (!existsSync(POLICY) || readFileSync(POLICY, 'utf8').includes(MARK)) return false;
  const answer = await run('sh', ['-c', `${POLICY} postgresql restart; test $? -eq ${FORBIDDEN}`]);
  return !answer.ok;
}

/** Whether apt would take away a package of this machine to install these; then they are not installed. */
export async function wouldRemove(packages: readonly string[]): Promise<boolean> {
  const plan: Outcome = await run('apt-get', ['install', '--simulate', '--no-install-recommends', ...packages]);
  return /^Remv /m.test(plan.stdout);
}
