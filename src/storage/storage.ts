/** What is known of one stored object version. */
export interface Stat {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  readonly versionId?: string;
  readonly modifiedAt: Date;
  readonly metadata: Readonly<Record<string, string>>;
  /** Full-object CRC-32, base64, where the store keeps one. */
  readonly crc32?: string;
  /** Present when the object must be thawed before it can be read (F42, F79). */
  readonly archivedAs?: string;
}

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface UnfinishedUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly startedAt: Date;
}

/** One thing that was tried at a store, and whether the answer was the one that it must be. */
export interface Finding {
  readonly action: string;
  readonly expected: 'allowed' | 'denied';
  readonly ok: boolean;
  readonly detail: string;
}

/** All that was tried, and what the store was seen to do; undefined where nothing could be written. */
export interface Survey {
  readonly findings: readonly Finding[];
  readonly capabilities: Capabilities | undefined;
}

/** What the store was seen to do, not what it says (F44). */
export interface Capabilities {
  /** A second conditional write of one key was refused. */
  readonly conditionalWrites: boolean;
  /** A wrong checksum was refused. */
  readonly checksums: boolean;
  readonly versioned: boolean;
}

export interface ReadOptions {
  /** First byte and last byte, both included. */
  readonly range?: { readonly start: number; readonly end: number };
  readonly versionId?: string;
  readonly ifMatch?: string;
}

export interface CompleteOptions {
  readonly bytes: number;
  /** Full-object CRC-32 of all parts, base64: S3 checks it (type FULL_OBJECT), and node:zlib computes it natively. */
  readonly crc32: string;
}

/** One object being written in equal parts (the last may be shorter). Nothing is visible before `complete`. */
export interface Upload {
  readonly key: string;
  /**
   * Part numbers from 1. The buffer may be reused once this resolves; until then it is kept for replays (F25). `crc` is the
   * CRC-32 of the body where the caller has it: it is then computed again by the store alone, on arrival.
   */
  part(number: number, body: Uint8Array, crc?: number): Promise<void>;
  /** Makes the object visible unless the key exists already: then a Failure `storage_conflict` (F30). */
  complete(options: CompleteOptions): Promise<Stat>;
  /** Leaves nothing behind; safe to call twice and after a failure. */
  abort(): Promise<void>;
}

/** A place for backups. Keys are `/`-separated, relative to the store's prefix; hostile keys cannot leave it. */
export interface Storage {
  readonly kind: string;
  /** For people: without credentials. */
  readonly url: string;
  /** Largest number of parts an object may have, and the part size to use, in bytes. */
  readonly limits: { readonly partBytes: number; readonly partsPerObject: number };

  /** Writes, lists, reads back and removes what a run will need; a refusal names the action (F35–F38). */
  probe(): Promise<Capabilities>;
  /** A small object, whole. `ifAbsent` refuses an existing key with `storage_conflict`; `ifMatch` refuses another etag. */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<Stat>;
  get(key: string, options?: ReadOptions): Promise<{ readonly body: Uint8Array; readonly stat: Stat } | undefined>;
  head(key: string, versionId?: string): Promise<Stat | undefined>;
  /** A Failure `backup_lost` when it is not there, `backup_archived` when it must be thawed first. */
  read(key: string, options?: ReadOptions): AsyncIterable<Uint8Array>;
  list(prefix: string): AsyncIterable<ListedObject>;
  /** Exactly one version; a missing object is no error (F43, F64). */
  remove(key: string, options?: { readonly versionId?: string; readonly ifMatch?: string }): Promise<void>;
  upload(key: string, metadata: Readonly<Record<string, string>>): Promise<Upload>;
  unfinishedUploads(prefix: string): AsyncIterable<UnfinishedUpload>;
  abortUpload(upload: UnfinishedUpload): Promise<void>;
  /** Store time minus our time in milliseconds, from the last answer; 0 where the store has no clock of its own (F34). */
  clockOffsetMs(): number;
  close(): Promise<void>;
}

export interface PutOptions {
  readonly ifAbsent?: boolean;
  readonly ifMatch?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}
