import { Argument, type Command, Option } from 'commander';
import { addCommonOptions } from './rescue/global-options.ts';
import { bytesValue, collect, collectPair, compressionValue, levelValue, spanValue } from './values.ts';

const DATABASE = 'postgres://, mysql://, mariadb:// or mongodb:// URL, env:NAME or file:PATH; left out, $DATABASE_URL';
const STORE =
  'file:///folder or s3://bucket/prefix?region=…&endpoint=…&path-style=true&role-arn=…&external-id=env:NAME';
const REFERENCE = "a backup's id or the start of one; latest; latest:NAME where the store holds several databases";

/** The commands that need no service: a database, a store and a key are enough. What they do is loaded when one is asked for. */
export function addRescueCommands(program: Command): void {
  const rescue = program
    .command('rescue')
    .description('back up, look at and restore with no service: a URL and a store are enough');
  addBackup(rescue);
  addList(rescue);
  addVerify(rescue);
  addDownload(rescue);
  addRestore(rescue);
}

function addBackup(rescue: Command): void {
  const command = rescue.command('backup').description('back up a database and verify what was stored');
  command.addArgument(new Argument('[DATABASE_URL]', DATABASE));
  const options = [
    new Option('--to <store>', STORE).makeOptionMandatory(),
    new Option('--level <level>', 'how far to verify: 1 stored, 2 decoded, 3 restored and compared')
      .argParser(levelValue)
      .default(2),
    new Option('--scratch <database>', 'the server that level 3 restores into; left out, a private throwaway one'),
    new Option(
      '--assert <name=sql>',
      'at level 3: a statement that must give one row, first column true (repeatable)',
    ).argParser(collectPair),
    new Option('--assert-file <file>', 'more of them, one NAME=SQL per line'),
    new Option('--type <type>', 'what to back up').choices(['full', 'schema', 'data']).default('full'),
    new Option('--all-databases', 'every database of the server, and its roles, accounts and settings'),
    new Option('--password-hashes', 'keep the password hashes of roles and accounts too'),
    new Option('--include <table>', 'only this table or collection, with * and ? (repeatable)').argParser(collect),
    new Option('--exclude <table>', 'not this table or collection (repeatable)').argParser(collect),
    new Option('--compression <how>', 'zstd:1 to zstd:19, gzip:1 to gzip:9, or none')
      .argParser(compressionValue)
      .default({ algorithm: 'zstd', level: 3 }, 'zstd:3'),
    new Option('--encrypt-to <recipient>', 'an age recipient, age1… (repeatable)').argParser(collect),
    new Option('--rate-limit <bytes>', 'bytes per second to take from the database at most, 20MB').argParser(
      bytesValue,
    ),
    new Option('--size-cap <bytes>', 'fail when the dump is larger').argParser(bytesValue),
    new Option('--inactivity <span>', 'fail when the database gives no byte for so long')
      .argParser(spanValue)
      .default(300_000, '5m'),
    new Option('--lock-wait <span>', 'fail when a table is locked for so long')
      .argParser(spanValue)
      .default(30_000, '30s'),
    new Option('--block-limit <span>', 'stop when the dump holds up others for so long; 0 never stops')
      .argParser(spanValue)
      .default(0, '0'),
    new Option('--plain-hash', 'hash the dump itself while it is made'),
    new Option('--source-digest', "digest the source's content in the dump's snapshot: reads everything twice"),
  ];
  for (const option of options) command.addOption(option);
  addCommonOptions(command).action(async (database: string | undefined, given: unknown) => {
    const { backupCommand } = await import('./rescue/backup.ts');
    await backupCommand(database, given);
  });
}

function addList(rescue: Command): void {
  const command = rescue.command('list').description('what backups a store holds, and how sure each one is');
  command.addOption(new Option('--from <store>', STORE).makeOptionMandatory());
  addCommonOptions(command).action(async (given: unknown) => {
    const { listCommand } = await import('./rescue/list.ts');
    await listCommand(given);
  });
}

function addVerify(rescue: Command): void {
  const command = rescue.command('verify').description('prove that a backup can be restored');
  command.addArgument(new Argument('[BACKUP]', REFERENCE).default('latest'));
  const options = [
    new Option('--from <store>', STORE).makeOptionMandatory(),
    new Option('--level <level>', '1 stored, 2 decoded, 3 restored and compared').argParser(levelValue).default(2),
    new Option('--scratch <database>', 'the server that level 3 restores into; left out, a private throwaway one'),
    new Option('--assert <name=sql>', 'a statement that must give one row, first column true (repeatable)').argParser(
      collectPair,
    ),
    new Option('--assert-file <file>', 'more of them, one NAME=SQL per line'),
  ];
  for (const option of options) command.addOption(option);
  addCommonOptions(command).action(async (reference: string, given: unknown) => {
    const { verifyCommand } = await import('./rescue/verify.ts');
    await verifyCommand(reference, given);
  });
}

function addDownload(rescue: Command): void {
  const command = rescue.command('download').description("fetch a backup's bytes, checked on their way");
  command.addArgument(new Argument('[BACKUP]', REFERENCE).default('latest'));
  const options = [
    new Option('--from <store>', STORE).makeOptionMandatory(),
    new Option('--output <file>', 'where to; - is standard output'),
    new Option('--decompress', 'the plain dump, as the database tool wrote it'),
  ];
  for (const option of options) command.addOption(option);
  addCommonOptions(command).action(async (reference: string, given: unknown) => {
    const { downloadCommand } = await import('./rescue/download.ts');
    await downloadCommand(reference, given);
  });
}

function addRestore(rescue: Command): void {
  const command = rescue.command('restore').description('restore a backup: beside the target unless told otherwise');
  command.addArgument(new Argument('[BACKUP]', REFERENCE).default('latest'));
  const options = [
    new Option('--from <store>', STORE).conflicts('file'),
    new Option('--into <database>', `the target: ${DATABASE}`).makeOptionMandatory(),
    new Option('--file <dump>', "a dump that is not ours, instead of a store's backup"),
    new Option('--engine <engine>', "whose dump --file is; left out, the target's"),
    new Option('--new-name <name>', 'the name of the new database; left out, <name>_restored_<time>'),
    new Option('--swap', "then give it the target's name; the old one is kept as <name>_before_<time>").conflicts(
      'inPlace',
    ),
    new Option('--in-place', 'into the target itself, after a safety backup').conflicts('newName'),
    new Option('--disconnect', 'end the sessions that keep a swap from happening'),
    new Option('--type <type>', 'what to restore').choices(['full', 'schema', 'data']).default('full'),
    new Option('--only <table>', 'only this table or collection (repeatable)').argParser(collect),
    new Option('--no-owner', 'everything belongs to the user who restores'),
    new Option('--no-acl', 'no grants'),
    new Option('--role-map <old=new>', 'another role for owners, grants and definers (repeatable)').argParser(
      collectPair,
    ),
    new Option(
      '--globals',
      "the server's roles, accounts and grants: makes what is missing, changes nothing that is there",
    ).conflicts(['file', 'newName', 'swap', 'inPlace', 'only', 'roleMap', 'disconnect']),
    new Option('--plan', 'say what would happen; change nothing'),
  ];
  for (const option of options) command.addOption(option);
  addCommonOptions(command).action(async (reference: string, given: unknown) => {
    const { restoreCommand } = await import('./rescue/restore.ts');
    await restoreCommand(reference, given);
  });
}
