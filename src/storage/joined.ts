import type { Storage } from './storage.ts';

/** One place with a session for each thing that is done to it. Left out: what writes does it too. */
export interface Sessions {
  readonly write: Storage;
  readonly read?: Storage | undefined;
  readonly remove?: Storage | undefined;
}

/** A store whose roles are kept apart: who writes cannot read or delete, and still a run needs to look at what it wrote. */
export function joinSessions({ write, read = write, remove = write }: Sessions): Storage {
  return {
    kind: write.kind,
    url: write.url,
    limits: write.limits,
    probe: () => write.probe(),
    put: (...given) => write.put(...given),
    get: (...given) => read.get(...given),
    head: (...given) => read.head(...given),
    read: (...given) => read.read(...given),
    list: (prefix) => read.list(prefix),
    remove: (...given) => remove.remove(...given),
    upload: (...given) => write.upload(...given),
    unfinishedUploads: (prefix) => write.unfinishedUploads(prefix),
    abortUpload: (upload) => write.abortUpload(upload),
    clockOffsetMs: () => write.clockOffsetMs(),
    close: async () => {
      for (const session of new Set([write, read, remove])) await session.close();
    },
  };
}
