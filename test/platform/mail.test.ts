import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mailOf } from '../../src/domain/notice/letters.ts';
import { noticeOf } from '../../src/domain/notice/notice.ts';
import { Secret } from '../../src/domain/secret.ts';
import { type MailServer, mailer } from '../../src/platform/mail.ts';
import { type Certificate, makeCertificate } from '../support/certificate.ts';
import { headerOf, type MailSink, type MailSinkOptions, startMailSink } from '../support/mail-sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'mail-'));
let certificate: Certificate;
const sinks: MailSink[] = [];

beforeAll(async () => {
  certificate = await makeCertificate(folder, ['IP:127.0.0.1']);
});
afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function sinkAnd(options: MailSinkOptions, server: Partial<MailServer> = {}) {
  const sink = await startMailSink({ certificate, ...options });
  sinks.push(sink);
  const security = { 'at once': 'tls', offered: 'starttls', none: 'none' } as const;
  const send = mailer({
    host: '127.0.0.1',
    port: sink.port,
    security: security[options.tls ?? 'none'],
    login: undefined,
    from: 'Backups <backups@example.org>',
    tls: { ca: certificate.cert },
    ...server,
  });
  return { sink, send };
}

const MESSAGE = { id: 'a1', to: ['ops@example.org', 'two@example.org'], subject: 'Hello', text: 'First\nSecond' };

describe('mail', () => {
  it('arrives over TLS from the first byte, with its login', async () => {
    const login = { user: 'u', password: 'p w"' };
    const { sink, send } = await sinkAnd(
      { tls: 'at once', login },
      { login: { user: 'u', password: new Secret('p w"') } },
    );

    await send(MESSAGE);

    const [letter] = sink.letters;
    expect(letter).toMatchObject({ from: 'backups@example.org', to: MESSAGE.to, secure: true, user: 'u' });
    expect(letter && headerOf(letter, 'Message-ID')).toBe('<a1@example.org>');
    expect(letter && headerOf(letter, 'Auto-Submitted')).toBe('auto-generated');
    expect(letter?.raw).toContain('First\r\nSecond');
  });

  it('arrives over STARTTLS, and not at all where the server does not offer it', async () => {
    const { sink, send } = await sinkAnd({ tls: 'offered' });
    const clear = await sinkAnd({ tls: 'none' }, { security: 'starttls' });

    await send(MESSAGE);

    expect(sink.letters.map(({ secure }) => secure)).toEqual([true]);
    await expect(clear.send(MESSAGE)).rejects.toThrow(/did not take the message/);
    expect(clear.sink.letters).toEqual([]);
  });

  it('is not sent in the clear to any machine but this one', () => {
    const server = { port: 25, login: undefined, from: 'a@example.org' };

    expect(() => mailer({ ...server, host: 'mail.example.org', security: 'none' })).toThrow('would not be encrypted');
  });

  it('does not go to a server whose certificate nobody vouches for', async () => {
    const { sink, send } = await sinkAnd({ tls: 'at once' }, { tls: {} });

    await expect(send(MESSAGE)).rejects.toThrow(/certificate/);
    expect(sink.letters).toEqual([]);
  });

  it.each([
    [550, true],
    [451, false],
  ])('F69 that is refused with %d fails, for good: %p', async (code, final) => {
    const { sink, send } = await sinkAnd({});
    sink.refuse = { code, text: 'not you' };

    await expect(send(MESSAGE)).rejects.toMatchObject({
      message: expect.stringContaining('not you'),
      details: { final },
    });
  });

  it('a wrong password is no word of the failure, though the server says it', async () => {
    const { send } = await sinkAnd(
      { tls: 'at once', login: { user: 'u', password: 'right' } },
      { login: { user: 'u', password: new Secret('canary-91b2') } },
    );

    const error = await send(MESSAGE).then(
      () => 'sent',
      (thrown: Error) => thrown.message,
    );

    expect(error).toContain('did not take the message');
    expect(error).not.toContain('canary-91b2');
  });

  it.each(['\r\nBcc: evil@example.org', '\n.\r\nMAIL FROM:<x@y>', '\u2028Bcc: e@x', '\u0000\u0085\rX-A: b'])(
    'F98 a name with %j adds no header, recipient or command',
    async (hostile) => {
      const { sink, send } = await sinkAnd({});
      const data = { databaseId: 'd', databaseName: `shop${hostile}`, cause: `broken${hostile}` };
      const { payload } = noticeOf({ event: 'database.broken', tenantId: 't', key: 'k', at: new Date(), data });

      await send({ ...MESSAGE, id: 'x', ...mailOf(payload, 'http://127.0.0.1/') });

      const [letter] = sink.letters;
      expect(sink.letters).toHaveLength(1);
      expect(letter?.to).toEqual(MESSAGE.to);
      const head = letter?.raw.split('\r\n\r\n')[0] ?? '';
      const names = head.split('\r\n').flatMap((line) => /^([A-Za-z-]+):/.exec(line)?.[1] ?? []);
      expect(names.sort()).toEqual(
        [
          'Auto-Submitted',
          'Content-Transfer-Encoding',
          'Content-Type',
          'Date',
          'From',
          'MIME-Version',
          'Message-ID',
          'Subject',
          'To',
          'X-Auto-Response-Suppress',
        ].sort(),
      );
    },
  );
});
