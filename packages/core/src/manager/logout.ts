import { check } from '../errors.ts'
import type { Session } from '../session/session.ts'

/** Kinds of what a browser keeps of a site (Clear-Site-Data). */
export type SiteData = 'cache' | 'storage' | 'cookies'

/** Options of {@link logout}. */
export interface LogoutOptions {
  /**
   * What else the browser is to delete, which it does over https and on localhost (default false: nothing). True means
   * cache and storage: copies of pages, local storage, databases, service workers.
   *
   * `'cookies'` has to be named: it deletes every cookie of the whole registrable domain, those of sibling hosts and
   * those of this very response included.
   */
  readonly clearSiteData?: boolean | readonly SiteData[]
}

const kinds: readonly SiteData[] = ['cache', 'storage', 'cookies']

/** The fields that logouts ask for, until their commit. */
const wanted = new WeakMap<object, string>()

/**
 * Ends the session, as `session.destroy()` does, and has the browser delete what else it keeps of the site (ASVS 14.3.1).
 * The commit does it in this order: the record is deleted; then the response takes the cookie back and says what to clear.
 * When the store fails, the response says nothing of it, and the session goes on.
 *
 * Chromium (156) puts the page that asked for the logout away only after this response, and the Back button can revive it:
 * let the next page load a picture whose handler calls this again, with `['cache']`.
 *
 * @throws `ERR_SESSION_CONFIG` for an unknown kind of data, `ERR_SESSION_COMMITTED` after the commit.
 */
export function logout(
  session: Pick<Session, 'destroy'>,
  { clearSiteData = false }: LogoutOptions = {},
): void {
  const value = fieldOf(clearSiteData)
  session.destroy()
  if (value !== null) wanted.set(session, value)
}

/** The `Clear-Site-Data` field that the response to this session has to carry, or null. */
export function clearSiteDataOf(session: object): string | null {
  return wanted.get(session) ?? null
}

function fieldOf(clearSiteData: boolean | readonly SiteData[]): string | null {
  const named = clearSiteData === true ? kinds.slice(0, 2) : clearSiteData === false ? [] : clearSiteData
  const fits = Array.isArray(named) && named.every((kind) => kinds.includes(kind))
  check(fits, 'clearSiteData', `must be true, false or a list of ${kinds.join(', ')}`)
  return named.length === 0 ? null : named.map((kind) => `"${kind}"`).join(', ')
}
