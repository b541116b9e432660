import { type Command, Option } from 'commander';
import { z } from 'zod';
import { collect } from '../values.ts';

/** Options that every command takes. */
export const CommonOptions = z.object({
  trust: z.array(z.string()).default([]),
  identity: z.array(z.string()).default([]),
  acceptUnsigned: z.boolean().default(false),
  confirm: z.array(z.string()).default([]),
  dataDir: z.string().optional(),
  json: z.boolean().default(false),
  quiet: z.boolean().default(false),
  progress: z.enum(['auto', 'ndjson', 'none']).default('auto'),
});
export type CommonOptions = z.infer<typeof CommonOptions>;

const GROUP = 'Common options:';

export function addCommonOptions(command: Command): Command {
  const options = [
    new Option('--trust <key-or-file>', 'a public key to trust, or a file with some (repeatable)').argParser(collect),
    new Option('--identity <file>', 'age identities that can read encrypted backups (repeatable)').argParser(collect),
    new Option('--accept-unsigned', 'take a manifest that no trusted key signed; needs --confirm DATABASE'),
    new Option('--confirm <name>', 'the typed name that a dangerous step asks for (repeatable)').argParser(collect),
    new Option('--data-dir <folder>', 'where the signing key and the recovery kit live'),
    new Option('--json', 'exactly one JSON document on standard output'),
    new Option('--quiet', 'no progress, no notes'),
    new Option('--progress <how>', 'a bar or lines, NDJSON on standard error, or none').choices([
      'auto',
      'ndjson',
      'none',
    ]),
  ];
  for (const option of options) command.addOption(option.helpGroup(GROUP));
  return command;
}
