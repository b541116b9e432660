import type { Toolbox } from '../../../src/process/tools.ts';
import type { Host } from './host.ts';
import { mongodbHosts } from './mongodb-host.ts';
import { mysqlHosts } from './mysql-host.ts';
import { postgresHosts } from './postgres-host.ts';

/** Every server that can be started here, for every engine. A new engine adds its line. */
const HOSTS: readonly ((tools: Toolbox) => readonly Host[])[] = [postgresHosts, mysqlHosts, mongodbHosts];

export function allHosts(tools: Toolbox): readonly Host[] {
  return HOSTS.flatMap((hosts) => hosts(tools));
}
