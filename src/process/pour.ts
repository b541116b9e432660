import type { Writable } from 'node:stream';

/**
 * Writes every chunk and then the end. The next chunk is asked for when the one before has been taken: nothing is read
 * ahead (F23), and a source may use its memory again. Rejects with the source's error or the writer's; the writer is
 * destroyed then, and the source left.
 */
export async function pour(source: AsyncIterable<Uint8Array>, into: Writable): Promise<void> {
  let refuse: (error: Error) => void = () => undefined;
  const closed = new Error('The pipe was closed before its end.');
  // A broken pipe is reported to the write, and once more as an event.
  into.on('error', (error) => refuse(error));
  // A program that ends takes its pipe away; a writer that waits, or comes later, is told nothing else.
  into.on('close', () => refuse(closed));
  const taken = (write: (done: (error?: Error | null) => void) => unknown) =>
    new Promise<void>((resolve, reject) => {
      refuse = reject;
      if (into.destroyed) reject(closed);
      else write((error) => (error ? reject(error) : resolve()));
    });
  try {
    for await (const chunk of source) await taken((done) => into.write(chunk, done));
    await taken((done) => into.end(done));
  } catch (error) {
    into.destroy();
    throw error;
  }
}
