import { type Client, makeClient } from '../src/contract/client.ts';
import { problemOf } from '../src/domain/failure.ts';
import { readConfig } from '../src/runtime/config.ts';
import type { Check } from './rescue/doctor.ts';
import { readSecret } from './secret-argument.ts';
import { findService, type ServiceAddress } from './service-address.ts';
import { ServiceOptions } from './service-options.ts';

const PATIENCE_MS = 5_000;

/** The service as a person meets it: it answers, it is ready, its tools are sound, and it knows who asks. */
export async function checkService(given: unknown): Promise<Check[]> {
  const options = ServiceOptions.pick({ server: true, apiKey: true, dataDir: true }).parse(given);
  try {
    const { apiKey, server, dataDir } = options;
    const warn = () => undefined;
    const key = apiKey === undefined ? undefined : await readSecret({ source: apiKey, what: 'API key', warn });
    const address = await findService({ server, key, dataDir, config: readConfig() });
    if (address.key === undefined && address.found === 'the usual address')
      return [{ name: 'service', verdict: 'ok', detail: 'none known here; rescue needs none' }];
    return await checkAddress(address);
  } catch (error) {
    return [failed('service', error)];
  }
}

async function checkAddress({ server, key, found }: ServiceAddress): Promise<Check[]> {
  const client = makeClient({ baseUrl: server, bearer: key, timeoutMs: PATIENCE_MS, attempts: 1 });
  try {
    const { version, status, tools } = await client.call('health.get');
    const bad = tools.filter(({ ok }) => !ok).map(({ name, reason }) => `${name}: ${reason ?? 'not sound'}`);
    const health: Check =
      status === 'ok'
        ? { name: 'service', verdict: 'ok', detail: `${version} at ${server}, by ${found}` }
        : {
            name: 'service',
            verdict: 'warn',
            detail: `${version} at ${server}: ${bad.join('; ') || 'zstd is missing'}`,
            remedy: 'Install or upgrade what it names on the machine of the service.',
          };
    return [health, await checkReady(client), await checkKey(client)];
  } catch (error) {
    return [failed('service', error)];
  }
}

async function checkReady(client: Client): Promise<Check> {
  try {
    await client.call('ready.get');
    return { name: 'ready', verdict: 'ok', detail: 'takes work' };
  } catch (error) {
    return failed('ready', error);
  }
}

async function checkKey(client: Client): Promise<Check> {
  try {
    const { member, tenant } = await client.call('me.get');
    return { name: 'signed in', verdict: 'ok', detail: `${member.name}, ${member.role} of ${tenant.name}` };
  } catch (error) {
    return failed('signed in', error);
  }
}

function failed(name: string, error: unknown): Check {
  const { detail, remedy, code } = problemOf(error);
  return { name, verdict: 'fail', detail, code, ...(remedy === undefined ? {} : { remedy }) };
}
