import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../src/domain/failure.ts';
import { formatBytes } from '../../src/domain/figures.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { fetchBackup } from './fetch-backup.ts';
import { findBackup } from './found.ts';

const DownloadOptions = ServiceOptions.extend({ output: z.string().optional(), force: z.boolean().default(false) });

/** `dbdump backup download BACKUP`: the file has its name only when every byte was checked. */
export const backupDownload: Work = ([reference = ''], given) => {
  const { output, force, ...service } = DownloadOptions.parse(given);
  return askService(service, async (session) => {
    const { client } = session;
    const { id } = await findBackup(client, reference);
    const renew = () => client.call('backups.download', { params: { backupId: id } });
    const grant = await renew();
    const file = resolve(output ?? basename(grant.fileName));
    if (existsSync(file) && !force) {
      throw new Failure('usage', `There is a file ${file} already.`, { remedy: 'Give another --output, or --force.' });
    }
    await fetchBackup({ file, grant, renew, signal: session.signal, progress: session.screen.progress });
    const { bytes, sha256 } = grant;
    return {
      document: { backup: id, file, bytes, sha256 },
      lines: [`${sha256}  ${basename(file)}`],
      summary: [`✔ download   ${file}, ${formatBytes(bytes)}; check it with: sha256sum -c`],
    };
  });
};
