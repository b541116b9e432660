import type { SessionCookie } from '../../src/operations/operation.ts';
import { SESSION_COOKIE } from './known-host.ts';

/** Cookies that one answer sets. */
export interface CookieJar extends SessionCookie {
  readonly cookies: readonly string[];
}

/** No script reads it, and no other site's page sends it along. `secure`: over HTTPS only. */
export function cookieJar(secure: boolean): CookieJar {
  const cookies: string[] = [];
  const put = (value: string, seconds: number) => {
    const tail = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure ? '; Secure' : ''}`;
    cookies.push(`${SESSION_COOKIE}=${value}; ${tail}`);
  };
  return { cookies, set: put, clear: () => put('', 0) };
}
