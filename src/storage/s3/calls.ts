import type { S3Client } from '@aws-sdk/client-s3';
import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import { Retrying, throwIfCancelled, type Verdict } from '../retrying.ts';
import type { Deadlines, S3Config, StorageContext, StoreCredentials } from '../store-config.ts';
import { factsOf, isBare, isExpired, isSkewed, judge } from './aws-error.ts';
import { DEADLINES, makeClient, openSession } from './client.ts';
import { type Circumstances, s3Failure } from './s3-failure.ts';
import type { RenewingSession } from './session.ts';
import { StoreClock } from './store-clock.ts';

/** One call, for its deadline, its retries and the words of its refusal. */
export interface Step {
  /** The permission it takes, such as `s3:PutObject`. */
  readonly action: string;
  readonly key?: string | undefined;
  /** Beside the store's own signal, which `tidying` calls do not heed: they run when all else was cancelled. */
  readonly signal?: AbortSignal | undefined;
  readonly tidying?: boolean;
  readonly judge?: (error: unknown) => Verdict;
}

export type Send<T> = (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>;

/** What a store was seen to lack (F44); uploads and puts go by it. */
export interface Mode {
  checksums: boolean;
  conditions: boolean;
}

const TIDYING_TRIES = 6;

/** Everything that goes to the store goes through here: retries, renewals, deadlines, owner, and one kind of error. */
export class Calls {
  readonly config: S3Config;
  readonly clock: StoreClock;
  readonly mode: Mode;
  readonly retrying: Retrying;
  readonly signal: AbortSignal | undefined;
  /** What looks: these calls themselves, those of another session, or nobody. */
  readonly reading: Calls | undefined;
  readonly #client: S3Client;
  readonly #session: RenewingSession;
  readonly #deadlines: Deadlines;

  constructor(config: S3Config, context: StorageContext, shared?: Pick<Calls, 'clock' | 'mode'>) {
    this.config = config;
    this.clock = shared?.clock ?? new StoreClock(context.now ?? Date.now);
    this.signal = context.signal;
    this.mode = shared?.mode ?? {
      checksums: context.capabilities?.checksums ?? true,
      conditions: context.capabilities?.conditionalWrites ?? true,
    };
    this.reading = this.#openReading(context);
    this.retrying = new Retrying(context.retry, context.random);
    this.#deadlines = { ...DEADLINES, ...context.deadlines };
    this.#session = openSession(config, context, this.clock);
    this.#client = makeClient(config, this.#session, {
      clock: this.clock,
      deadlines: this.#deadlines,
      lookup: context.lookup,
    });
  }

  /** Bucket and owner: part of every call's input (F35). */
  bucket(): { Bucket: string; ExpectedBucketOwner?: string } {
    const { bucket, expectedOwner } = this.config;
    return expectedOwner === undefined ? { Bucket: bucket } : { Bucket: bucket, ExpectedBucketOwner: expectedOwner };
  }

  /** The same with the full key of an object. */
  object(key: string): { Bucket: string; ExpectedBucketOwner?: string; Key: string } {
    return { ...this.bucket(), Key: this.fullKey(key) };
  }

  fullKey(key: string): string {
    return this.config.prefix === '' ? key : `${this.config.prefix}/${key}`;
  }

  /** A full key without the store's prefix. */
  shortKey(key: string): string {
    return this.config.prefix === '' ? key : key.slice(this.config.prefix.length + 1);
  }

  /** The answer of a call that was sent until it succeeded; else a Failure. `send` may run many times. */
  async call<T>(step: Step, send: Send<T>): Promise<T> {
    const signal = this.#signalOf(step);
    const attempts = step.tidying === true ? TIDYING_TRIES : undefined;
    try {
      return await this.retrying.run(() => this.#try(send, signal), { judge: step.judge ?? judge, signal, attempts });
    } catch (error) {
      throw await this.#explain(error, step);
    }
  }

  /** Until when, or by what, an object version is locked; undefined where it is not. */
  async lockOf(key: string, versionId: string): Promise<string | undefined> {
    const input = { ...this.object(key), VersionId: versionId };
    const step = { action: 's3:GetObjectVersion', key };
    const found = await this.reader().call(step, (client, options) =>
      client.send(new HeadObjectCommand(input), options),
    );
    if (found.ObjectLockLegalHoldStatus === 'ON') return 'legal hold';
    return found.ObjectLockRetainUntilDate?.toISOString();
  }

  /** Where the store is, without credentials. */
  host(): string {
    return this.config.endpoint === undefined
      ? `s3.${this.config.region}.amazonaws.com`
      : new URL(this.config.endpoint).host;
  }

  /** The session that these calls are signed with, renewed as they need it. */
  credentials(): Promise<StoreCredentials> {
    return this.#session.credentials();
  }

  /** The calls of whoever may look; a Failure where nobody may. */
  reader(): Calls {
    if (this.reading !== undefined) return this.reading;
    throw new Failure('storage_denied', `Nothing may be read from the bucket ${this.config.bucket}.`, {
      remedy: 'Give the destination the ARN of a role that may read.',
      details: { action: 's3:GetObject' },
    });
  }

  close(): void {
    this.#client.destroy();
    if (this.reading !== this) this.reading?.close();
  }

  // One store: what either session learns of its clock and its ways holds for both.
  #openReading({ reading, ...context }: StorageContext): Calls | undefined {
    if (reading === undefined) return this;
    if (reading === 'none') return undefined;
    return new Calls({ ...this.config, role: undefined, keys: undefined }, { ...context, credentials: reading }, this);
  }

  #signalOf({ tidying, signal }: Step): AbortSignal | undefined {
    if (tidying === true) return signal;
    if (signal === undefined || this.signal === undefined) return signal ?? this.signal;
    return AbortSignal.any([signal, this.signal]);
  }

  // One try, and one more at once where only the session (F32) or the signing time (F34) was wrong and now is not.
  async #try<T>(send: Send<T>, signal: AbortSignal | undefined): Promise<T> {
    const generation = this.#session.generation;
    try {
      return await this.#send(send, signal);
    } catch (error) {
      throwIfCancelled(signal);
      if (!(await this.#mended(error, generation))) throw error;
      return await this.#send(send, signal);
    }
  }

  async #mended(error: unknown, generation: number): Promise<boolean> {
    if (error instanceof Failure) return false;
    const facts = factsOf(error);
    const expired = isExpired(facts) || (isBare(facts) && facts.status === 400);
    if (expired) await this.#session.renewAfter(generation);
    return expired || isSkewed(facts) || (isBare(facts) && facts.clockCorrected);
  }

  // The deadline ends with the answer's headers: a body that is read for hours has the idle deadline of its socket.
  async #send<T>(send: Send<T>, signal: AbortSignal | undefined): Promise<T> {
    const ending = new AbortController();
    const abort = (): void => ending.abort();
    const timer = setTimeout(abort, this.#deadlines.requestMs);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await send(this.#client, { abortSignal: ending.signal });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  async #explain(error: unknown, step: Step): Promise<Failure> {
    const failure = s3Failure(error, this.#circumstances(step));
    if (failure.code === 'storage_denied' && (await this.#ownerDiffers())) {
      return new Failure(
        'storage_wrong_owner',
        `The bucket ${this.config.bucket} is not owned by the account ${this.config.expectedOwner}.`,
        {
          remedy:
            'Stop using it until its owner is known; the bucket may have been deleted and created again by someone else.',
        },
      );
    }
    return failure;
  }

  // A wrong owner is answered like any denial. Only a look without the expected owner tells them apart; it carries no data.
  async #ownerDiffers(): Promise<boolean> {
    if (this.config.expectedOwner === undefined) return false;
    if (this.reading !== undefined && this.reading !== this) return this.reading.#ownerDiffers();
    // A list of our own part: a role that is narrowed to the prefix may see no more.
    const part = { Prefix: this.fullKey(''), MaxKeys: 1 };
    const look = (input: { Bucket: string; ExpectedBucketOwner?: string }): Promise<boolean> =>
      this.#send(
        (client, options) => client.send(new ListObjectsV2Command({ ...input, ...part }), options),
        this.signal,
      ).then(
        () => true,
        () => false,
      );
    return !(await look(this.bucket())) && (await look({ Bucket: this.config.bucket }));
  }

  #circumstances({ action, key }: Step): Circumstances {
    const { bucket, region, kmsKeyId } = this.config;
    return { action, key, bucket, region, kmsKeyId, host: this.host(), clockOffsetMs: this.clock.offsetMs };
  }
}
