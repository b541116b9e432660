/**
 * Writes the generated pages of docs/: `node scripts/docs.ts`. test/docs.test.ts says when they are out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { FAILURES, type FailureCode } from '../src/domain/failure.ts';
import { ManifestBody, ReportBody, SignatureBlock } from '../src/domain/manifest.ts';
import { EVENTS } from '../src/domain/notice/events.ts';
import { commandsText } from './cli-page.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');

const MEANINGS: Readonly<Record<FailureCode, string>> = {
  internal: 'a fault of this program; please report it',
  not_ready: 'the service cannot be reached, or is starting, stopping, or without its catalog',
  usage: 'the command line, a URL or a file given cannot be used as it is',
  unauthenticated: 'nobody is signed in, or the key or session is no longer valid',
  forbidden: 'the role of whoever asks does not reach that far',
  rate_limited: 'too many requests; the answer says when to ask again',
  method_not_allowed: 'the path is there, but not for this method',
  body_too_large: 'the body of a request is larger than 1 MiB',
  media_type_unsupported: 'the body of a request is not JSON in UTF-8',
  host_unknown: 'the request names a host that is not this service',
  not_found: 'no such backup or database',
  already_running: 'another live run holds this database',
  confirmation_missing: 'a step that replaces something needs its name typed with `--confirm`',
  target_in_use: 'sessions are open on the database to be replaced; they are listed',
  target_not_empty: 'the database to restore into holds something',
  cancelled: 'cancelled by a signal; nothing was left behind',
  lease_lost: 'another run took over, since this one gave no sign of life',
  version_conflict: 'somebody else changed it in between; read it again',
  conflict: 'the change does not fit what is there; the message says to what',
  key_reused: 'an idempotency key came back with another request',
  database_unreachable: 'no connection to the database server',
  authentication_failed: 'the server refused the user or the password',
  tls_refused: 'the TLS connection was refused, or the certificate is not the one expected',
  privilege_missing: 'the user lacks a privilege; the statement that grants it is named',
  server_unsupported: 'this server, or something in it, cannot be backed up as asked',
  tool_missing: 'a program is not on this machine',
  tool_too_old: 'a program is older than the server, or below its security floor',
  not_verified: 'a database or destination must be verified before it can be used',
  limit_reached: 'a limit of the tenant is reached; it is named',
  version_missing: 'an update needs If-Match with the version that was read',
  dump_failed: 'the dump tool ended badly; its last words are shown',
  dump_incomplete: 'the dump tool ended well, but its dump does not end as one',
  dump_blocked: 'a table stayed locked, or the dump held up others for too long',
  schema_changed: 'a table was changed while it was dumped',
  standby_conflict: 'a replica cancelled the dump in favour of its replay',
  compressor_failed: 'zstd or gzip ended badly',
  stalled: 'no byte came from the database for too long',
  size_cap_exceeded: 'the dump is larger than `--size-cap`',
  storage_unreachable: 'the store cannot be reached',
  storage_denied: 'the store refused an action, which is named',
  storage_conflict: 'an object of that name is there already',
  storage_wrong_owner: 'the bucket belongs to another account than expected',
  storage_wrong_region: 'the bucket is in another region',
  storage_key_denied: 'the encryption key of the bucket refused',
  storage_unsupported: 'the store cannot do what is needed',
  storage_locked: 'the object is locked against removal',
  session_expired: 'the credentials of the store ended and could not be renewed',
  clock_skew: 'the clocks of this machine and the store differ too much',
  disk_full: 'no room left on a disk',
  backup_lost: 'the object of a backup is gone',
  backup_damaged: 'the stored bytes are not those that were sealed',
  backup_archived: 'the object must be thawed before it can be read',
  manifest_invalid: 'the manifest cannot be read',
  manifest_version_unknown: 'the manifest is of a newer version than this program',
  signer_unknown: 'no trusted key signed the manifest',
  signature_wrong: 'the manifest was changed after it was signed',
  decryption_failed: 'no identity given can decrypt the backup',
  differences_found: 'what was restored is not what was backed up; the differences are listed',
  level_not_reached: 'the backup is there, but verification stopped below the level asked for',
  restore_refused:
    'something on the target stands in the way; it is named. After `restore --globals`: something of the backup is not on the server; it is named',
  restore_failed: 'the restore tool ended badly; the target is as it was',
  target_dirty: 'the target holds half a restore; run it again',
};

/** docs/exit-codes.md */
export function exitCodesPage(): string {
  const codes = Object.entries(FAILURES) as [FailureCode, (typeof FAILURES)[FailureCode]][];
  const rows = codes.map(
    ([code, { exit, http, retry }]) =>
      `| ${exit} | \`${code}\` | ${MEANINGS[code]} | ${retry ? 'yes' : 'no'} | ${http} |`,
  );
  return `${[
    '# Exit codes',
    '',
    '`0` means done; for `backup` and `verify` it also means that the backup is good at the level that was asked for.',
    'Every other code has one cause. With `--json`, standard output then holds an RFC 9457 problem whose `code` is the',
    'name in the second column, and the same name decides the HTTP status wherever a problem travels over HTTP.',
    '',
    '"Again" says whether the same command may succeed later without anyone changing anything.',
    'A second Ctrl-C ends the program at once, with 128 plus the number of the signal.',
    '',
    '| exit | code | meaning | again | HTTP |',
    '| ---: | --- | --- | --- | ---: |',
    ...rows,
    '',
    'This page is generated: `node scripts/docs.ts`.',
  ].join('\n')}\n`;
}

const MARK = '<!-- generated from here: node scripts/docs.ts -->';

/** docs/manifest.md: its prose as it stands, then the JSON Schemas. */
export function manifestPage(current: string): string {
  const prose = current.split(MARK)[0] ?? '';
  const sections = [
    ['The manifest', ManifestBody.extend({ signature: SignatureBlock })],
    ['A verification report', ReportBody.extend({ signature: SignatureBlock })],
  ] as const;
  const text = sections.map(([title, schema]) => {
    const json = JSON.stringify(z.toJSONSchema(schema, { target: 'draft-2020-12' }), null, 2);
    return `## ${title}, as JSON Schema\n\n\`\`\`json\n${json}\n\`\`\`\n`;
  });
  return `${prose}${MARK}\n\n${text.join('\n')}`;
}

/** docs/cli.md: its prose as it stands, then every command. */
function cliPage(current: string): string {
  const prose = current.split(MARK)[0] ?? '';
  return `${prose}${MARK}\n\n${commandsText()}`;
}

/** docs/webhooks.md: its prose as it stands, then the JSON Schema of every kind of notice. */
function webhooksPage(current: string): string {
  const prose = current.split(MARK)[0] ?? '';
  const text = Object.entries(EVENTS).map(([name, schema]) => {
    const json = JSON.stringify(z.toJSONSchema(schema, { target: 'draft-2020-12' }), null, 2);
    return `## \`data\` of \`${name}\`, as JSON Schema\n\n\`\`\`json\n${json}\n\`\`\`\n`;
  });
  return `${prose}${MARK}\n\n${text.join('\n')}`;
}

/** File name → what must be in it. */
export function generatedPages(): Readonly<Record<string, string>> {
  const manifest = readFileSync(join(DOCS, 'manifest.md'), 'utf8');
  const cli = readFileSync(join(DOCS, 'cli.md'), 'utf8');
  const webhooks = readFileSync(join(DOCS, 'webhooks.md'), 'utf8');
  return {
    'exit-codes.md': exitCodesPage(),
    'manifest.md': manifestPage(manifest),
    'cli.md': cliPage(cli),
    'webhooks.md': webhooksPage(webhooks),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, text] of Object.entries(generatedPages())) writeFileSync(join(DOCS, name), text);
}
