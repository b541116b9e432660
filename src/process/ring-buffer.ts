const CAPACITY = 64 * 1024;

/** Keeps the last 64 KiB of what a child says, however much it says (F22). */
export function ringBuffer(capacity = CAPACITY) {
  let kept: Buffer[] = [];
  let size = 0;
  let dropped = false;

  function push(chunk: Uint8Array): void {
    const piece = Buffer.from(chunk.length > capacity ? chunk.subarray(chunk.length - capacity) : chunk);
    dropped ||= piece.length < chunk.length;
    kept.push(piece);
    size += piece.length;
    if (size > 2 * capacity) compact();
  }

  function compact(): void {
    const all = Buffer.concat(kept);
    dropped ||= all.length > capacity;
    kept = [all.subarray(Math.max(0, all.length - capacity))];
    size = kept[0]?.length ?? 0;
  }

  /** The text kept; starts at a whole line where the beginning was dropped. */
  function text(): string {
    compact();
    const all = Buffer.concat(kept).toString('utf8');
    if (!dropped) return all;
    const line = all.indexOf('\n');
    return line < 0 || line === all.length - 1 ? all : all.slice(line + 1);
  }

  return { push, text };
}
