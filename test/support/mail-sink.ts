import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Certificate } from './certificate.ts';

export interface Letter {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, headers and body. */
  readonly raw: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

export interface MailSink {
  readonly port: number;
  readonly letters: Letter[];
  /** The answer to the next letters; undefined: they are taken. */
  refuse: { readonly code: number; readonly text: string } | undefined;
  stop(): Promise<void>;
}

export interface MailSinkOptions {
  readonly certificate?: Certificate;
  readonly tls?: 'at once' | 'offered' | 'none';
  readonly login?: { readonly user: string; readonly password: string };
}

/** A real SMTP server on the loopback that keeps what it is sent. */
export async function startMailSink(options: MailSinkOptions = {}): Promise<MailSink> {
  const { certificate, tls = 'none', login } = options;
  const sink = { port: 0, letters: [] as Letter[], refuse: undefined as MailSink['refuse'] };
  const settings: SMTPServerOptions = {
    ...(certificate === undefined ? {} : { key: certificate.key, cert: certificate.cert }),
    secure: tls === 'at once',
    authOptional: login === undefined,
    disabledCommands: [...(tls === 'none' ? ['STARTTLS'] : []), ...(login === undefined ? ['AUTH'] : [])],
    onAuth: (auth, _session, done) => {
      const good = auth.username === login?.user && auth.password === login?.password;
      if (good) done(null, { user: auth.username });
      else done(Object.assign(new Error(`no login with ${auth.password}`), { responseCode: 535 }));
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (sink.refuse !== undefined) {
          done(Object.assign(new Error(sink.refuse.text), { responseCode: sink.refuse.code }));
          return;
        }
        sink.letters.push({
          from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('utf8'),
          secure: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
        });
        done();
      });
    },
  };
  const server = new SMTPServer(settings);
  // A client that goes away in the middle is its own affair.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  sink.port = (server.server.address() as AddressInfo).port;
  return Object.assign(sink, { stop: () => new Promise<void>((resolve) => void server.close(() => resolve())) });
}

/** One header of a letter, unfolded; undefined where it is not there. */
export function headerOf({ raw }: Letter, name: string): string | undefined {
  const head = (raw.split('\r\n\r\n')[0] ?? '').replace(/\r\n[ \t]+/g, ' ');
  const line = head.split('\r\n').find((one) => one.toLowerCase().startsWith(`${name.toLowerCase()}: `));
  return line?.slice(name.length + 2);
}
