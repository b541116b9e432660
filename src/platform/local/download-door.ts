import { createHash, randomBytes } from 'node:crypto';
import type { DownloadDoor, DownloadRequest } from '../platform.ts';

const TOKEN_BYTES = 32;
/** More links than people ask for in five minutes; the oldest go first. */
const MOST_LINKS = 10_000;

/** Links of this machine: what stands behind each is known to this process alone and ends with it. */
export interface LocalDownloads extends DownloadDoor {
  /** What the holder of a token may fetch now, as often as it takes to finish; undefined when there is no such link any more. */
  granted(token: string): DownloadRequest | undefined;
}

interface Link {
  readonly request: DownloadRequest;
  readonly until: number;
}

/** `baseUrl`: where this service serves `/downloads/TOKEN`. */
export function localDownloads(baseUrl: () => string, now: () => number = Date.now): LocalDownloads {
  const links = new Map<string, Link>();
  return {
    link: async (request) => {
      for (const [key, { until }] of links) if (until <= now() || links.size >= MOST_LINKS) links.delete(key);
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      links.set(hashOf(token), { request, until: now() + request.seconds * 1000 });
      return `${baseUrl()}/downloads/${token}`;
    },
    granted: (token) => {
      const link = links.get(hashOf(token));
      return link === undefined || link.until <= now() ? undefined : link.request;
    },
  };
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
