import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { systemResolver } from '../platform/system-resolver.ts';
import type { StoreParts } from './client-store.ts';
import type { ServiceConfig } from './config.ts';

/** Rooms of the data folder that are no place for backups. */
const PRIVATE_ROOMS = ['secrets', 'catalog'];

/** What stores are opened and surveyed with on one machine; the data folder by its real path. */
export function localStores(
  catalog: Catalog,
  { dataFolder, config }: { readonly dataFolder: string; readonly config: Pick<ServiceConfig, 'allowedRanges'> },
): StoreParts {
  return {
    catalog,
    resolver: systemResolver(),
    allowed: config.allowedRanges,
    privateFolders: PRIVATE_ROOMS.map((room) => join(dataFolder, room)),
  };
}
