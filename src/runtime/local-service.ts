import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog, OwnedId } from '../catalog/catalog.ts';
import type { Secret } from '../domain/secret.ts';
import { engines } from '../engines/registry.ts';
import { anotherOwnerKey, bootstrapTenant } from '../operations/bootstrap.ts';
import { accessTokens, type Issuer, localSubject } from '../operations/identity/access-token.ts';
import { oidcIssuer } from '../operations/identity/oidc.ts';
import { makeSignInLink } from '../operations/identity/sign-in.ts';
import { tokenHash } from '../operations/identity/token.ts';
import { makeVerifier, type Verifier } from '../operations/identity/verifier.ts';
import { type LocalDownloads, localDownloads } from '../platform/local/download-door.ts';
import type { EmbeddedServer } from '../platform/local/embedded-postgres.ts';
import { openLocalIssuer } from '../platform/local/issuer.ts';
import { openLoans } from '../platform/local/loans.ts';
import { logFile, openLog } from '../platform/local/log.ts';
import { pinnedRequest } from '../platform/pinned-request.ts';
import type { Launcher } from '../platform/platform.ts';
import { systemResolver } from '../platform/system-resolver.ts';
import { writeSecret } from '../process/data-folder.ts';
import { openClientDatabase } from './client-database.ts';
import { clientStoreSurvey, clientStores } from './client-store.ts';
import { readServiceConfig, type ServiceConfig } from './config.ts';
import type { Local } from './local.ts';
import { type Background, startBackground } from './local-background.ts';
import { localBenches } from './local-bench.ts';
import { openLocalCatalog } from './local-catalog.ts';
import { localNotices } from './local-notices.ts';
import { lateLauncher, lateTimetable, type TaskStarter, taskStarter } from './local-platform.ts';
import { localStores } from './local-stores.ts';
import { openVault } from './local-vault.ts';
import type { Runtime } from './runtime.ts';
import { makeSurveyor } from './surveyor.ts';

export interface LocalServiceOptions {
  readonly local: Local;
  readonly server: EmbeddedServer;
  readonly version: string;
  /** Where the service listens, for links and for Host and Origin checks. */
  readonly listenUrl: string;
}

/** The service on one machine, before anybody listens. */
export interface LocalService {
  readonly runtime: Runtime;
  /** The queue's own login to the catalog's server. */
  readonly queueUrl: Secret;
  /** The catalog is this machine's own: no other service works on its runs. */
  readonly alone: boolean;
  readonly tasks: TaskStarter;
  /** Links that were given out, for whoever serves them. */
  readonly downloads: LocalDownloads;
  /** Says who starts runs from now on, and begins with everything that goes on by itself; to be stopped before that one is. */
  begin(launcher: Launcher): Pick<Background, 'stop'>;
  readonly verifier: Verifier;
  /** Holds an API key of the owner (0600). */
  readonly keyFile: string;
  /** A new one-time link for the owner. */
  signInLink(): Promise<string>;
  close(): Promise<void>;
}

export async function openLocalService(options: LocalServiceOptions): Promise<LocalService> {
  const { local, server } = options;
  const config = readServiceConfig();
  const lines = logFile(join(local.dataFolder, 'service.log'));
  const { catalog, queueUrl } = await openLocalCatalog(config, local, server);
  const close = async () => {
    await catalog.close();
    lines.close();
  };
  try {
    return { ...(await serviceOn(options, { config, catalog, log: openLog(lines) })), queueUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function serviceOn(
  options: LocalServiceOptions,
  parts: Parts,
): Promise<Omit<LocalService, 'queueUrl' | 'close'>> {
  const { local } = options;
  const { config, catalog } = parts;
  const { runtime, ...work } = await assemble(options, parts);
  const keyFile = join(local.dataFolder, 'owner.key');
  const owner = await ensureOwner(catalog, { keyFile, ownerFile: local.secretFile('owner.json') });
  // For the command line, which finds the service by it.
  await writeSecret(join(local.dataFolder, 'service.url'), `${options.listenUrl}\n`);
  const issuers = await issuersOf(local, config, runtime);
  return {
    runtime,
    alone: config.catalog === undefined,
    ...work,
    verifier: makeVerifier({ catalog, tokens: accessTokens(issuers, runtime.now), now: runtime.now }),
    keyFile,
    // Behind #, so that it is in no log of a server or proxy.
    signInLink: async () => `${runtime.installation.publicUrl}/sign-in#${await makeSignInLink(runtime, owner)}`,
  };
}

interface Parts {
  readonly config: ServiceConfig;
  readonly catalog: Catalog;
  readonly log: Runtime['log'];
}

async function assemble(options: LocalServiceOptions, { config, catalog, log }: Parts) {
  const { local, version, listenUrl } = options;
  const { rescue } = local;
  const { workshop } = rescue;
  const { signer } = await rescue.signer();
  const { dataFolder } = local;
  const { runner } = workshop;
  const vault = await openVault({ dataFolder, commands: config.credentialCommands, runner, loans: openLoans() });
  const stores = localStores(catalog, { dataFolder, config });
  const resolver = systemResolver();
  const runs = lateLauncher();
  const slots = lateTimetable();
  const downloads = localDownloads(() => runtime.installation.publicUrl);
  const runtime: Runtime = {
    catalog,
    log,
    engines,
    vault,
    resolver,
    launcher: runs.launcher,
    timetable: slots.timetable,
    notices: localNotices(config, resolver),
    downloads,
    tools: workshop.tools,
    signer,
    trusted: await rescue.trusted(),
    identities: [],
    surveyor: makeSurveyor({
      engines,
      openBench: localBenches(workshop),
      openDatabase: openClientDatabase({ vault, resolver, allowed: config.allowedRanges }),
      surveyStore: clientStoreSurvey(stores),
    }),
    openStorage: clientStores(stores),
    installation: {
      version,
      publicUrl: (config.publicUrl ?? listenUrl).replace(/\/$/, ''),
      allowedRanges: config.allowedRanges,
      principalArn: config.principalArn,
      kind: 'one-machine',
    },
    now: () => new Date(),
  };
  const tasks = taskStarter({ dataFolder: local.dataFolder, workshop }, vault);
  const begin = (launcher: Launcher) => {
    runs.bind(launcher);
    const background = startBackground(runtime);
    slots.bind(background.timetable);
    return background;
  };
  return { runtime, tasks, downloads, begin };
}

async function issuersOf(local: Local, config: ServiceConfig, runtime: Runtime): Promise<Issuer[]> {
  const own = await openLocalIssuer(local.secretFile('issuer-key.pem'));
  const { issuer, audience, scope } = own;
  const issuers: Issuer[] = [{ issuer, audience, scope, subject: localSubject, keys: async () => own.keys }];
  if (config.oidc !== undefined)
    issuers.push(oidcIssuer(config.oidc, { fetchJson: fetcher(runtime), now: runtime.now }));
  return issuers;
}

const MOST_KEYS_BYTES = 256 * 1024;

function fetcher({ resolver, installation }: Runtime) {
  const rules = { resolver, allowed: installation.allowedRanges, mostBytes: MOST_KEYS_BYTES };
  return async (url: string): Promise<unknown> => {
    const { status, body } = await pinnedRequest(
      { url, method: 'GET', headers: { accept: 'application/json' } },
      rules,
    );
    if (status !== 200) throw new Error(`${url} answered ${status}`);
    return JSON.parse(body);
  };
}

/** The owner of this machine's first tenant; their key's file is written anew where it is gone or revoked. */
async function ensureOwner(
  catalog: Catalog,
  { keyFile, ownerFile }: { readonly keyFile: string; readonly ownerFile: string },
): Promise<OwnedId> {
  const known = existsSync(ownerFile) ? (JSON.parse(readFileSync(ownerFile, 'utf8')) as OwnedId) : undefined;
  const owner = known ?? { tenantId: randomUUID(), id: randomUUID() };
  // Written down before it is made: whoever is stopped in between makes this one the next time, and never a second.
  if (known === undefined) await writeSecret(ownerFile, JSON.stringify(owner));
  const key = existsSync(keyFile) ? readFileSync(keyFile, 'utf8').trim() : '';
  const held = key === '' ? undefined : await catalog.find.apiKey(tokenHash(key));
  if (held?.tenantId !== owner.tenantId) await writeSecret(keyFile, `${await ownerKey(catalog, owner)}\n`);
  return owner;
}

async function ownerKey(catalog: Catalog, owner: OwnedId): Promise<string> {
  const { tenantId } = owner;
  if ((await catalog.find.tenants()).includes(tenantId)) return anotherOwnerKey({ catalog }, tenantId);
  const first = { name: 'This machine', email: 'owner@localhost.localdomain', owner };
  return (await bootstrapTenant({ catalog }, first)).key;
}
