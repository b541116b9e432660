/** Prints a line `<engine> <product> <series>` for every server that can be started on this machine. */
import { testTools } from '../postgres-server.ts';
import { allHosts } from './hosts.ts';

for (const { engine, product, series } of allHosts(await testTools())) console.log(`${engine} ${product} ${series}`);
