import { readFileSync } from 'node:fs';
import { Failure, messageOf } from '../../domain/failure.ts';
import type { Connection } from '../engine.ts';

/**
 * The certificate authority of a connection, PEM; undefined where the system's are meant. Read by us: the tools run as
 * another user, who may not open the file.
 */
export function readAuthority({ tls }: Connection): string | undefined {
  if (tls.caFile === undefined || tls.mode === 'disable' || tls.mode === 'require') return undefined;
  try {
    return readFileSync(tls.caFile, 'utf8');
  } catch (cause) {
    throw new Failure('usage', `The certificate authority cannot be read: ${messageOf(cause)}.`, {
      remedy: 'Give sslrootcert the path of a PEM file that this user can read.',
      cause,
    });
  }
}
