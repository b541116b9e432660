import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Stored bytes of one part or one simple object. */
export interface Blob {
  readonly size: number;
  /** False when the bytes were thrown away on arrival: only their size is known. */
  readonly kept: boolean;
  /** Bytes `from` to `to` (exclusive), in order. */
  read(from: number, to: number): AsyncIterable<Buffer> | Iterable<Buffer>;
  flipBit(bit: number): Promise<void>;
  truncate(size: number): Promise<void>;
  remove(): Promise<void>;
}

/** Takes bytes as they come. A returned promise means: send no more until it settles. Promises settle in order. */
export interface BlobWriter {
  write(data: Buffer): Promise<void> | undefined;
  finish(): Promise<Blob>;
  abandon(): Promise<void>;
}

/** Where bytes live: `memory`, a folder, or nowhere at all for parts (`discard`). */
export interface BlobStore {
  startBlob(kind: 'object' | 'part'): Promise<BlobWriter>;
}

export function openBlobStore(options: { folder?: string | undefined; discard?: boolean | undefined }): BlobStore {
  const { folder } = options;
  const keep = async (): Promise<BlobWriter> =>
    folder === undefined ? memoryWriter() : folderWriter(join(folder, randomUUID()));
  if (options.discard !== true) return { startBlob: keep };
  return { startBlob: async (kind) => (kind === 'part' ? discardingWriter() : keep()) };
}

/** Keeps the buffers that the socket handed over, without copying them. */
export function memoryWriter(): BlobWriter {
  const chunks: Buffer[] = [];
  return {
    write(data) {
      chunks.push(data);
      return undefined;
    },
    finish: async () => memoryBlob(chunks),
    abandon: async () => undefined,
  };
}

function memoryBlob(chunks: Buffer[]): Blob {
  const measure = () => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  let size = measure();
  return {
    kept: true,
    get size() {
      return size;
    },
    *read(from, to) {
      let at = 0;
      for (const chunk of chunks) {
        const view = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
        at += chunk.length;
        if (view.length > 0) yield view;
        if (at >= to) return;
      }
    },
    async flipBit(bit) {
      let at = bit >> 3;
      for (const chunk of chunks) {
        if (at < chunk.length) {
          chunk.writeUInt8(chunk.readUInt8(at) ^ (1 << (bit & 7)), at);
          return;
        }
        at -= chunk.length;
      }
    },
    async truncate(newSize) {
      chunks.splice(0, chunks.length, Buffer.concat(chunks).subarray(0, newSize));
      size = measure();
    },
    // A reader that started before the removal still gets its bytes.
    remove: async () => undefined,
  };
}

async function folderWriter(path: string): Promise<BlobWriter> {
  const file: FileHandle = await open(path, 'wx', 0o600);
  let size = 0;
  let written: Promise<void> = Promise.resolve();
  return {
    write(data) {
      size += data.length;
      written = written.then(() => file.writeFile(data));
      return written;
    },
    async finish() {
      await file.close();
      return fileBlob(path, size);
    },
    async abandon() {
      await file.close();
      await rm(path, { force: true });
    },
  };
}

function fileBlob(path: string, initialSize: number): Blob {
  let size = initialSize;
  return {
    kept: true,
    get size() {
      return size;
    },
    async *read(from, to) {
      if (from >= to) return;
      const file = await open(path);
      yield* file.createReadStream({ start: from, end: to - 1, highWaterMark: 262_144 }) as AsyncIterable<Buffer>;
    },
    async flipBit(bit) {
      const file = await open(path, 'r+');
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, bit >> 3);
      byte.writeUInt8(byte.readUInt8(0) ^ (1 << (bit & 7)), 0);
      await file.write(byte, 0, 1, bit >> 3);
      await file.close();
    },
    async truncate(newSize) {
      await truncate(path, newSize);
      size = newSize;
    },
    remove: () => rm(path, { force: true }),
  };
}

function discardingWriter(): BlobWriter {
  let size = 0;
  return {
    write(data) {
      size += data.length;
      return undefined;
    },
    finish: async () => discardedBlob(size),
    abandon: async () => undefined,
  };
}

function discardedBlob(size: number): Blob {
  const gone = () => {
    throw new Error('The bytes of this part were not kept');
  };
  return {
    size,
    kept: false,
    read: gone,
    flipBit: async () => gone(),
    truncate: async () => gone(),
    remove: async () => undefined,
  };
}
