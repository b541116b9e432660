import { lookup } from 'node:dns/promises';
import { Failure } from '../domain/failure.ts';
import type { Resolver } from './platform.ts';

/** Names as this machine resolves them: every address of each. */
export function systemResolver(): Resolver {
  return {
    addresses: async (host) => {
      try {
        return (await lookup(host, { all: true })).map(({ address }) => address);
      } catch (error) {
        throw new Failure('database_unreachable', `The name ${host} cannot be resolved.`, {
          remedy: 'Check the spelling of the host name, and the DNS of this machine.',
          cause: error,
        });
      }
    },
  };
}
