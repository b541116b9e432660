import { parseArgs } from 'node:util';
import { originOf, storedPlain } from '../../src/pipeline/decode.ts';
import { findBackup } from '../../src/pipeline/list.ts';
import { openRescue } from '../../src/runtime/rescue.ts';

// A restore into a new database and no comparison afterwards, in one pass over the stored bytes or checked first (two).
// usage: node bench/run/start.ts restore --from STORE_URL --passes 1|2 --new-name NAME    (DATABASE_URL and credentials in the environment)
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '' },
    passes: { type: 'string', default: '2' },
    'new-name': { type: 'string', default: '' },
  },
});

const rescue = await openRescue({
  dataDir: undefined,
  trust: [],
  identities: [],
  signal: new AbortController().signal,
  note: () => undefined,
  progress: () => undefined,
});
const { engine, connection } = rescue.connect(process.env.DATABASE_URL ?? '');
const storage = rescue.openStore(values.from);
try {
  const { manifest } = await findBackup({ storage, trusted: await rescue.trusted() }, 'latest');
  const needs = await rescue.needs(engine, storage);
  const origin = originOf(manifest);
  const target = { ...connection, database: values['new-name'] };
  const plain = storedPlain(needs, manifest);
  if (values.passes === '2') await plain.check();
  await engine.admin(needs.bench).create(connection, target.database, origin.inventory?.facts ?? {});
  await engine.restore(needs.bench, plain, {
    origin,
    request: { target, type: 'full', inPlace: false, only: [], owners: true, acls: true, roles: {} },
  });
} finally {
  await storage.close();
  rescue.close();
}
