import { z } from 'zod';
import { ServiceOptions } from '../service-options.ts';
import { askService } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { verifiedDestination } from './destination.ts';
import { placeOf } from './place.ts';

const AddOptions = ServiceOptions.extend({
  writeRole: z.string().optional(),
  readRole: z.string().optional(),
  deleteRole: z.string().optional(),
  expectedOwner: z.string().optional(),
  kmsKey: z.string().optional(),
  storageClass: z.enum(['STANDARD', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR']).optional(),
  objectLock: z.enum(['none', 'governance', 'compliance']).optional(),
  label: z.record(z.string(), z.string()).optional(),
  wait: z.boolean().default(true),
});
type AddOptions = z.infer<typeof AddOptions>;

/** `dbdump destination add NAME PLACE` */
export const destinationAdd: Work = ([name = '', place = ''], given) => {
  const options = AddOptions.parse(given);
  return askService(options, async (session) => {
    const body = { ...bodyOf(place, options), name, ...(options.label === undefined ? {} : { labels: options.label }) };
    const added = await session.client.call('destinations.create', { body });
    session.screen.note(`Added ${added.name} (${added.id}).`);
    return verifiedDestination(session, added, options.wait);
  });
};

function bodyOf(place: string, options: AddOptions) {
  const where = placeOf(place);
  if (where.kind === 'filesystem') return { kind: 'filesystem' as const, filesystem: { path: where.path } };
  const { bucket, prefix, region, endpoint, pathStyle } = where;
  return {
    kind: 's3' as const,
    s3: {
      bucket,
      prefix,
      region,
      endpoint,
      pathStyle,
      writeRoleArn: options.writeRole,
      readRoleArn: options.readRole,
      deleteRoleArn: options.deleteRole,
      expectedOwner: options.expectedOwner,
      kmsKeyArn: options.kmsKey,
      storageClass: options.storageClass,
      objectLock: options.objectLock,
    },
  };
}
