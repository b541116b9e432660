import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { generatedPages } from '../scripts/docs.ts';
import { FAILURES } from '../src/domain/failure.ts';
import { EVENT_NAMES } from '../src/domain/notice/events.ts';

const ROOT = join(import.meta.dirname, '..');

describe('generated pages', () => {
  it.each(Object.entries(generatedPages()))('docs/%s is current', (name, text) => {
    expect(readFileSync(join(ROOT, 'docs', name), 'utf8')).toBe(text);
  });

  it('gives every failure an exit code of its own', () => {
    const codes = Object.values(FAILURES).map(({ exit }) => exit);

    expect(new Set(codes).size).toBe(codes.length);
    expect(codes).not.toContain(0);
    expect(Math.max(...codes)).toBeLessThan(126);
  });
});

describe('documents', () => {
  it.each([
    'README.md',
    'docs/adding-an-engine.md',
    'docs/adding-a-destination.md',
    'docs/manifest.md',
    'docs/cli.md',
    'docs/runbook.md',
    'docs/security.md',
  ])('%s links only to files that exist', (name) => {
    const text = readFileSync(join(ROOT, name), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '');
    const folder = join(ROOT, name, '..');

    for (const link of links) expect(() => readFileSync(join(folder, link))).not.toThrow();
  });
});

describe('the runbook', () => {
  const text = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
  const paragraphs = new Map(
    text.split(/^### /m).map((part) => {
      const [heading = '', ...rest] = part.split('\n');
      return [heading.trim(), rest.join('\n').split(/^## /m)[0]?.trim() ?? ''];
    }),
  );

  it.each([...EVENT_NAMES, ...Object.keys(FAILURES)])('has a paragraph on %s', (name) => {
    expect(paragraphs.get(name)).toMatch(/\w+/);
  });

  it('speaks of nothing that does not exist', () => {
    const named = [...paragraphs.keys()].filter((heading) => /^[a-z3_.]+$/.test(heading));

    expect(named.filter((name) => ![...EVENT_NAMES, ...Object.keys(FAILURES)].includes(name))).toEqual([]);
  });
});
