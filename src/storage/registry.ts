import { openFilesystem } from './filesystem/index.ts';
import { openS3 } from './s3/index.ts';
import type { Storage } from './storage.ts';
import type { StorageContext, StoreConfig } from './store-config.ts';

/** Every kind of destination: scheme of its address, folder of its code. The only list there is. */
export const STORAGE_KINDS = {
  filesystem: { scheme: 'file' },
  s3: { scheme: 's3' },
} as const satisfies Record<StoreConfig['kind'], { readonly scheme: string }>;

/** A store by its configuration. Nothing is contacted or created yet. */
export function openStorage(config: StoreConfig, context: StorageContext = {}): Storage {
  switch (config.kind) {
    case 'filesystem':
      return openFilesystem(config, context);
    case 's3':
      return openS3(config, context);
  }
}
