import type { LookupFunction } from 'node:net';
import type { Secret } from '../domain/secret.ts';
import type { Capabilities } from './storage.ts';

export interface FilesystemConfig {
  readonly kind: 'filesystem';
  /** Absolute path of the folder that holds the backups. */
  readonly root: string;
}

export interface S3Config {
  readonly kind: 's3';
  readonly bucket: string;
  /** Without slashes at either end; empty for the whole bucket. */
  readonly prefix: string;
  readonly region: string;
  /** Base URL of an S3-compatible store; undefined for AWS. */
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean;
  /** A role to assume; its sessions are renewed while we work. */
  readonly role: AssumedRole | undefined;
  /** Account id that must own the bucket, sent with every call (F35). */
  readonly expectedOwner: string | undefined;
  readonly kmsKeyId: string | undefined;
  /** Class of what is uploaded in parts; undefined for the bucket's own. Manifests and reports are small and often read: never. */
  readonly storageClass?: string | undefined;
  /** Keys of this store; undefined for the credentials handed in or the standard chain. */
  readonly keys: AccessKeys | undefined;
  /** For stores that take fewer than 8192 parts (F31). */
  readonly partsPerObject: number;
}

export interface AssumedRole {
  readonly arn: string;
  readonly externalId: string | undefined;
}

export interface AccessKeys {
  readonly id: Secret;
  readonly secret: Secret;
}

export type StoreConfig = FilesystemConfig | S3Config;

/** The shape AWS credential providers give. Without `expiration` they last for ever. */
export interface StoreCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Gives credentials; `forceRefresh` asks for new ones although the old seem to live. */
export type CredentialSource = (options?: { readonly forceRefresh?: boolean }) => Promise<StoreCredentials>;

export interface RetryPolicy {
  /** Tries of one call, the first included. */
  readonly attempts: number;
  /** The wait before try n is random between 0 and min(capMs, baseMs × 2^(n-1)). */
  readonly baseMs: number;
  readonly capMs: number;
  /** Tokens shared by all calls of one store: a retry costs some, a success gives them back. */
  readonly budget: number;
}

/** All in milliseconds (F45). */
export interface Deadlines {
  readonly connectMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** One whole request, its body included. */
  readonly requestMs: number;
}

/** What a store is opened with beside its configuration. Everything is optional. */
export interface StorageContext {
  /** Ends every call as `cancelled`; cleaning up goes on without it. */
  readonly signal?: AbortSignal;
  readonly credentials?: CredentialSource;
  /**
   * Credentials for whatever only looks: HEAD, GET and lists. Undefined: the same as for all the rest; `none`: nothing may be
   * looked at, and what the store acknowledged with its checksum is believed.
   */
  readonly reading?: CredentialSource | 'none';
  /** What an earlier probe of this store saw; without it a full-featured store is assumed. */
  readonly capabilities?: Capabilities;
  readonly retry?: Partial<RetryPolicy>;
  readonly deadlines?: Partial<Deadlines>;
  /** Bytes of every part but the last; 8 MiB unless told. */
  readonly partBytes?: number;
  /** Resolves an endpoint's name each time it is connected to; refuses what must not be dialled (F87, F88). */
  readonly lookup?: LookupFunction;
  /** For trials against an STS of one's own. */
  readonly stsEndpoint?: string;
  now?(): number;
  random?(): number;
}

export const PART_BYTES = 8 * 1024 * 1024;
/** 8192 parts of 8 MiB are a volume of 64 GiB. */
export const PARTS_PER_OBJECT = 8192;
