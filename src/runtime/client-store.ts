import { realpath } from 'node:fs/promises';
import { isIP, type LookupFunction } from 'node:net';
import { dirname, sep } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { found } from '../catalog/repositories/changing.ts';
import { getDestination } from '../catalog/repositories/destinations.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { Destination, type S3Place } from '../contract/resources/places.ts';
import { type AllowedRanges, pinnedLookup, requireDialable } from '../domain/address.ts';
import { Failure } from '../domain/failure.ts';
import { placeOf } from '../operations/destination-place.ts';
import { rolePolicies } from '../operations/role-permissions.ts';
import type { Resolver } from '../platform/platform.ts';
import { surveyFolder } from '../storage/filesystem/survey.ts';
import { joinSessions } from '../storage/joined.ts';
import { openStorage } from '../storage/registry.ts';
import { roleSource } from '../storage/s3/session.ts';
import type { Capabilities, Storage, Survey } from '../storage/storage.ts';
import {
  type CredentialSource,
  PARTS_PER_OBJECT,
  type S3Config,
  type StorageContext,
} from '../storage/store-config.ts';
import { FieldBook } from '../storage/survey.ts';
import type { StoragePurpose, StorageRequest } from './runtime.ts';

export interface StoreParts {
  readonly catalog: Pick<Catalog, 'withTenant'>;
  readonly resolver: Resolver;
  /** Private ranges that endpoints may be in (F87). */
  readonly allowed: AllowedRanges;
  /** Folders, by their real paths, that nobody's backups go into: where the service keeps its own. */
  readonly privateFolders: readonly string[];
  /** Besides: retries, an STS of one's own, what may assume clients' roles. */
  readonly context?: Omit<StorageContext, 'reading' | 'lookup' | 'capabilities'>;
}

interface Wish extends Pick<StorageRequest, 'runId'> {
  readonly externalId: string;
  readonly capabilities: Capabilities | undefined;
}

/**
 * Opens a tenant's destination for one purpose. A bucket by the role for that purpose, in sessions that are narrowed to the
 * place and its verbs (F97); what it looks at is looked at by the role that reads. A folder as it is.
 */
export function clientStores(parts: StoreParts) {
  return async (request: StorageRequest): Promise<Storage> => {
    const { place, ...wish } = await lookUp(parts, request);
    if (place.filesystem !== undefined) return openFolder(parts, place.filesystem.path);
    if (place.s3 === undefined) throw new Failure('internal', 'The destination has no place.');
    await requireEndpoint(parts, place.s3);
    return openBucket(parts, place.s3, { ...wish, purpose: request.purpose });
  };
}

/** Tries at a tenant's destination what runs will need, and what its roles must be refused. */
export function clientStoreSurvey(parts: StoreParts) {
  return async (request: Omit<StorageRequest, 'purpose'>): Promise<Survey> => {
    const { place, externalId, runId } = await lookUp(parts, request);
    const { filesystem, s3 } = place;
    if (filesystem !== undefined) {
      const root = folderOf(filesystem.path);
      return surveyFolder(await openFolder(parts, root), root);
    }
    if (s3 === undefined) throw new Failure('internal', 'The destination has no place.');
    await requireEndpoint(parts, s3);
    if (s3.writeRoleArn === undefined) return surveyOwn(openStorage(configOf(s3), contextFor(parts)));
    const { surveyBucket } = await import('../storage/s3/survey.ts');
    const { writeRoleArn: write, readRoleArn: read, deleteRoleArn: remove } = s3;
    return surveyBucket({
      config: configOf(s3),
      context: contextFor(parts),
      externalId,
      sessionName: sessionName(runId),
      roles: { write, ...(read === undefined ? {} : { read }), ...(remove === undefined ? {} : { delete: remove }) },
      locked: s3.objectLock !== 'none',
    });
  };
}

/** By this machine's own credentials, which may all that a run needs. */
async function surveyOwn(storage: Storage): Promise<Survey> {
  const book = new FieldBook();
  try {
    const capabilities = await book.allowed('write, read, list and remove', () => storage.probe());
    return { findings: book.findings, capabilities };
  } finally {
    await storage.close();
  }
}

async function lookUp({ catalog }: StoreParts, request: Omit<StorageRequest, 'purpose'>) {
  const { tenantId, destinationId, runId } = request;
  return catalog.withTenant(tenantId, async (trx) => {
    const row = found(await getDestination(trx, destinationId), 'destination');
    const capabilities = Destination.shape.capabilities.parse(row.capabilities ?? undefined);
    return { place: placeOf(row), externalId: (await getTenant(trx)).external_id, capabilities, runId };
  });
}

async function openFolder({ privateFolders }: StoreParts, path: string): Promise<Storage> {
  const root = folderOf(path);
  const real = await deepestReal(root);
  // Neither in one of them nor around one: what is removed from a store must never be the service's own.
  if (privateFolders.some((folder) => isWithin(real, folder) || isWithin(folder, real))) {
    throw new Failure('storage_denied', `${path} lies among what the service keeps for itself.`, {
      remedy: 'Choose another folder.',
    });
  }
  return openStorage({ kind: 'filesystem', root });
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function folderOf(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}

/** Where the path leads, as far as it exists. */
async function deepestReal(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined || path === dirname(path)) return real ?? path;
  return `${await deepestReal(dirname(path))}${path.slice(dirname(path).length)}`;
}

/** An endpoint of a client's choosing is as suspect as a database's host: refused at once, and looked at again each time it is dialled. */
async function requireEndpoint({ resolver, allowed }: StoreParts, { endpoint }: S3Place): Promise<void> {
  if (endpoint === undefined) return;
  const url = new URL(endpoint);
  if (!['https:', 'http:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new Failure('usage', 'The endpoint is not a plain http or https address.', {
      remedy: 'Leave credentials out.',
    });
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  requireDialable(host, isIP(host) === 0 ? await addressesOf(resolver, host) : [host], allowed);
}

/** A name that nobody knows is that of a store here, and of no database. */
async function addressesOf(resolver: Resolver, host: string): Promise<readonly string[]> {
  try {
    return await resolver.addresses(host);
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'database_unreachable')) throw error;
    const remedy = 'Check the spelling of the endpoint, and the DNS of this machine.';
    throw new Failure('storage_unreachable', error.message, { remedy, cause: error });
  }
}

function checkedLookup({ resolver, allowed }: StoreParts): LookupFunction {
  return (host, options, done) => {
    addressesOf(resolver, host)
      .then((addresses) => requireDialable(host, addresses, allowed))
      .then(
        (address) => pinnedLookup(address)(host, options, done),
        (error: Error) => done(error, ''),
      );
  };
}

function contextFor(parts: StoreParts): StorageContext {
  return { ...parts.context, lookup: checkedLookup(parts) };
}

/** Writing also looks at what it wrote; a killed attempt's volumes are removed by the role that deletes, where there is one. */
function openBucket(parts: StoreParts, place: S3Place, wish: Wish & { readonly purpose: StoragePurpose }): Storage {
  const { purpose } = wish;
  if (place.writeRoleArn === undefined) return openStorage(configOf(place), contextWith(parts, wish));
  const reading = roleFor(parts, place, { ...wish, purpose: 'read' }) ?? 'none';
  const session = (of: StoragePurpose): Storage | undefined => {
    const credentials = roleFor(parts, place, { ...wish, purpose: of });
    if (credentials === undefined) return undefined;
    return openStorage(configOf(place), { ...contextWith(parts, wish), credentials, reading });
  };
  const opened = session(purpose);
  if (opened === undefined) {
    throw new Failure('storage_denied', `The destination has no role that may ${purpose}.`, {
      remedy: `Make one with the role template and give its ARN as ${purpose}RoleArn.`,
    });
  }
  return purpose === 'write' ? joinSessions({ write: opened, remove: session('delete') }) : opened;
}

function contextWith(parts: StoreParts, { capabilities }: Wish): StorageContext {
  return { ...contextFor(parts), ...(capabilities === undefined ? {} : { capabilities }) };
}

const ROLES = { write: 'writeRoleArn', read: 'readRoleArn', delete: 'deleteRoleArn' } as const;

function roleFor(
  { context = {} }: StoreParts,
  place: S3Place,
  { purpose, externalId, runId }: Wish & { readonly purpose: StoragePurpose },
): CredentialSource | undefined {
  const arn = place[ROLES[purpose]];
  if (arn === undefined) return undefined;
  return roleSource(
    { arn, externalId },
    {
      region: place.region,
      base: context.credentials,
      endpoint: context.stsEndpoint,
      sessionName: sessionName(runId),
      policy: sessionPolicy(place, purpose),
    },
  );
}

/** Seen in the client's logs. */
function sessionName(runId: string): string {
  return `database-dump-${runId}`;
}

/** STS takes no longer one. */
const LONGEST_POLICY = 2048;

/** What the role is for and nothing else, whatever its owner gave it besides (F97). A prefix too long for that is left out. */
export function sessionPolicy(place: S3Place, purpose: StoragePurpose): string {
  const policyOf = (of: S3Place) => {
    const statements = rolePolicies(of).find((policy) => policy.purpose === purpose)?.statements ?? [];
    return JSON.stringify({ Version: '2012-10-17', Statement: statements });
  };
  const narrow = policyOf(place);
  return narrow.length <= LONGEST_POLICY ? narrow : policyOf({ ...place, prefix: '' });
}

function configOf(place: S3Place): S3Config {
  return {
    kind: 's3',
    bucket: place.bucket,
    prefix: place.prefix.replace(/^\/+|\/+$/g, ''),
    region: place.region,
    endpoint: place.endpoint,
    pathStyle: place.pathStyle,
    role: undefined,
    expectedOwner: place.expectedOwner,
    kmsKeyId: place.kmsKeyArn,
    storageClass: place.storageClass,
    keys: undefined,
    partsPerObject: PARTS_PER_OBJECT,
  };
}
