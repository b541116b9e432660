import { type Command, Option } from 'commander';
import { bytesValue, collect, collectPair, levelValue, spanValue } from '../values.ts';
import { passwordOption } from './places.ts';
import { addServiceCommand, type ServiceCommand } from './service-command.ts';

const BACKUP = 'its id or name, latest, or latest:DATABASE';
const RUN = 'its id, or latest';
const noWait = () => new Option('--no-wait', 'only start it');
const limit = () => new Option('--limit <count>', 'how many at most').argParser(countValue).default(50);
const databaseOption = () => new Option('--database <database>', 'of this database only');

function countValue(text: string): number {
  return Math.max(1, Number.parseInt(text, 10) || 1);
}

const BACKUP_NOW: ServiceCommand = {
  name: 'now',
  description: 'back up a database, and wait for it',
  arguments: { '<DATABASE>': 'its name or id' },
  options: [
    new Option('--to <destination>', 'where to (repeatable); left out, the only destination').argParser(collect),
    new Option('--type <type>', 'what to back up').choices(['full', 'schema', 'data']).default('full'),
    new Option('--level <level>', 'how far to verify: 1 stored, 2 decoded, 3 restored and compared')
      .argParser(levelValue)
      .default(2),
    new Option('--name <name>', 'a name for the backup'),
    new Option('--encrypt-to <recipient>', 'an age recipient, age1… (repeatable)').argParser(collect),
    passwordOption(),
    noWait(),
  ],
  load: async () => (await import('../commands/backup-now.ts')).backupNow,
};

const BACKUP_LIST: ServiceCommand = {
  name: 'list',
  description: 'backups, newest first',
  options: [
    databaseOption(),
    new Option('--destination <destination>', 'in this destination only'),
    new Option('--state <state>', 'in this state only').choices([
      'sealed',
      'stored',
      'good',
      'suspect',
      'lost',
      'archived',
      'deleting',
      'deleted',
    ]),
    new Option('--tag <tag>', 'with this tag only'),
    new Option('--after <instant>', 'taken after, 2026-11-24T00:00:00Z'),
    new Option('--before <instant>', 'taken before'),
    limit(),
  ],
  load: async () => (await import('../commands/backup.ts')).backupList,
};

const BACKUP_DOWNLOAD: ServiceCommand = {
  name: 'download',
  description: 'fetch a backup, checked while it comes; what was cut off goes on from there',
  arguments: { '<BACKUP>': BACKUP },
  options: [
    new Option('--output <file>', 'where to; left out, its own name here'),
    new Option('--force', 'also over a file that is there'),
  ],
  load: async () => (await import('../commands/backup-download.ts')).backupDownload,
};

export function addBackupCommands(program: Command): void {
  const backup = program.command('backup').description('backups that the service made and keeps');
  for (const definition of [BACKUP_NOW, BACKUP_LIST, BACKUP_DOWNLOAD]) addServiceCommand(backup, definition);
  const about = { '<BACKUP>': BACKUP };
  const one = async (name: 'backupShow' | 'backupPin' | 'backupUnpin' | 'backupDelete' | 'backupUndelete') =>
    (await import('../commands/backup.ts'))[name];
  const reason = new Option('--reason <why>', 'why it is kept').makeOptionMandatory();
  const definitions: ServiceCommand[] = [
    { name: 'show', description: 'one of them: sizes, versions, level, tables', load: () => one('backupShow') },
    { name: 'pin', description: 'keep it for ever', options: [reason], load: () => one('backupPin') },
    { name: 'unpin', description: 'let retention judge it again', load: () => one('backupUnpin') },
    { name: 'delete', description: 'delete it, after a time of grace', load: () => one('backupDelete') },
    {
      name: 'undelete',
      description: 'take a deletion back within its time of grace',
      load: () => one('backupUndelete'),
    },
  ];
  for (const definition of definitions) addServiceCommand(backup, { ...definition, arguments: about });
  addServiceCommand(program, {
    name: 'verify',
    description: 'prove that a backup can be restored',
    arguments: about,
    options: [
      new Option('--level <level>', '1 stored, 2 decoded, 3 restored and compared').argParser(levelValue).default(3),
      noWait(),
    ],
    load: async () => (await import('../commands/verify.ts')).verifyBackup,
  });
}

/** A restore is planned and done with the same words. */
const restoreOptions = () => [
  new Option('--into <database>', 'the database that it goes to or beside').makeOptionMandatory(),
  new Option('--new-name <name>', 'the name of the new database beside it').conflicts(['swap', 'inPlace']),
  new Option('--swap', 'give the new one the name of the old, which is kept as <name>_before_<time>').conflicts(
    'inPlace',
  ),
  new Option('--in-place', 'into the database itself, after a safety backup'),
  new Option('--disconnect', 'end the sessions that keep a swap from happening'),
  new Option('--confirm <name>', 'the name of the database that is replaced'),
  new Option('--type <type>', 'what to restore').choices(['full', 'schema', 'data']).default('full'),
  new Option('--only <table>', 'only this table or collection (repeatable)').argParser(collect),
  new Option('--no-owner', 'everything belongs to the user who restores'),
  new Option('--no-acl', 'no grants'),
  new Option('--role-map <old=new>', 'another role for owners and grants (repeatable)').argParser(collectPair),
  passwordOption(),
];

export function addRestoreCommands(program: Command): void {
  const restore = program.command('restore').description('restores: into a new database unless told otherwise');
  addServiceCommand(restore, {
    name: 'plan',
    description: 'say what would happen and what stands in the way; change nothing',
    arguments: { '<BACKUP>': BACKUP },
    options: restoreOptions(),
    load: async () => (await import('../commands/restore.ts')).restorePlan,
  });
  addServiceCommand(restore, {
    name: 'run',
    description: 'restore, and wait for it',
    arguments: { '<BACKUP>': BACKUP },
    options: [...restoreOptions(), noWait()],
    load: async () => (await import('../commands/restore.ts')).restoreRun,
  });
}

export function addRunCommands(program: Command): void {
  const run = program.command('run').description('what the service does and did');
  addServiceCommand(run, {
    name: 'list',
    description: 'runs, newest first',
    options: [
      databaseOption(),
      new Option('--kind <kind>', 'of this kind only').choices([
        'backup',
        'restore',
        'verify',
        'download',
        'retention',
        'probe',
        'reconcile',
      ]),
      new Option('--state <state>', 'in this state only').choices([
        'queued',
        'running',
        'succeeded',
        'partly',
        'failed',
        'cancelled',
        'interrupted',
        'missed',
      ]),
      limit(),
    ],
    load: async () => (await import('../commands/run.ts')).runList,
  });
  const one = async (name: 'runShow' | 'runWatch' | 'runCancel') => (await import('../commands/run.ts'))[name];
  const definitions: ServiceCommand[] = [
    { name: 'show', description: 'one of them, with its last lines', load: () => one('runShow') },
    {
      name: 'watch',
      description: 'its progress until it is over; exits as the run did. With --json, a line for each change',
      load: () => one('runWatch'),
    },
    { name: 'cancel', description: 'end it; nothing of it is left behind', load: () => one('runCancel') },
  ];
  for (const definition of definitions) addServiceCommand(run, { ...definition, arguments: { '<RUN>': RUN } });
}

const KEEP = {
  last: 'the newest so many',
  days: 'those of the last so many days',
  hourly: 'one for each of so many hours',
  daily: 'one for each of so many days',
  weekly: 'one for each of so many weeks',
  monthly: 'one for each of so many months',
  yearly: 'one for each of so many years',
} as const;

const SCHEDULE_ADD: ServiceCommand = {
  name: 'add',
  description: 'back up a database again and again',
  arguments: { '<NAME>': 'what you call it' },
  options: [
    new Option('--database <database>', 'which one').makeOptionMandatory(),
    new Option('--to <destination>', 'where to (repeatable); left out, the only destination').argParser(collect),
    new Option('--cron <pattern>', 'five fields: minute, hour, day of month, month, day of week').conflicts('every'),
    new Option('--every <preset>', 'hourly, daily, weekly (Sunday) or monthly (the first), at 03:00').choices([
      'hourly',
      'daily',
      'weekly',
      'monthly',
    ]),
    new Option('--zone <zone>', 'IANA time zone; left out, that of this machine'),
    new Option('--jitter <span>', 'start anywhere within this span').argParser(spanValue),
    ...Object.entries(KEEP).map(([name, what]) =>
      new Option(`--keep-${name} <count>`, `keep ${what}`).argParser(countValue),
    ),
    new Option('--max-bytes <bytes>', 'give up the oldest above this size').argParser(bytesValue),
    new Option('--type <type>', 'what to back up').choices(['full', 'schema', 'data']).default('full'),
    new Option('--level <level>', 'how far each is verified').argParser(levelValue).default(2),
    new Option('--encrypt-to <recipient>', 'an age recipient, age1… (repeatable)').argParser(collect),
    new Option('--paused', 'do not start it yet'),
  ],
  load: async () => (await import('../commands/schedule-add.ts')).scheduleAdd,
};

export function addScheduleCommands(program: Command): void {
  const schedule = program.command('schedule').description('when databases are backed up, and what is kept');
  addServiceCommand(schedule, SCHEDULE_ADD);
  addServiceCommand(schedule, {
    name: 'list',
    description: 'all of them, in words, with their next run',
    load: async () => (await import('../commands/schedule.ts')).scheduleList,
  });
  addServiceCommand(schedule, {
    name: 'preview',
    description: 'a pattern in words, and its next runs',
    arguments: { '<PATTERN>': 'five fields, quoted: "30 2 * * *"' },
    options: [
      new Option('--zone <zone>', 'IANA time zone; left out, that of this machine'),
      new Option('--count <count>', 'how many').argParser(countValue).default(5),
    ],
    load: async () => (await import('../commands/schedule.ts')).schedulePreview,
  });
  const one = async (name: 'scheduleRunNow' | 'schedulePause' | 'scheduleResume' | 'scheduleRemove') =>
    (await import('../commands/schedule.ts'))[name];
  const definitions: ServiceCommand[] = [
    { name: 'run-now', description: 'now, whatever its time', options: [noWait()], load: () => one('scheduleRunNow') },
    { name: 'pause', description: 'start nothing until it is resumed', load: () => one('schedulePause') },
    { name: 'resume', description: 'go on; what passed is not made up for', load: () => one('scheduleResume') },
    { name: 'remove', description: 'remove it; backups stay', load: () => one('scheduleRemove') },
  ];
  for (const definition of definitions)
    addServiceCommand(schedule, { ...definition, arguments: { '<SCHEDULE>': 'its name or id' } });
}
