import { Secret } from '../../domain/secret.ts';
import type { Connection } from '../engine.ts';

export type Family = 'MariaDB' | 'MySQL';

/** The longest line the tools read whole; what is longer they cut without a word. */
const LONGEST_LINE = 4_000;

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\b': '\\b',
};

/** A value as the option file of both families takes it whole: quoted and escaped (M10). */
export function optionValue(value: string): string {
  return `"${value.replace(/[\\"\n\t\r\b]/g, (character) => ESCAPES[character] ?? character)}"`;
}

/** Whether an option of this value survives the tools' line buffer. */
export function fitsOptionFile(value: string): boolean {
  return Buffer.byteLength(optionValue(value)) < LONGEST_LINE;
}

/**
 * Everything a tool needs to log in, for `--defaults-file`: no other option file is read, so nobody's my.cnf takes part.
 * The server gets no file of ours (F104), and never the password in clear: MariaDB's clients would load a plugin that
 * gives it to any server that asks (F103), so they find none.
 */
export function optionFile(connection: Connection, family: Family): Secret {
  const lines = [
    '[client]',
    'protocol=tcp',
    `host=${optionValue(dialled(connection))}`,
    `port=${connection.port}`,
    `user=${optionValue(connection.user)}`,
    ...(connection.password === undefined ? [] : [`password=${optionValue(connection.password.reveal())}`]),
    ...tlsLines(connection, family),
    ...(family === 'MariaDB' ? ['plugin-dir=/nonexistent'] : []),
    // Only the interactive client knows this one.
    '[mysql]',
    'local-infile=0',
  ];
  return new Secret(`${lines.join('\n')}\n`);
}

/**
 * Where the tools connect. They know one name for dialling and for TLS: where the certificate is checked against it, the
 * name stays, since an address that changed meanwhile has no certificate for it; else the checked address is dialled (F88).
 */
export function dialled({ host, address, tls }: Connection): string {
  return checksName(tls.mode) ? host : (address ?? host);
}

/** MariaDB's tools check the chain only together with the name, so `verify-ca` means `verify-full` there. */
function checksName(mode: Connection['tls']['mode']): boolean {
  return mode === 'verify-full' || mode === 'verify-ca';
}

function tlsLines({ tls }: Connection, family: Family): string[] {
  if (family === 'MySQL') return mysqlTlsLines(tls.mode);
  if (tls.mode === 'disable') return ['skip-ssl', 'loose-skip-ssl-verify-server-cert'];
  if (tls.mode === 'require') return ['ssl', 'loose-skip-ssl-verify-server-cert'];
  return ['ssl', 'ssl-verify-server-cert'];
}

function mysqlTlsLines(mode: Connection['tls']['mode']): string[] {
  // Without TLS a password travels encrypted with the server's own key, which must be asked for.
  if (mode === 'disable') return ['ssl-mode=DISABLED', 'get-server-public-key'];
  if (mode === 'require') return ['ssl-mode=REQUIRED'];
  return [mode === 'verify-ca' ? 'ssl-mode=VERIFY_CA' : 'ssl-mode=VERIFY_IDENTITY'];
}
