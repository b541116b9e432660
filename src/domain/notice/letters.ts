import { type NoticePayload, oneLine } from './notice.ts';

/** A notice as each kind of channel reads it. */

/** For people, as plain text: nothing in it is ever read as markup. */
export function mailOf(payload: NoticePayload, link: string): { readonly subject: string; readonly text: string } {
  return {
    subject: oneLine(`[Database Dump] ${payload.severity}: ${payload.title}`),
    text: [payload.title, '', plain(payload.text), '', `At: ${payload.timestamp}`, `Console: ${link}`, ''].join('\n'),
  };
}

/** Line breaks stay, every other control character goes. */
function plain(text: string): string {
  return text.replace(/[^\P{Cc}\n]+|[\p{Cf}\p{Cs}]+/gu, ' ');
}

const MARKS: Readonly<Record<NoticePayload['severity'], string>> = {
  critical: ':red_circle:',
  warning: ':large_yellow_circle:',
  info: ':white_circle:',
};

/** Text that chats with Slack's incoming webhooks show; names of clients cannot become links or calls of people. */
export function chatOf(payload: NoticePayload, link: string): string {
  const text = `${MARKS[payload.severity]} *${escaped(payload.title)}*\n${escaped(plain(payload.text))}\n${escaped(link)}`;
  return JSON.stringify({ text, unfurl_links: false, unfurl_media: false });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
