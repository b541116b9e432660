import { Command } from 'commander';
import { VERSION } from './version.ts';

const program = new Command('dbdump')
  .description('Verified backup and restore of PostgreSQL, MySQL, MariaDB and MongoDB')
  .version(VERSION);

await program.parseAsync();
