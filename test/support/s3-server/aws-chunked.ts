import { createHash } from 'node:crypto';
import { S3Error } from './s3-error.ts';

/** Signs one link of the chunk signature chain; absent for unsigned streams. */
export type ChunkSigner = (kind: 'PAYLOAD' | 'TRAILER', previous: string, contentHash: string) => string;

export interface ChunkSigning {
  readonly seed: string;
  readonly sign: ChunkSigner;
}

// S3 takes no smaller chunk but the last one.
const SMALLEST_CHUNK = 8192;

type Phase = 'size' | 'data' | 'data-end' | 'trailer' | 'done';

/**
 * Takes the aws-chunked framing off a body. Content goes out as views of what came in; nothing is copied but lines.
 * Signed streams are checked chunk by chunk, before the end of each chunk is accepted.
 */
export class AwsChunkedDecoder {
  readonly trailers = new Map<string, string>();
  readonly #emit: (data: Buffer) => void;
  readonly #signing: ChunkSigning | undefined;
  #phase: Phase = 'size';
  #left = 0;
  #wasShort = false;
  #line = '';
  #signature = '';
  #previous: string;
  #hash = createHash('sha256');
  #trailerText = '';

  constructor(emit: (data: Buffer) => void, signing: ChunkSigning | undefined) {
    this.#emit = emit;
    this.#signing = signing;
    this.#previous = signing?.seed ?? '';
  }

  write(data: Buffer): void {
    let offset = 0;
    while (offset < data.length && this.#phase !== 'done') {
      offset = this.#phase === 'data' ? this.#takeData(data, offset) : this.#takeLine(data, offset);
    }
  }

  /** Throws `IncompleteBody` unless the last chunk and the trailers were seen. */
  end(): void {
    if (this.#phase !== 'done') throw new S3Error('IncompleteBody', 'The request body terminated unexpectedly');
  }

  #takeData(data: Buffer, offset: number): number {
    const end = Math.min(data.length, offset + this.#left);
    const view = data.subarray(offset, end);
    if (this.#signing !== undefined) this.#hash.update(view);
    this.#emit(view);
    this.#left -= view.length;
    if (this.#left === 0) this.#phase = 'data-end';
    return end;
  }

  #takeLine(data: Buffer, offset: number): number {
    const newline = data.indexOf(10, offset);
    const end = newline === -1 ? data.length : newline;
    this.#line += data.toString('latin1', offset, end);
    if (this.#line.length > 16_384) throw new S3Error('InvalidRequest', 'A line of the chunked body is too long');
    if (newline === -1) return end;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    this.#finishLine(line);
    return newline + 1;
  }

  #finishLine(line: string): void {
    if (this.#phase === 'size') this.#startChunk(line);
    else if (this.#phase === 'data-end') this.#finishChunk(line);
    else this.#takeTrailer(line);
  }

  #startChunk(line: string): void {
    const [size = '', extension = ''] = line.split(';');
    if (!/^[0-9a-f]{1,12}$/i.test(size))
      throw new S3Error('InvalidRequest', 'The chunk size of the body is not a number');
    this.#left = Number.parseInt(size, 16);
    if (this.#left > 0 && this.#wasShort) {
      throw new S3Error('InvalidChunkSizeError', 'Only the last chunk is allowed to have a size less than 8192 bytes');
    }
    this.#wasShort = this.#left < SMALLEST_CHUNK;
    this.#signature = extension.replace('chunk-signature=', '');
    this.#hash = createHash('sha256');
    if (this.#left > 0) this.#phase = 'data';
    else {
      this.#checkSignature('PAYLOAD', this.#hash.digest('hex'));
      this.#phase = 'trailer';
    }
  }

  #finishChunk(line: string): void {
    if (line !== '') throw new S3Error('InvalidRequest', 'A chunk is longer than its size said');
    this.#checkSignature('PAYLOAD', this.#hash.digest('hex'));
    this.#phase = 'size';
  }

  #takeTrailer(line: string): void {
    if (line === '') {
      this.#finishTrailers();
      return;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    this.trailers.set(name, line.slice(colon + 1).trim());
    if (name !== 'x-amz-trailer-signature') this.#trailerText += `${name}:${line.slice(colon + 1).trim()}\n`;
  }

  #finishTrailers(): void {
    this.#phase = 'done';
    const signature = this.trailers.get('x-amz-trailer-signature');
    if (this.#signing === undefined || this.#trailerText === '') return;
    this.#signature = signature ?? '';
    this.#checkSignature('TRAILER', createHash('sha256').update(this.#trailerText).digest('hex'));
  }

  #checkSignature(kind: 'PAYLOAD' | 'TRAILER', contentHash: string): void {
    if (this.#signing === undefined) return;
    const expected = this.#signing.sign(kind, this.#previous, contentHash);
    if (expected !== this.#signature) {
      throw new S3Error('SignatureDoesNotMatch', 'The signature of a chunk does not match the signature you provided.');
    }
    this.#previous = expected;
  }
}
