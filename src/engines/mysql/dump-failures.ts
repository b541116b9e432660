import { Failure } from '../../domain/failure.ts';

export function incomplete(offset: number): Failure {
  return new Failure('dump_incomplete', `The dump stops after ${offset} bytes without its end marker.`, {
    remedy: 'Take another backup; this one was cut short where it was made.',
    details: { offset },
  });
}

export function damaged(offset: number, why: string): Failure {
  return new Failure('backup_damaged', `The dump cannot be read as one: near byte ${offset} ${why}.`, {
    remedy: 'Use another backup, or a dump written by mysqldump or mariadb-dump.',
    details: { offset },
  });
}

export function clientCommand(offset: number): Failure {
  return new Failure('restore_refused', `The dump holds a command for the client program near byte ${offset}.`, {
    remedy: 'Do not restore it: no dump tool writes such commands.',
    details: { offset },
  });
}
