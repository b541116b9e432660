import { type Client, makeClient } from '../src/contract/client.ts';
import { Failure } from '../src/domain/failure.ts';
import type { Secret } from '../src/domain/secret.ts';
import { type Config, readConfig } from '../src/runtime/config.ts';
import { type Outcome, openScreen, type Screen } from './screen.ts';
import { readSecret } from './secret-argument.ts';
import { findService, type ServiceAddress } from './service-address.ts';
import type { ServiceOptions } from './service-options.ts';
import { cancelOnSignals } from './signals.ts';

/** What a command that asks a service is given. */
export interface ServiceSession {
  readonly client: Client;
  readonly address: ServiceAddress;
  readonly config: Config;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  /** A secret by `env:NAME`, `file:PATH` or `-`; from then on it is hidden everywhere. */
  secret(source: string, what: string): Promise<Secret>;
}

/** Runs a command to its one result or refusal, and sets the exit code. */
export async function askService(
  options: ServiceOptions,
  work: (session: ServiceSession) => Promise<Outcome>,
): Promise<void> {
  const config = readConfig();
  const screen = openScreen({ ...options, colours: config.colours });
  const remedy = 'What the service has begun goes on: dbdump run list';
  const cancel = cancelOnSignals({ warn: screen.warn, remedy });
  try {
    const session = await openSession(options, { config, screen, signal: cancel.signal });
    process.exitCode = screen.finish(await work(session));
  } catch (error) {
    process.exitCode = screen.refuse(error);
  } finally {
    cancel.release();
  }
}

async function openSession(
  { server, apiKey, dataDir }: ServiceOptions,
  parts: Pick<ServiceSession, 'config' | 'screen' | 'signal'>,
): Promise<ServiceSession> {
  const { config, screen, signal } = parts;
  const secret = async (source: string, what: string) => {
    const value = await readSecret({ source, what, warn: screen.warn });
    screen.hide(value);
    return value;
  };
  const key = apiKey === undefined ? undefined : await secret(apiKey, 'API key');
  const address = await findService({ server, key, dataDir, config });
  requireKey(address);
  screen.hide(address.key);
  const client = makeClient({ baseUrl: address.server, bearer: address.key, signal });
  return { ...parts, client, address, secret };
}

type SignedIn = ServiceAddress & { readonly key: Secret };

/** Refuses where nobody is signed in, before the service is asked. */
function requireKey(address: ServiceAddress): asserts address is SignedIn {
  if (address.key !== undefined) return;
  throw new Failure('unauthenticated', `Nobody is signed in at ${address.server}.`, {
    remedy: 'Start a service here with npm start, or sign in at another one: dbdump login --server URL',
  });
}
