import { FAILURES } from '../../src/domain/failure.ts';
import { counted } from '../../src/domain/figures.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';

/** `dbdump audit verify`: whether nobody changed what the chain tells. */
export const auditVerify: Work = (_given, options) =>
  askService(ServiceOptions.parse(options), async ({ client }) => {
    const verdict = await client.call('audit.verify');
    const { intact, events, head, brokenAt } = verdict;
    if (intact) return { document: verdict, lines: [`✔ intact     ${counted(events, 'event')}, head ${head}`] };
    return {
      document: verdict,
      lines: [
        `✘ broken     at event ${brokenAt ?? '?'} of ${events}: rows were changed or removed outside the service`,
      ],
      exit: FAILURES.signature_wrong.exit,
    };
  });
