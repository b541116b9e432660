import { describe, expect, it } from '@jest/globals';
import { chatOf, mailOf } from '../../../src/domain/notice/letters.ts';
import { noticeOf } from '../../../src/domain/notice/notice.ts';

const link = 'https://console.example.org/x?a=1&b=2';
const payload = noticeOf({
  event: 'database.broken',
  tenantId: 't',
  key: 'x',
  at: new Date('2026-11-24T10:00:00Z'),
  data: { databaseId: 'd', databaseName: 'shop', cause: 'It does not answer.' },
}).payload;

describe('a letter', () => {
  it('is plain text: what happened, when, and where to look', () => {
    expect(mailOf(payload, link)).toEqual({
      subject: '[Database Dump] critical: The database shop cannot be backed up',
      text: [
        'The database shop cannot be backed up',
        '',
        'It does not answer.',
        'Put this right and verify it again.',
        '',
        'At: 2026-11-24T10:00:00.000Z',
        `Console: ${link}`,
        '',
      ].join('\n'),
    });
  });

  it('has a subject of one line, whatever a name holds', () => {
    const { subject } = mailOf({ ...payload, title: 'shop\r\nBcc: everyone@example.org' }, link);

    expect(subject).toBe('[Database Dump] critical: shop Bcc: everyone@example.org');
  });

  it('keeps line breaks and loses every other control character, visible or not', () => {
    const text = 'one\ntwo\r\u001b[31mthree\u0000\u0007four\u202efive\ud800six';

    expect(mailOf({ ...payload, text }, link).text).toContain('one\ntwo [31mthree four five six\n');
  });
});

describe('a message for a chat', () => {
  const textOf = (change: Partial<typeof payload>) =>
    JSON.parse(chatOf({ ...payload, ...change }, link)).text as string;

  it('is what Slack reads, with no preview of any link', () => {
    expect(JSON.parse(chatOf(payload, link))).toEqual({
      text: [
        ':red_circle: *The database shop cannot be backed up*',
        'It does not answer.',
        'Put this right and verify it again.',
        'https://console.example.org/x?a=1&amp;b=2',
      ].join('\n'),
      unfurl_links: false,
      unfurl_media: false,
    });
  });

  it('shows at a glance how bad it is', () => {
    const marks = (['critical', 'warning', 'info'] as const).map((severity) => textOf({ severity }).split(' ')[0]);

    expect(marks).toEqual([':red_circle:', ':large_yellow_circle:', ':white_circle:']);
  });

  it('calls nobody and links nowhere by a name that a client chose', () => {
    const text = textOf({ title: '<!channel> & <https://evil.example|click>', text: 'see <@U1>\u0007 & \u202eme' });

    expect(text.replace(/\nhttps:.*/, '')).toBe(
      ':red_circle: *&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;*\nsee &lt;@U1&gt;  &amp;  me',
    );
  });
});
