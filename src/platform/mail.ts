import type { ConnectionOptions } from 'node:tls';
import { Failure, messageOf } from '../domain/failure.ts';
import type { Secret } from '../domain/secret.ts';
import type { Message, Notices } from './platform.ts';

/** The operator's mail server. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** `tls`: from the first byte. `starttls`: required, refused without. `none`: on this machine only. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly login: { readonly user: string; readonly password: Secret } | undefined;
  readonly from: string;
  readonly tls?: Pick<ConnectionOptions, 'ca'>;
}

const CONNECT_MS = 10_000;
const IDLE_MS = 15_000;

/** Sends by SMTP, with a connection for each message. A server that takes one recipient and not another has not taken it. */
export function mailer(server: MailServer): Notices['email'] {
  requireTls(server);
  return async (message) => {
    const { createTransport } = await import('nodemailer');
    const transport = createTransport({
      host: server.host,
      port: server.port,
      secure: server.security === 'tls',
      requireTLS: server.security === 'starttls',
      ignoreTLS: server.security === 'none',
      tls: { ...server.tls, minVersion: 'TLSv1.2' },
      ...(server.login === undefined
        ? {}
        : { auth: { user: server.login.user, pass: server.login.password.reveal() } }),
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      dnsTimeout: CONNECT_MS,
      // What a message names is text, never a file or an address to fetch.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      const { rejected } = await transport.sendMail(letter(server, message));
      if (rejected.length > 0) throw new Error(`${rejected.length} of ${message.to.length} recipients were refused`);
    } catch (error) {
      throw refused(server, error);
    } finally {
      transport.close();
    }
  };
}

const OWN_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1', '[::1]'];

/** Notices and the password go over no network as they are. */
function requireTls({ security, host }: MailServer): void {
  if (security !== 'none' || OWN_NAMES.includes(host)) return;
  throw new Failure('usage', `Mail to ${host} would not be encrypted.`, {
    remedy: 'Leave out the wish for no security: only a mail server on this machine is spoken to in the clear.',
  });
}

function letter({ from }: MailServer, { id, to, subject, text }: Message) {
  return {
    from,
    to: to.map((address) => ({ name: '', address })),
    subject,
    text,
    messageId: `<${id}@${domainOf(from)}>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
  };
}

function domainOf(from: string): string {
  return /@([A-Za-z0-9.-]+)>?$/.exec(from.trim())?.[1] ?? 'localhost';
}

/** A permanent refusal (5xx) of the message is final: more tries would be more of the same. */
function refused({ host, login }: MailServer, cause: unknown): Failure {
  const status = (cause as { readonly responseCode?: unknown }).responseCode;
  const command = (cause as { readonly command?: unknown }).command;
  const final = typeof status === 'number' && status >= 500 && command !== 'CONN' && command !== 'AUTH';
  const password = login?.password.reveal();
  const said = messageOf(cause);
  const text = password === undefined || password === '' ? said : said.replaceAll(password, '[secret]');
  return new Failure('not_ready', `The mail server ${host} did not take the message: ${text.slice(0, 300)}`, {
    remedy: 'Look at the address of the channel and at the mail server’s own log.',
    details: { final },
  });
}
