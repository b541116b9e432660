import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Local } from '../src/runtime/local.ts';

type Server = Awaited<ReturnType<Local['startServer']>>;

export interface SampleFacts {
  readonly tables: number;
  readonly rows: number;
  readonly bytes: number;
  /** Whether it was made just now. */
  readonly fresh: boolean;
}

/** The shop in the embedded server; made where it is not there, or not to its end. */
export async function ensureSample(local: Local, server: Server): Promise<SampleFacts> {
  const fresh = (await server.script(await script('sample-exists.sql'), { database: 'postgres' })) !== 't';
  if (fresh) await makeSample(local, server);
  const facts = await server.script(await script('sample-facts.sql'), { database: 'shop' });
  const [tables = 0, rows = 0, bytes = 0] = facts.split('|').map(Number);
  return { tables, rows, bytes, fresh };
}

async function makeSample(local: Local, server: Server): Promise<void> {
  const secrets = { SAMPLE_PASSWORD: await local.samplePassword() };
  await server.script(await script('sample-account.sql'), { database: 'postgres', secrets });
  // One transaction, owned by the shop's user like everything in it.
  await server.script(`begin; set local role shop;\n${await script('sample.sql')}\ncommit; vacuum analyze;`, {
    database: 'shop',
  });
}

function script(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, name), 'utf8');
}
