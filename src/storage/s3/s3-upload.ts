import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type StorageClass,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Failure } from '../../domain/failure.ts';
import { checkMetadata } from '../metadata.ts';
import { PartLedger, type PartNote } from '../part-ledger.ts';
import type { CompleteOptions, Stat, Storage, Upload } from '../storage.ts';
import { MalformedReply } from './aws-error.ts';
import type { Calls } from './calls.ts';
import { listUploads } from './listing.ts';
import { adopt, demandAbsent, demandWanted, encryption, isDoubtful, type Made, type Wanted } from './writing.ts';

const NO_CONTENT = 204;
/** `Initiated` counts whole seconds. */
const CLOCK_GRAIN_MS = 2_000;

export interface UploadPlan {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly limits: Storage['limits'];
}

/** Begins a multipart upload with full-object CRC-32. Where this fails, nothing stays behind that could be seen to. */
export async function beginUpload(calls: Calls, plan: UploadPlan): Promise<Upload> {
  const begun: Begun = { since: calls.clock.now() - CLOCK_GRAIN_MS, tries: 0 };
  const input = {
    ...calls.object(plan.key),
    ...encryption(calls),
    ...(calls.config.storageClass === undefined ? {} : { StorageClass: calls.config.storageClass as StorageClass }),
    ...(calls.mode.checksums ? { ChecksumAlgorithm: 'CRC32' as const, ChecksumType: 'FULL_OBJECT' as const } : {}),
    Metadata: { ...checkMetadata(plan.metadata) },
  };
  try {
    const uploadId = await calls.call({ action: 's3:PutObject', key: plan.key }, async (client, options) => {
      begun.tries += 1;
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(input), options);
      if (UploadId === undefined) throw new MalformedReply('CreateMultipartUpload without UploadId');
      return UploadId;
    });
    return new S3Upload(calls, plan, { ...begun, uploadId });
  } catch (error) {
    await abortStrays(calls, plan.key, { ...begun, uploadId: undefined });
    throw error;
  }
}

interface Begun {
  /** Store time before the first try. */
  readonly since: number;
  /** More than one: a try whose reply was lost may have begun an upload nobody has the id of. */
  tries: number;
}

class S3Upload implements Upload {
  readonly key: string;
  readonly #calls: Calls;
  readonly #plan: UploadPlan;
  readonly #begun: Begun & { readonly uploadId: string };
  readonly #ledger: PartLedger;
  readonly #etags = new Map<number, string>();
  readonly #ending = new AbortController();
  readonly #inFlight = new Set<Promise<unknown>>();
  #state: 'open' | 'done' | 'aborted' = 'open';

  constructor(calls: Calls, plan: UploadPlan, begun: Begun & { readonly uploadId: string }) {
    this.key = plan.key;
    this.#calls = calls;
    this.#plan = plan;
    this.#begun = begun;
    this.#ledger = new PartLedger(plan.limits);
  }

  async part(number: number, body: Uint8Array, crc?: number): Promise<void> {
    this.#demandOpen();
    // Not believed where the store would not notice that it is wrong.
    const note = this.#ledger.describe(number, body, this.#calls.mode.checksums ? crc : undefined);
    const sending = this.#send(note, body);
    const settled = sending.catch(() => undefined);
    this.#inFlight.add(settled);
    try {
      this.#etags.set(number, await sending);
      this.#ledger.acknowledge(note);
    } finally {
      this.#inFlight.delete(settled);
    }
  }

  async complete(options: CompleteOptions): Promise<Stat> {
    this.#demandOpen();
    if (this.#ledger.size === 0) await this.part(1, new Uint8Array());
    const notes = this.#ledger.finish(options);
    const wanted: Wanted = { key: this.key, ...options, metadata: this.#plan.metadata };
    if (!this.#calls.mode.conditions) await demandAbsent(this.#calls, this.key);
    const made = await this.#complete(notes, wanted);
    this.#state = 'done';
    const stat = await demandWanted(this.#calls, wanted, made);
    await this.#abortStrays();
    return stat;
  }

  async abort(): Promise<void> {
    if (this.#state === 'done') return;
    this.#state = 'aborted';
    // A part that lands after the abort would be kept by some stores: first nothing more is under way.
    this.#ending.abort();
    await Promise.all(this.#inFlight);
    await abortMultipart(this.#calls, this.key, this.#begun.uploadId);
    await this.#abortStrays();
  }

  /** Sends one part until it is acknowledged; the buffer is the caller's and is sent from where it lies. */
  async #send(note: PartNote, body: Uint8Array): Promise<string> {
    const input = {
      ...this.#target(),
      PartNumber: note.number,
      Body: body,
      ContentLength: note.bytes,
      ...(this.#calls.mode.checksums ? { ChecksumCRC32: note.crc32 } : {}),
    };
    const step = { action: 's3:PutObject', key: this.key, signal: this.#ending.signal };
    return this.#calls.call(step, async (client, options) => {
      const { ETag, ChecksumCRC32 = note.crc32 } = await client.send(new UploadPartCommand(input), options);
      if (ETag === undefined || ChecksumCRC32 !== note.crc32)
        throw new MalformedReply('UploadPart without the right ETag and checksum');
      return ETag;
    });
  }

  // Whether a lost reply was a success shows only in what is there now (F28).
  async #complete(notes: readonly PartNote[], wanted: Wanted): Promise<Made> {
    let tries = 0;
    const input = this.#completion(notes, wanted);
    try {
      return await this.#calls.call({ action: 's3:PutObject', key: this.key }, async (client, options) => {
        tries += 1;
        const { ETag, VersionId } = await client.send(new CompleteMultipartUploadCommand(input), options);
        if (ETag === undefined) throw new MalformedReply('CompleteMultipartUpload without ETag');
        return { etag: ETag, ...(VersionId === undefined ? {} : { versionId: VersionId }) };
      });
    } catch (error) {
      const adopted = tries > 1 && isDoubtful(error) ? await adopt(this.#calls, wanted) : undefined;
      if (adopted === undefined) throw error;
      return adopted;
    }
  }

  #completion(
    notes: readonly PartNote[],
    { bytes, crc32 }: Wanted,
  ): ConstructorParameters<typeof CompleteMultipartUploadCommand>[0] {
    const { checksums, conditions } = this.#calls.mode;
    const Parts = notes.map((note) => ({
      PartNumber: note.number,
      ETag: this.#etags.get(note.number) ?? '',
      ...(checksums ? { ChecksumCRC32: note.crc32 } : {}),
    }));
    return {
      ...this.#target(),
      MultipartUpload: { Parts },
      ...(checksums ? { ChecksumCRC32: crc32, ChecksumType: 'FULL_OBJECT', MpuObjectSize: bytes } : {}),
      ...(conditions ? { IfNoneMatch: '*' } : {}),
    };
  }

  #target(): ReturnType<Calls['object']> & { UploadId: string } {
    return { ...this.#calls.object(this.key), UploadId: this.#begun.uploadId };
  }

  async #abortStrays(): Promise<void> {
    if (this.#begun.tries > 1) await abortStrays(this.#calls, this.key, this.#begun);
  }

  #demandOpen(): void {
    if (this.#state === 'open') return;
    throw new Failure('usage', `The upload of ${this.key} has ended.`, { remedy: 'Begin another one.' });
  }
}

/** Aborts one upload; one that is gone already is no error. Runs to its end although the work was cancelled. */
export async function abortMultipart(calls: Calls, key: string, uploadId: string): Promise<void> {
  const abort = (): Promise<number | undefined> =>
    calls.call({ action: 's3:AbortMultipartUpload', key, tidying: true }, async (client, options) => {
      const reply = await client.send(
        new AbortMultipartUploadCommand({ ...calls.object(key), UploadId: uploadId }),
        options,
      );
      return reply.$metadata.httpStatusCode;
    });
  try {
    // S3 answers 204; after anything else a second abort makes sure.
    if ((await abort()) !== NO_CONTENT) await abort();
  } catch (error) {
    if (error instanceof Failure && error.details?.answer === 'NoSuchUpload') return;
    throw error;
  }
}

// Best effort: without the right to list uploads, they are left to the reconciler and to the bucket's own rule.
async function abortStrays(
  calls: Calls,
  key: string,
  { since, uploadId }: Begun & { readonly uploadId: string | undefined },
): Promise<void> {
  try {
    for await (const found of listUploads(calls, key, { tidying: true })) {
      const stray = found.key === key && found.uploadId !== uploadId && found.startedAt.getTime() >= since;
      if (stray) await abortMultipart(calls, key, found.uploadId);
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
