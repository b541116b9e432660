import { Failure } from '../domain/failure.ts';
import { mailer } from '../platform/mail.ts';
import type { Notices, Resolver } from '../platform/platform.ts';
import { webhookCaller } from '../platform/webhook.ts';
import type { ServiceConfig } from './config.ts';

/** Mail by the operator's server, where there is one; webhooks by ourselves. */
export function localNotices(config: Pick<ServiceConfig, 'mail' | 'allowedRanges'>, resolver: Resolver): Notices {
  return {
    email: config.mail === undefined ? refuse : mailer(config.mail),
    webhook: webhookCaller({ resolver, allowed: config.allowedRanges }),
  };
}

function refuse(): Promise<never> {
  const remedy = 'Set SMTP_URL and SMTP_FROM, or use a webhook.';
  return Promise.reject(new Failure('not_ready', 'No mail server is configured.', { remedy }));
}
