import { type Command, Option } from 'commander';
import { z } from 'zod';

/** Options of every command that asks a service. */
export const ServiceOptions = z.object({
  server: z.string().optional(),
  apiKey: z.string().optional(),
  dataDir: z.string().optional(),
  json: z.boolean().default(false),
  quiet: z.boolean().default(false),
  progress: z.enum(['auto', 'ndjson', 'none']).default('auto'),
});
export type ServiceOptions = z.infer<typeof ServiceOptions>;

const GROUP = 'Common options:';

export function addServiceOptions(command: Command): Command {
  const options = [
    new Option('--server <url>', 'the service; left out, where you are signed in, or this machine’s'),
    new Option('--api-key <source>', 'its key: env:NAME, file:PATH or - for standard input'),
    new Option('--data-dir <folder>', 'the data folder of a service on this machine'),
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
