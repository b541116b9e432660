import type { PolicyDocument } from '../policy.ts';
import type { Blob, BlobStore } from './blobs.ts';
import type { Checksum, ChecksumAlgorithm, ChecksumType } from './checksums.ts';
import type { Call, Fault } from './faults.ts';

export interface Sse {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly bucketKey: boolean;
}

/** What the creator of an object says about it, kept as given. */
export interface Description {
  readonly metadata: Readonly<Record<string, string>>;
  /** content-type, content-encoding, cache-control, content-disposition, content-language. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sse: Sse | undefined;
}

export interface Version extends Description {
  readonly key: string;
  readonly versionId: string;
  readonly deleteMarker: boolean;
  /** One blob per part; none in a delete marker. */
  readonly blobs: readonly Blob[];
  readonly multipart: boolean;
  readonly etag: string;
  readonly checksum: Checksum | undefined;
  readonly lastModified: Date;
  storageClass: string;
  restored: 'no' | 'ongoing' | 'yes';
  lock: { readonly mode: string; readonly until: Date } | undefined;
  legalHold: boolean;
}

export interface Part {
  readonly partNumber: number;
  readonly blob: Blob;
  readonly etag: string;
  readonly checksum: Checksum | undefined;
  readonly lastModified: Date;
}

export interface Upload extends Description {
  readonly uploadId: string;
  readonly key: string;
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly type: ChecksumType | undefined;
  readonly storageClass: string;
  readonly lock: Version['lock'];
  readonly legalHold: boolean;
  readonly initiated: Date;
  readonly parts: Map<number, Part>;
}

export interface Bucket {
  readonly name: string;
  owner: string;
  region: string;
  readonly createdAt: Date;
  versioning: 'Enabled' | 'Suspended' | undefined;
  objectLock: boolean;
  /** The versions of each key, newest first. A key without versions is not in the map. */
  readonly objects: Map<string, Version[]>;
  readonly uploads: Map<string, Upload>;
}

/** How a KMS key behaves: `no-decrypt` grants GenerateDataKey only, which multipart uploads do not survive. */
export type KmsKeyState = 'enabled' | 'denied' | 'no-decrypt' | 'disabled' | 'pending-deletion';

/** What an S3-compatible store may lack. */
export interface Features {
  /** `ignored`: accepted, neither checked nor kept. `refused`: 501. */
  checksums: 'checked' | 'ignored' | 'refused';
  conditions: 'honoured' | 'ignored' | 'refused';
}

export interface Limits {
  maxParts: number;
  minPartBytes: number;
  maxPartBytes: number;
  maxObjectBytes: number;
  /** All parts but the last must have one size, as some compatible stores ask. */
  equalParts: boolean;
}

/** Who signed a request, after its signature was found right. */
export interface Identity {
  readonly accessKeyId: string;
  /** Every one of these must allow what is asked; none allows all. */
  readonly policies: readonly PolicyDocument[];
}

/** Everything the handlers share. */
export interface World {
  readonly buckets: Map<string, Bucket>;
  readonly blobs: BlobStore;
  readonly region: string;
  readonly account: string;
  readonly features: Features;
  readonly limits: Limits;
  readonly kmsKeys: Map<string, KmsKeyState>;
  /** `md5` as S3 without KMS; `opaque` costs nothing. */
  readonly etags: 'md5' | 'opaque';
  /** Checks the SHA-256 of signed bodies. */
  readonly checkPayload: boolean;
  /** Computes a CRC64NVME where the client sent no checksum, as S3 does. */
  readonly computeChecksum: boolean;
  now(): number;
}

/** What a handler answers. A body of blobs is sent in pieces. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Uint8Array;
  readonly content?: { readonly blobs: readonly Blob[]; readonly from: number; readonly to: number };
}

/** One authenticated request on its way to a handler. */
export interface Exchange {
  readonly world: World;
  readonly call: Call;
  readonly fault: Fault | undefined;
  readonly query: ReadonlyMap<string, string>;
  readonly identity: Identity;
  readonly features: Features;
  header(name: string): string | undefined;
  /** All `x-amz-meta-…` headers without that prefix. */
  metadata(): Record<string, string>;
  /** Stores the body after checking all that the request says about it. */
  receive(limits: {
    kind: 'object' | 'part';
    maxBytes: number;
    algorithm?: ChecksumAlgorithm | undefined;
  }): Promise<Received>;
  /** The body of a small XML request, checked likewise. */
  text(): Promise<string>;
  /** Whether the signer may do this too, on the key given or that of the request. */
  may(permission: string, key?: string): boolean;
}

export interface Received {
  readonly blob: Blob;
  readonly size: number;
  readonly etag: string;
  readonly checksum: Checksum | undefined;
}

export type Handler = (exchange: Exchange) => Promise<Reply> | Reply;
