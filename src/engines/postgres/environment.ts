import { existsSync } from 'node:fs';
import { Failure } from '../../domain/failure.ts';
import type { Secret } from '../../domain/secret.ts';
import type { Connection, TlsMode } from '../engine.ts';

/** Where Linux distributions and macOS keep the certificate authorities that the system trusts. */
const SYSTEM_AUTHORITIES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
  '/etc/ssl/ca-bundle.pem',
] as const;

/** From this major on a client refuses by itself what a server must not ask for. */
const FIRST_WITH_REQUIRE_AUTH = 16;

/** URL options this engine takes; see docs/engines. */
export const OPTIONS = ['connect_timeout', 'require_auth'] as const;

export interface LibpqWish {
  /** Reaches pg_stat_activity, at most 63 bytes. */
  readonly applicationName: string;
  /** Major version of the client program. */
  readonly clientMajor: number;
  /** Settings for the session, `-c name=value`; empty for none. */
  readonly serverOptions?: string;
  /** The certificate authorities' file, where the child can read it. */
  readonly caFile?: string | undefined;
}

/**
 * Everything libpq is told, by environment alone: database, host, user and password are taken literally there, whatever
 * they look like, and no service, password or certificate file of this machine is read (F81, F82, F84).
 */
export function libpqEnvironment(source: Connection, wish: LibpqWish) {
  const env: Record<string, string> = {
    PGHOST: requireOneHost(source.host),
    PGPORT: String(source.port),
    PGUSER: requireText(source.user, 'user name'),
    PGDATABASE: requireText(source.database, 'database name'),
    PGAPPNAME: wish.applicationName,
    PGSERVICEFILE: '/dev/null',
    PGSYSCONFDIR: '/dev/null',
    PGPASSFILE: '/dev/null',
    PGGSSENCMODE: 'disable',
    PGCONNECT_TIMEOUT: String(connectSeconds(source)),
    PGSSLMODE: source.tls.mode,
    // Text of timestamps with a time zone must not depend on the server's settings: content is compared by its text.
    PGTZ: 'UTC',
    ...certificates(source.tls.mode, wish.caFile),
    ...allowedAnswers(source, wish.clientMajor),
  };
  if (source.address !== undefined) env.PGHOSTADDR = source.address;
  if (wish.serverOptions) env.PGOPTIONS = wish.serverOptions;
  const secrets: Record<string, Secret> = source.password === undefined ? {} : { PGPASSWORD: source.password };
  return { env, secrets };
}

/** Whether the server's identity is proven before a password could be sent. */
export function isVerified(mode: TlsMode): boolean {
  return mode === 'verify-full' || mode === 'verify-ca';
}

/** Seconds to wait for a connection. */
export function connectSeconds(source: Connection): number {
  const wanted = Number(source.options.connect_timeout ?? '15');
  return Number.isInteger(wanted) && wanted >= 2 && wanted <= 300 ? wanted : 15;
}

/**
 * How an unproven server may ask for the password: by SCRAM, which does not give it away, or not at all (F103). A server
 * whose certificate was checked may ask in any way, as cloud log-ins do. `require_auth` in the URL is the explicit consent
 * to something else.
 */
export function authenticationRule(source: Connection): string | undefined {
  const consent = source.options.require_auth;
  if (consent !== undefined) return consent;
  return isVerified(source.tls.mode) ? undefined : 'scram-sha-256,none';
}

function allowedAnswers(source: Connection, clientMajor: number): Record<string, string> {
  const rule = authenticationRule(source);
  if (rule === undefined) return {};
  if (clientMajor >= FIRST_WITH_REQUIRE_AUTH) return { PGREQUIREAUTH: rule };
  // Older clients know only this way to refuse clear text; it needs TLS, SCRAM and a password.
  const bindable = source.tls.mode === 'require' && source.password !== undefined;
  return bindable && source.options.require_auth === undefined ? { PGCHANNELBINDING: 'require' } : {};
}

function certificates(mode: TlsMode, caFile: string | undefined): Record<string, string> {
  if (!isVerified(mode)) return {};
  const file = caFile ?? systemAuthorities();
  if (file === undefined) {
    throw new Failure('tls_refused', 'No file of certificate authorities was found on this machine.', {
      remedy: 'Name one with sslrootcert=/path/to/ca.pem in the database URL.',
    });
  }
  return { PGSSLROOTCERT: file };
}

/** The system's own list of certificate authorities. */
export function systemAuthorities(): string | undefined {
  return SYSTEM_AUTHORITIES.find((file) => existsSync(file));
}

/** libpq reads a comma in a host as a list of hosts, each of which would be offered the password. */
function requireOneHost(host: string): string {
  if (host === '' || host.includes(',')) {
    throw new Failure('usage', 'The host is empty or a list of hosts.', { remedy: 'Name exactly one server.' });
  }
  return requireText(host, 'host');
}

function requireText(text: string, what: string): string {
  if (text === '' || text.includes('\0')) {
    throw new Failure('usage', `The ${what} is empty or holds a NUL.`, { remedy: `Name the ${what} in the URL.` });
  }
  return text;
}
