import { type Command, Option } from 'commander';
import { bytesValue, collect, collectPair, spanValue } from '../values.ts';
import { addServiceCommand, type ServiceCommand } from './service-command.ts';

const CREDENTIAL =
  'where the service finds the password: none, env:NAME, file:/PATH, command:/PROGRAM ARGS, the ARN of a secret, rds-iam, one-off or sealed';

export const passwordOption = () =>
  new Option('--password <source>', 'a one-off password: env:NAME, file:PATH or - for standard input');
const label = () => new Option('--label <name=value>', 'a label of your own (repeatable)').argParser(collectPair);
const backups = () =>
  new Option('--backups <what>', 'what becomes of its backups').choices(['keep', 'delete']).default('keep');
const confirm = () => new Option('--confirm <name>', 'its name again, where backups are deleted');
const noWait = () => new Option('--no-wait', 'only start it');

const DATABASE_ADD: ServiceCommand = {
  name: 'add',
  description: 'add a database, and look at it',
  arguments: { '<NAME>': 'what you call it', '<URL>': 'postgres://USER@HOST/DATABASE, without a password' },
  options: [
    new Option('--environment <what>', 'what it is for')
      .choices(['production', 'staging', 'development'])
      .makeOptionMandatory(),
    new Option('--credential <source>', CREDENTIAL).makeOptionMandatory(),
    passwordOption(),
    new Option('--role <arn>', 'the role that may read the secret, or log in'),
    new Option('--region <region>', 'of the database, for rds-iam'),
    new Option('--all-databases', 'every database of the server, new ones too'),
    new Option('--include <table>', 'only this table or collection, with * and ? (repeatable)').argParser(collect),
    new Option('--exclude <table>', 'not this table or collection (repeatable)').argParser(collect),
    new Option('--assert <name=sql>', 'a statement that level 3 checks (repeatable)').argParser(collectPair),
    new Option('--rpo <span>', 'how old the newest verified backup may be').argParser(spanValue),
    new Option('--rto <span>', 'how long a restore may take').argParser(spanValue),
    new Option('--rate-limit <bytes>', 'bytes per second to take at most').argParser(bytesValue),
    new Option('--lock-wait <span>', 'fail when a table is locked for so long').argParser(spanValue),
    new Option('--block-limit <span>', 'stop when the dump holds up others for so long; 0 never stops').argParser(
      spanValue,
    ),
    label(),
    new Option('--dry-run', 'only look at it; keep nothing'),
    noWait(),
  ],
  load: async () => (await import('../commands/database-add.ts')).databaseAdd,
};

export function addDatabaseCommands(program: Command): void {
  const database = program.command('database').description('the databases that the service backs up');
  addServiceCommand(database, DATABASE_ADD);
  addServiceCommand(database, {
    name: 'list',
    description: 'all of them, and how old the newest good backup of each is',
    load: async () => (await import('../commands/database.ts')).databaseList,
  });
  addServiceCommand(database, {
    name: 'show',
    description: 'one of them: settings, what its last look found, how it stands',
    arguments: { '<DATABASE>': 'its name or id' },
    load: async () => (await import('../commands/database.ts')).databaseShow,
  });
  addServiceCommand(database, {
    name: 'verify',
    description: 'look at it again',
    arguments: { '<DATABASE>': 'its name or id' },
    options: [noWait()],
    load: async () => (await import('../commands/database.ts')).databaseVerify,
  });
  addServiceCommand(database, {
    name: 'remove',
    description: 'stop backing it up; its backups stay unless told otherwise',
    arguments: { '<DATABASE>': 'its name or id' },
    options: [backups(), confirm(), new Option('--plan', 'say what would happen; change nothing')],
    load: async () => (await import('../commands/database.ts')).databaseRemove,
  });
}

const DESTINATION_ADD: ServiceCommand = {
  name: 'add',
  description: 'add a bucket or folder, and try what may and may not be done there',
  arguments: {
    '<NAME>': 'what you call it',
    '<PLACE>': 's3://BUCKET/PREFIX?region=…&endpoint=…&path-style=true, or file:///FOLDER',
  },
  options: [
    new Option('--write-role <arn>', 'the role that may write, and nothing else'),
    new Option('--read-role <arn>', 'the role that may read'),
    new Option('--delete-role <arn>', 'the role that may delete; without it retention cannot'),
    new Option('--expected-owner <account>', 'the account that the bucket must belong to'),
    new Option('--kms-key <arn>', 'the key that objects are encrypted with'),
    new Option('--storage-class <class>', 'of new objects').choices([
      'STANDARD',
      'STANDARD_IA',
      'ONEZONE_IA',
      'INTELLIGENT_TIERING',
      'GLACIER_IR',
    ]),
    new Option('--object-lock <mode>', 'what the bucket is expected to enforce').choices([
      'none',
      'governance',
      'compliance',
    ]),
    label(),
    noWait(),
  ],
  load: async () => (await import('../commands/destination-add.ts')).destinationAdd,
};

export function addDestinationCommands(program: Command): void {
  const destination = program.command('destination').description('where backups are kept: buckets and folders');
  addServiceCommand(destination, DESTINATION_ADD);
  addServiceCommand(destination, {
    name: 'list',
    description: 'all of them',
    load: async () => (await import('../commands/destination.ts')).destinationList,
  });
  addServiceCommand(destination, {
    name: 'verify',
    description: 'try again what may and may not be done there',
    arguments: { '<DESTINATION>': 'its name or id' },
    options: [noWait()],
    load: async () => (await import('../commands/destination.ts')).destinationVerify,
  });
  addServiceCommand(destination, {
    name: 'role-template',
    description: 'what to run on your side: roles and bucket settings',
    arguments: { '<DESTINATION>': 'its name or id' },
    options: [
      new Option('--format <format>', 'as what')
        .choices(['cloudformation', 'terraform', 'cli'])
        .default('cloudformation'),
    ],
    load: async () => (await import('../commands/destination.ts')).destinationRoleTemplate,
  });
  addServiceCommand(destination, {
    name: 'remove',
    description: 'forget it; its backups stay unless told otherwise',
    arguments: { '<DESTINATION>': 'its name or id' },
    options: [backups(), confirm()],
    load: async () => (await import('../commands/destination.ts')).destinationRemove,
  });
}
