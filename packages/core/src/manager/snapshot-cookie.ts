import type { SessionCookie } from '../cookie/session-cookie.ts'

/** The cookie that a snapshot goes into, beside the session cookie. */
export function snapshotCookie(cookie: SessionCookie): SessionCookie {
  return cookie.sibling('-cache')
}
