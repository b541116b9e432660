import { fingerprint, keyId, publicKeyPem } from './seal.ts';

export interface KitFacts {
  /** base64 of the raw keys: the one in use first, then older ones whose backups still exist. */
  readonly publicKeys: readonly string[];
  /** Where the backups are, without credentials. */
  readonly storeUrl: string;
  /** Database engine, for the example: `postgres`. */
  readonly scheme: string;
  readonly database: string;
  /** age recipients, where backups are encrypted. */
  readonly recipients: readonly string[];
  readonly at: Date;
}

/**
 * A page to print and keep apart from the backups: with it, the store and a database server, anyone can restore. It holds
 * public keys and commands, nothing secret. `parseTrustedKeys` reads the keys back out of it.
 */
export function recoveryKit(facts: KitFacts): string {
  const { database, storeUrl, at } = facts;
  return `${[
    'DATABASE DUMP - RECOVERY KIT',
    `Made ${at.toISOString().slice(0, 10)} for backups of ${database} in ${storeUrl}`,
    '',
    'Print this page, or keep it where it survives the loss of the machine and of the store.',
    'Nothing on it is secret.',
    '',
    '1. GET THE TOOL',
    '   Install Node 24 or newer, then: npm install --global database-dump',
    '   It needs the restore program and zstd of your database; this names what is missing:',
    '     dbdump doctor',
    '',
    '2. SEE WHAT THERE IS',
    '   Save this page as recovery-kit.txt. Give S3 credentials as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    `     dbdump rescue list --from ${quoted(storeUrl)} --trust recovery-kit.txt`,
    '',
    '3. RESTORE THE NEWEST GOOD BACKUP INTO A NEW DATABASE',
    '   It is checked to its last byte before anything is written, and nothing that exists is touched.',
    `     export TARGET=${quoted(`${facts.scheme}://USER:PASSWORD@HOST/${encodeURIComponent(database)}`)}`,
    `     dbdump rescue restore latest --from ${quoted(storeUrl)} --into env:TARGET \\`,
    `       --new-name ${quoted(`${database}_restored`)} --trust recovery-kit.txt${identityOption(facts)}`,
    '',
    ...encryption(facts),
    'KEYS THAT SIGNED THESE BACKUPS',
    'Compare the fingerprint with what the tool printed when it made the key.',
    '',
    ...facts.publicKeys.flatMap(keyLines),
  ].join('\n')}\n`;
}

function identityOption({ recipients }: KitFacts): string {
  return recipients.length === 0 ? '' : ' \\\n       --identity YOUR-AGE-IDENTITY-FILE';
}

function encryption({ recipients }: KitFacts): string[] {
  if (recipients.length === 0) return [];
  return [
    'ENCRYPTION',
    'The backups are encrypted. Only the holder of an identity (AGE-SECRET-KEY-1...) of one of these can read them:',
    ...recipients.map((recipient) => `  ${recipient}`),
    'Keep that identity apart from this page. Without it the backups are lost.',
    '',
  ];
}

function keyLines(publicKey: string): string[] {
  return [`key ${keyId(publicKey)}`, `fingerprint ${grouped(fingerprint(publicKey))}`, publicKeyPem(publicKey), ''];
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** In fours, as people compare. */
function grouped(hex: string): string {
  return hex.replace(/.{4}(?=.)/g, '$& ');
}
