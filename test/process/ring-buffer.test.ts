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

  it('F22 survives a single piece larger than the ring, with no line end in it', () => {
    const ring = ringBuffer(64);
    ring.push(Buffer.alloc(1000, 'x'));

    expect(ring.text()).toBe('x'.repeat(64));
  });
});
