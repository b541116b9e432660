import { writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { DatabaseSettings } from '../contract/resources/places.ts';
import { type AllowedRanges, requireDialable } from '../domain/address.ts';
import { Failure } from '../domain/failure.ts';
import type { Secret } from '../domain/secret.ts';
import type { Connection, Workbench } from '../engines/engine.ts';
import type { CredentialSource, Resolver, Vault } from '../platform/platform.ts';
import { openTunnel } from '../platform/ssh-tunnel.ts';
import type { DatabaseLook, OpenDatabase } from './runtime.ts';

export interface DiallingParts {
  readonly vault: Pick<Vault, 'open'>;
  readonly resolver: Resolver;
  /** Private ranges that may be dialled for clients (F87). */
  readonly allowed: AllowedRanges;
}

export interface DiallingWish {
  readonly runId: string;
  readonly bench: Pick<Workbench, 'folder' | 'signal'>;
}

const CA_FILE = 'client-authorities.pem';

/**
 * Makes a client's database reachable for one piece of work. Its name is resolved here, once; every address it has is
 * checked; what is dialled from then on is the address that was checked, while the name stays for TLS (F87, F88). Behind a
 * bastion it is the bastion that is checked and pinned; it looks up the database for itself, in the client's own network.
 */
export function openClientDatabase(parts: DiallingParts) {
  return async (look: DatabaseLook, wish: DiallingWish): Promise<OpenDatabase> => {
    const { settings } = look;
    // Before any secret is read: an address that must not be dialled is refused for nothing.
    const address = await checkedAddress(parts, settings.tunnel?.host ?? settings.host);
    const password = look.password ?? (await passwordOf(parts, look, wish));
    const base = await connectionOf(look, password, wish);
    if (settings.tunnel === undefined) return { connection: { ...base, address }, close: async () => undefined };
    const tunnel = await openTunnel({
      ...settings.tunnel,
      address,
      privateKey: await keyOf(parts, look, wish),
      target: { host: unbracketed(settings.host), port: settings.port },
      signal: wish.bench.signal,
    });
    return {
      connection: { ...base, address: tunnel.address, port: tunnel.port, ownPort: settings.port },
      close: tunnel.close,
    };
  };
}

/** The address that stands for the name from now on. */
async function checkedAddress({ resolver, allowed }: DiallingParts, name: string): Promise<string> {
  const host = unbracketed(name);
  const addresses = isIP(host) === 0 ? await resolver.addresses(host) : [host];
  return requireDialable(host, addresses, allowed);
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

async function connectionOf(
  { engine, settings }: DatabaseLook,
  password: Secret | undefined,
  { bench }: DiallingWish,
): Promise<Connection> {
  const { mode, ca } = settings.tls;
  const caFile = ca === undefined ? undefined : join(bench.folder, CA_FILE);
  // Nothing secret; each engine hands its programs a copy that they can read.
  if (caFile !== undefined) await writeFile(caFile, ca ?? '', { mode: 0o600 });
  return {
    engine,
    host: unbracketed(settings.host),
    port: settings.port,
    user: settings.user,
    password,
    database: settings.databaseName ?? '',
    tls: caFile === undefined ? { mode } : { mode, caFile },
    options: settings.options,
  };
}

async function passwordOf({ vault }: DiallingParts, look: DatabaseLook, { runId }: DiallingWish) {
  const { tenantId, externalId, settings, sealed } = look;
  const { host, port, user, credential } = settings;
  return vault.open({
    source: sourceOf(credential),
    tenantId,
    externalId,
    runId,
    sealed: sealed === undefined ? undefined : { secret: sealed.secret, what: `database ${sealed.databaseId}` },
    login: { host: unbracketed(host), port, user },
  });
}

/** As the vault knows it: without the password that a request may have brought. */
function sourceOf(credential: DatabaseSettings['credential']): CredentialSource {
  if (credential.kind === 'sealed') return { kind: 'sealed' };
  if (credential.kind !== 'secret') return credential;
  const { field, ...rest } = credential;
  return field === undefined ? rest : { ...rest, field };
}

async function keyOf({ vault }: DiallingParts, look: DatabaseLook, { runId }: DiallingWish): Promise<Secret> {
  const { tenantId, externalId, settings } = look;
  const { host, port, user, privateKey } = settings.tunnel ?? {};
  if (host === undefined || port === undefined || user === undefined || privateKey === undefined)
    throw new Failure('internal', 'A tunnel without its settings was asked for.');
  const key = await vault.open({
    source: privateKey,
    tenantId,
    externalId,
    runId,
    sealed: undefined,
    login: { host, port, user },
  });
  if (key !== undefined) return key;
  throw new Failure('authentication_failed', 'The private key of the tunnel is empty.', {
    remedy: 'Say with tunnel.privateKey where it is.',
  });
}
