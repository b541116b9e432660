import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { openScreen, type ScreenOptions } from '../../cli/screen.ts';
import { Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';

function open(options: Partial<ScreenOptions> = {}, isTTY = false) {
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 60 });
  const screen = openScreen(
    { json: false, quiet: false, progress: 'auto', colours: false, ...options },
    { stdout, stderr },
  );
  return { screen, out: () => String(stdout.read() ?? ''), err: () => String(stderr.read() ?? '') };
}

describe('screen', () => {
  it('prints exactly one JSON document on standard output, and all else on standard error', () => {
    const { screen, out, err } = open({ json: true });

    screen.note('a note');
    screen.warn('a warning');
    const exit = screen.finish({ document: { backup: 'x' }, lines: ['for people'], summary: ['for people too'] });

    expect(exit).toBe(0);
    expect(out()).toBe('{"backup":"x"}\n');
    expect(err()).toBe('  a note\n! a warning\n');
  });

  it('prints JSON also where something in it is hidden', () => {
    const { screen, out } = open({ json: true });
    screen.hide(new Secret('canary"pass'));

    screen.finish({ document: { a: 'token=abc', b: 'canary"pass', c: ['postgres://u:pw@h/d'] } });

    expect(JSON.parse(out())).toEqual({ a: 'token=[secret]', b: '[secret]', c: ['postgres://u:[secret]@h/d'] });
  });

  it('refuses with one sentence of cause and one of remedy, and no stack trace', () => {
    const { screen, out, err } = open();

    const exit = screen.refuse(
      new Failure('authentication_failed', 'The server refused.', { remedy: 'Check it.', cause: new Error('deep') }),
    );

    expect(exit).toBe(21);
    expect(out()).toBe('');
    expect(err()).toBe('✘ The server refused.\n  → Check it.\n');
  });

  it('refuses in JSON with an RFC 9457 problem', () => {
    const { screen, out } = open({ json: true });

    screen.refuse(new Failure('not_found', 'There is none.', { remedy: 'List.' }));

    expect(JSON.parse(out())).toEqual({
      type: 'urn:database-dump:problem:not_found',
      title: 'not found',
      status: 404,
      detail: 'There is none.',
      code: 'not_found',
      remedy: 'List.',
    });
  });

  it('F85 shows a hidden value nowhere', () => {
    for (const json of [true, false]) {
      const { screen, out, err } = open({ json });
      screen.hide(new Secret('hunter2"canary'));

      screen.note('login hunter2"canary');
      screen.warn('login hunter2"canary');
      screen.finish({
        document: { url: 'x://u:hunter2"canary@h' },
        lines: ['hunter2"canary'],
        summary: ['hunter2"canary'],
      });
      screen.refuse(new Failure('internal', 'hunter2"canary', { details: { x: 'hunter2"canary' } }));

      expect(out() + err()).not.toContain('canary');
    }
  });

  it('keeps quiet about what was done, not about what was asked for', () => {
    const { screen, out, err } = open({ quiet: true });

    screen.note('a note');
    screen.progress({ phase: 'dump', plainBytes: 5, note: 'another' });
    screen.finish({ document: {}, lines: ['a list'], summary: ['what was done'] });

    expect(out()).toBe('a list\n');
    expect(err()).toBe('');
  });

  it('writes nothing more on standard output once a backup went there', () => {
    const { screen, out, err } = open();

    screen.finish({ document: {}, lines: ['hash'], stdoutTaken: true });

    expect(out()).toBe('');
    expect(err()).toBe('hash\n');
  });

  it('draws a bar on a terminal and wipes it before anything else is written', () => {
    const { screen, err } = open({}, true);

    screen.progress({ phase: 'decode', storedBytes: 50, totalBytes: 100 });
    const drawn = err();
    screen.note('in between');

    expect(drawn).toMatch(/^\rdecoding {3}━+─+ {2}50 %/);
    expect(drawn.replaceAll('\u001b[K', '').length).toBeLessThan(60);
    expect(err()).toBe('\r\u001b[K  in between\n');
  });

  it('writes progress as NDJSON on standard error when asked', () => {
    const { screen, err } = open({ progress: 'ndjson' });

    screen.progress({ phase: 'dump', plainBytes: 1, note: 'first' });
    screen.progress({ phase: 'seal' });

    expect(
      err()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([{ phase: 'dump', plainBytes: 1, note: 'first' }, { phase: 'seal' }]);
  });
});
