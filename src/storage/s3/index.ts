import type { PutOptions, ReadOptions, Stat, Storage, UnfinishedUpload } from '../storage.ts';
import { PART_BYTES, type S3Config, type StorageContext } from '../store-config.ts';

/**
 * A bucket, or the part of one below a prefix. The SDK is loaded when something is first asked of it: what writes to a
 * folder pays neither time nor memory for it.
 */
export function openS3(config: S3Config, context: StorageContext): Storage {
  return new S3OnDemand(config, context);
}

class S3OnDemand implements Storage {
  readonly kind = 's3';
  readonly url: string;
  readonly limits: Storage['limits'];
  readonly #open: () => Promise<Storage>;
  #opening: Promise<Storage> | undefined;
  #opened: Storage | undefined;

  constructor(config: S3Config, context: StorageContext) {
    this.url = `s3://${config.bucket}${config.prefix === '' ? '' : `/${config.prefix}`}`;
    this.limits = { partBytes: context.partBytes ?? PART_BYTES, partsPerObject: config.partsPerObject };
    this.#open = async () => {
      const { openWork } = await import('./work.ts');
      this.#opened = openWork(config, context, this);
      return this.#opened;
    };
  }

  async probe(): ReturnType<Storage['probe']> {
    return (await this.#work()).probe();
  }

  async put(key: string, body: Uint8Array, options?: PutOptions): Promise<Stat> {
    return (await this.#work()).put(key, body, options);
  }

  async get(key: string, options?: ReadOptions): ReturnType<Storage['get']> {
    return (await this.#work()).get(key, options);
  }

  async head(key: string, versionId?: string): Promise<Stat | undefined> {
    return (await this.#work()).head(key, versionId);
  }

  async *read(key: string, options?: ReadOptions): ReturnType<Storage['read']> {
    yield* (await this.#work()).read(key, options);
  }

  async *list(prefix: string): ReturnType<Storage['list']> {
    yield* (await this.#work()).list(prefix);
  }

  async remove(...given: Parameters<Storage['remove']>): Promise<void> {
    return (await this.#work()).remove(...given);
  }

  async upload(...given: Parameters<Storage['upload']>): ReturnType<Storage['upload']> {
    return (await this.#work()).upload(...given);
  }

  async *unfinishedUploads(prefix: string): ReturnType<Storage['unfinishedUploads']> {
    yield* (await this.#work()).unfinishedUploads(prefix);
  }

  async abortUpload(upload: UnfinishedUpload): Promise<void> {
    return (await this.#work()).abortUpload(upload);
  }

  clockOffsetMs(): number {
    return this.#opened?.clockOffsetMs() ?? 0;
  }

  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }

  #work(): Promise<Storage> {
    this.#opening ??= this.#open();
    return this.#opening;
  }
}
