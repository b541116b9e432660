import { mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type MailSink, startMailSink } from '../../test/support/mail-sink.ts';
import { prepareService, type RunningService } from '../../test/support/running-service.ts';
import { startWebhookSink, type WebhookSink } from '../../test/support/webhook-sink.ts';
import { type PostgresDatabase, startJournal, startLibrary, startShop, type TourDatabase } from './databases.ts';
import { provideMongod } from './mongod.ts';

/** Everything that the tour meets, each in a process or at least a port of its own; gone after `close`. */
export interface World {
  readonly service: RunningService;
  readonly shop: PostgresDatabase;
  readonly library: TourDatabase;
  readonly journal: TourDatabase;
  readonly mail: MailSink;
  readonly webhook: WebhookSink;
  close(): Promise<void>;
}

export const SENDER = 'backups@example.com';

export async function openWorld(): Promise<World> {
  const closers: (() => Promise<void>)[] = [];
  const opened = async <T>(work: Promise<T>, close: (made: T) => Promise<void>): Promise<T> => {
    const made = await work;
    closers.push(() => close(made));
    return made;
  };
  const close = async () => {
    for (const one of closers.reverse().splice(0)) await one();
  };
  try {
    const mail = await opened(startMailSink(), (sink) => sink.stop());
    const webhook = await opened(startWebhookSink(), (sink) => sink.stop());
    const environment = (folder: string) => environmentOf(folder, mail);
    const service = await opened(prepareService({ environment }), (one) => one.remove());
    const bin = join(service.folder, 'bin');
    mkdirSync(bin);
    const file = (name: string) => join(service.folder, `${name}.password`);
    const shop = await opened(startShop(file('shop')), (one) => one.stop());
    const library = await opened(startLibrary(file('library')), (one) => one.stop());
    const journal = await opened(startJournal(file('journal')), (one) => one.stop());
    await provideMongod(bin);
    await opened(service.start(), async () => void (await service.stop()));
    return { service, shop, library, journal, mail, webhook, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The mail server is on this machine: nothing of a letter goes over a network, so that it may do without TLS. */
function environmentOf(folder: string, mail: MailSink): NodeJS.ProcessEnv {
  return {
    PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
    SMTP_URL: `smtp://127.0.0.1:${mail.port}?tls=none`,
    SMTP_FROM: SENDER,
  };
}
