import { describe, expect, it } from '@jest/globals';
import { ringBuffer } from '../../src/process/ring-buffer.ts';

describe('the ring of a child’s last words', () => {
  it('keeps all of a short text', () => {
    const ring = ringBuffer(100);
    ring.push(Buffer.from('one\n'));
    ring.push(Buffer.from('two'));

    expect(ring.text()).toBe('one\ntwo');
  });

  it('F22 keeps only the end of an endless text, from a whole line on', () => {
    const ring = ringBuffer(64);
    for (let line = 0; line < 10_000; line += 1) ring.push(Buffer.from(`line ${line}\n`));

    const text = ring.text();

    expect(text.length).toBeLessThanOrEqual(64);
    expect(text.startsWith('line ')).toBe(true);
    expect(text.endsWith('line 9999\n')).toBe(true);
  });

  it('F22 holds little memory however much is said', () => {
    const ring = ringBuffer();
    const piece = Buffer.alloc(64 * 1024, 'e');
    const before = process.memoryUsage().arrayBuffers;

    for (let n = 0; n < 20_000; n += 1) ring.push(piece);

    // 1.3 GB was said; what is not yet collected of it may linger, what is kept may not.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(400 * 1024 * 1024);
    expect(ring.text()).toHaveLength(64 * 1024);
  });

  it('F22 survives a single piece larger than the ring, with no line end in it', () => {
    const ring = ringBuffer(64);
    ring.push(Buffer.alloc(1000, 'x'));

    expect(ring.text()).toBe('x'.repeat(64));
  });
});
