/**
 * The wire server as a program that takes `mongod`'s options: `node main.ts --dbpath=… --port=…`. What a real one would
 * not take is refused here too, so that a test notices a misspelt option.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startMongoServer } from './mongo-server.ts';

const VERSION = '7.0.14';

const { values } = parseArgs({
  options: {
    version: { type: 'boolean' },
    dbpath: { type: 'string' },
    port: { type: 'string' },
    bind_ip: { type: 'string' },
    nounixsocket: { type: 'boolean' },
    auth: { type: 'boolean' },
    quiet: { type: 'boolean' },
    wiredTigerCacheSizeGB: { type: 'string' },
    setParameter: { type: 'string', multiple: true },
  },
});

if (values.version) {
  console.log(`db version v${VERSION}\nBuild Info: {}`);
} else {
  const { dbpath = '', port = '', bind_ip: address } = values;
  if (address !== '127.0.0.1' || !existsSync(dbpath)) {
    console.error(`no folder ${dbpath}, or not on loopback`);
    process.exit(100);
  }
  // A real one keeps its process id in its folder too.
  writeFileSync(join(dbpath, 'mongod.lock'), String(process.pid));
  await startMongoServer({ version: VERSION, port: Number(port), auth: values.auth === true });
}
