import { readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import { cacheFolders } from '../process/cache-folders.ts';

/** An empty variable means the same as one that is not set. */
const Text = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

const Environment = z.object({
  DATABASE_DUMP_HOME: Text,
  DATABASE_DUMP_CACHE: Text,
  XDG_DATA_HOME: Text,
  XDG_CACHE_HOME: Text,
  XDG_CONFIG_HOME: Text,
  DATABASE_DUMP_SERVER: Text,
  DATABASE_DUMP_API_KEY: Text,
  PATH: Text,
  CI: Text,
  NO_COLOR: Text,
  TERM: Text,
});

/** Everything this process takes from its environment, read once. */
export interface Config {
  /** Where keys and the recovery kit live unless `--data-dir` says otherwise. */
  readonly dataFolder: string;
  /** Where the command line keeps its sign-in. */
  readonly configFolder: string;
  /** A service and its key, as a pipeline of CI gives them. */
  readonly server: string | undefined;
  readonly apiKey: Secret | undefined;
  /** Private caches of tools, the writable one first. */
  readonly caches: readonly string[];
  readonly path: string;
  /** Where a run's own folder is made. */
  readonly temporary: string;
  readonly root: boolean;
  readonly inCi: boolean;
  /** Whether a terminal may be given colours. */
  readonly colours: boolean;
}

/** The only reader of `process.env` in the product. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const values = Environment.parse(environment);
  const root = process.getuid?.() === 0;
  const home = homedir();
  return {
    dataFolder:
      values.DATABASE_DUMP_HOME ??
      join(absolute(values.XDG_DATA_HOME) ?? join(home, '.local', 'share'), 'database-dump'),
    configFolder: join(absolute(values.XDG_CONFIG_HOME) ?? join(home, '.config'), 'database-dump'),
    server: values.DATABASE_DUMP_SERVER,
    apiKey: values.DATABASE_DUMP_API_KEY === undefined ? undefined : new Secret(values.DATABASE_DUMP_API_KEY),
    caches: cacheFolders({
      platform: process.platform,
      root,
      home,
      chosen: values.DATABASE_DUMP_CACHE,
      xdg: values.XDG_CACHE_HOME,
    }),
    path: values.PATH ?? '',
    temporary: tmpdir(),
    root,
    inCi: values.CI === 'true' || values.CI === '1',
    colours: values.NO_COLOR === undefined && values.TERM !== 'dumb',
  };
}

/** A variable that the user named, `env:NAME`; undefined where it is not set or empty. */
export function namedVariable(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}

/** The XDG rules ignore a relative folder. */
function absolute(folder: string | undefined): string | undefined {
  return folder?.startsWith('/') ? folder : undefined;
}

const Service = z.object({
  CATALOG_URL: Text,
  CATALOG_OWNER_URL: Text,
  CATALOG_QUEUE_URL: Text,
  PUBLIC_URL: Text.pipe(z.url({ protocol: /^https?$/ }).optional()),
  ALLOWED_RANGES: Text,
  CREDENTIAL_COMMANDS: Text,
  PRINCIPAL_ARN: Text.pipe(
    z
      .string()
      .regex(/^arn:aws[a-z-]*:iam::\d{12}:(?:role|user)\/[\w+=,.@/-]{1,512}$/)
      .optional(),
  ),
  SMTP_URL: Text.pipe(z.url({ protocol: /^smtps?$/ }).optional()),
  SMTP_FROM: Text,
  SMTP_PASSWORD_FILE: Text,
  OIDC_ISSUER: Text.pipe(z.url({ protocol: /^https$/ }).optional()),
  OIDC_AUDIENCE: Text,
  OIDC_SCOPE: Text,
});

/** What the service takes from its environment. */
export interface ServiceConfig {
  /** A catalog elsewhere: as its role `app`, as the owner of its tables, and as the owner of the queue's. */
  readonly catalog: { readonly app: Secret; readonly owner: Secret; readonly queue: Secret } | undefined;
  /** Where people reach the service, if not at the address that it listens on. */
  readonly publicUrl: string | undefined;
  /** Private ranges that may be dialled, separated by commas (F87). */
  readonly allowedRanges: readonly string[];
  /** Absolute paths of programs that may give credentials, separated by commas. */
  readonly credentialCommands: readonly string[];
  /** The mail server for notices, and the sender they name. */
  readonly mail: MailConfig | undefined;
  /** Who clients' roles must trust: the role or user that this service has at AWS. */
  readonly principalArn: string | undefined;
  readonly oidc: { readonly issuer: string; readonly audience: string; readonly scope: string } | undefined;
}

export interface MailConfig {
  readonly host: string;
  readonly port: number;
  /** `smtps:` is TLS from the first byte, `smtp:` STARTTLS; none only where the server is this machine. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly login: { readonly user: string; readonly password: Secret } | undefined;
  readonly from: string;
}

export function readServiceConfig(environment: NodeJS.ProcessEnv = process.env): ServiceConfig {
  const read = Service.safeParse(environment);
  if (!read.success) throw unusable(String(read.error.issues[0]?.path[0]));
  const { OIDC_ISSUER: issuer, ...rest } = read.data;
  const { OIDC_AUDIENCE: audience, OIDC_SCOPE: scope } = rest;
  if (issuer !== undefined && (audience === undefined || scope === undefined)) throw unusable('OIDC_AUDIENCE');
  return {
    catalog: catalogOf(rest),
    publicUrl: rest.PUBLIC_URL,
    allowedRanges: listIn(rest.ALLOWED_RANGES),
    credentialCommands: listIn(rest.CREDENTIAL_COMMANDS),
    principalArn: rest.PRINCIPAL_ARN,
    mail: mailOf(rest),
    oidc: issuer && audience && scope ? { issuer, audience, scope } : undefined,
  };
}

function listIn(text = ''): string[] {
  return text.split(',').flatMap((item) => item.trim() || []);
}

function catalogOf(given: Omit<z.infer<typeof Service>, 'OIDC_ISSUER'>): ServiceConfig['catalog'] {
  const { CATALOG_URL: app, CATALOG_OWNER_URL: owner, CATALOG_QUEUE_URL: queue } = given;
  if (app && owner && queue) return { app: new Secret(app), owner: new Secret(owner), queue: new Secret(queue) };
  if (app === undefined && owner === undefined && queue === undefined) return undefined;
  throw unusable(app === undefined ? 'CATALOG_URL' : owner === undefined ? 'CATALOG_OWNER_URL' : 'CATALOG_QUEUE_URL');
}

const MAIL_PORTS = { tls: 465, starttls: 587, none: 25 } as const;

/** `smtps://user@host`, the password in a file or in the URL. */
function mailOf(given: Omit<z.infer<typeof Service>, 'OIDC_ISSUER'>): MailConfig | undefined {
  const { SMTP_URL: address, SMTP_FROM: from, SMTP_PASSWORD_FILE: file } = given;
  if (address === undefined) return undefined;
  if (from === undefined) throw unusable('SMTP_FROM');
  const url = new URL(address);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const user = decodeURIComponent(url.username);
  const password = file === undefined ? decodeURIComponent(url.password) : readFileSync(file, 'utf8').trim();
  const plain = ['127.0.0.1', '::1', 'localhost'].includes(host) && url.searchParams.get('tls') === 'none';
  const security = url.protocol === 'smtps:' ? 'tls' : plain ? 'none' : 'starttls';
  return {
    host,
    port: url.port === '' ? MAIL_PORTS[security] : Number(url.port),
    security,
    login: user === '' ? undefined : { user, password: new Secret(password) },
    from,
  };
}

/** Everything that this process was given, for a process of ours that takes a part of its work: it is as trusted as we are. */
export function ownEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function unusable(name: string): Failure {
  return new Failure('usage', `The variable ${name} cannot be used as it is.`, {
    remedy:
      'Set CATALOG_URL with CATALOG_OWNER_URL and CATALOG_QUEUE_URL, OIDC_ISSUER with OIDC_AUDIENCE and OIDC_SCOPE, SMTP_URL with SMTP_FROM, or none of them.',
  });
}
