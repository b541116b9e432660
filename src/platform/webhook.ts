import { Failure, messageOf } from '../domain/failure.ts';
import { type PinnedRules, pinnedRequest } from './pinned-request.ts';
import type { Notices, WebhookCall } from './platform.ts';

/** Shown of an answer that is none; it may be somebody's error page. */
const SHOWN = 100;
const GONE = 410;

/** Calls webhooks: checked and pinned address, no redirects, 5 s, 64 KiB of answer (F87–F89). Only 2xx is an acceptance. */
export function webhookCaller(rules: Pick<PinnedRules, 'resolver' | 'allowed'>): Notices['webhook'] {
  return async (call) => {
    const { status, body } = await ask(call, rules);
    if (status >= 200 && status < 300) return;
    const redirect = status >= 300 && status < 400 ? ' A redirect is not followed.' : '';
    throw refused(call, `answered ${status} ${body.slice(0, SHOWN).replace(/\s+/g, ' ')}`.trim() + redirect, {
      final: status === GONE,
    });
  };
}

async function ask(call: WebhookCall, rules: Pick<PinnedRules, 'resolver' | 'allowed'>) {
  const headers = { 'content-type': 'application/json', 'user-agent': 'database-dump', ...call.headers };
  try {
    return await pinnedRequest({ url: call.url, method: 'POST', headers, body: call.body }, rules);
  } catch (error) {
    throw refused(call, messageOf(error), { final: false });
  }
}

/** Names the host alone: the rest of a webhook's address is often its key. */
function refused({ url }: WebhookCall, why: string, details: { readonly final: boolean }): Failure {
  return new Failure('not_ready', `The webhook at ${new URL(url).host} was not accepted: ${why}`, {
    remedy: 'Look at the address of the channel and at what listens there.',
    details,
  });
}
