import type { LookupFunction } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import type { CredentialSource, Deadlines, S3Config, StorageContext } from '../store-config.ts';
import { RenewingSession, roleSource } from './session.ts';
import type { StoreClock } from './store-clock.ts';

export const DEADLINES: Deadlines = { connectMs: 10_000, idleMs: 60_000, requestMs: 600_000 };
const SOCKETS = 16;

/**
 * The SDK's client as everything here needs it: its own retries off, so that tries are counted in one place; its own
 * checksums off, since ours are computed natively; no `Expect: 100-continue`, which costs a connection per part.
 */
export function makeClient(
  config: S3Config,
  session: RenewingSession,
  options: { clock: StoreClock; deadlines: Deadlines; lookup: LookupFunction | undefined },
): S3Client {
  const { clock, deadlines, lookup } = options;
  const agent = { keepAlive: true, maxSockets: SOCKETS, ...(lookup === undefined ? {} : { lookup }) };
  const client = new S3Client({
    region: config.region,
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
    forcePathStyle: config.pathStyle,
    maxAttempts: 1,
    followRegionRedirects: false,
    expectContinueHeader: false,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Marked as memoized: the SDK would keep a session until five minutes before its end, and ours renews at half its life.
    credentials: Object.assign(() => session.credentials(), { memoized: true }),
    requestHandler: {
      connectionTimeout: deadlines.connectMs,
      socketTimeout: deadlines.idleMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
  watchClock(client, clock);
  if (isProtected(config.endpoint)) leaveBodiesUnsigned(client);
  return client;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether nobody in between can change what is sent: TLS, or no way between at all. */
function isProtected(endpoint: string | undefined): boolean {
  if (endpoint === undefined) return true;
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'https:' || LOOPBACK.test(hostname);
}

/**
 * A signature over a body costs a SHA-256 of it, a third of what sending costs. Where the transport keeps it whole the store
 * takes the signature over everything else, and the part's own checksum guards against mistakes (AWS: UNSIGNED-PAYLOAD).
 */
function leaveBodiesUnsigned(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args as { readonly request?: { headers?: Record<string, string>; body?: unknown } };
      if (request?.headers !== undefined && request.body instanceof Uint8Array)
        request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'leaveBodiesUnsigned', override: true },
  );
}

// Nearest to the wire, so that refusals are seen as well as answers.
function watchClock(client: S3Client, clock: StoreClock): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const sentAt = clock.ours();
      const result = await next(args);
      clock.note(dateOf(result.response), sentAt);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'watchStoreClock', override: true },
  );
}

function dateOf(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const headers = response.headers as Readonly<Record<string, string | undefined>>;
  return headers.date;
}

/** Where this store's credentials come from: its keys, those handed in, or the SDK's standard chain; through a role where one is set. */
export function openSession(config: S3Config, context: StorageContext, clock: StoreClock): RenewingSession {
  const base = keysOf(config) ?? context.credentials;
  const source =
    config.role === undefined
      ? (base ?? standardChain(config.region))
      : roleSource(config.role, roleOptions(config, context, base));
  const { signal, retry, random } = context;
  return new RenewingSession(source, { now: () => clock.sessionNow(), signal, retry, random });
}

function roleOptions(
  config: S3Config,
  context: StorageContext,
  base: CredentialSource | undefined,
): Parameters<typeof roleSource>[1] {
  return { region: config.region, base, endpoint: context.stsEndpoint };
}

function keysOf({ keys }: S3Config): CredentialSource | undefined {
  if (keys === undefined) return undefined;
  return async () => ({ accessKeyId: keys.id.reveal(), secretAccessKey: keys.secret.reveal() });
}

function standardChain(region: string): CredentialSource {
  const { credentials } = new S3Client({ region }).config;
  return (options) => credentials(options);
}
