import type { SessionCookies } from '../cookie/session-cookie.ts'
import type { SessionRequest, Transport } from '../cookie/transport.ts'
import type { ForeignCookie } from '../session/foreign-session.ts'
import type { SessionState } from '../session/state.ts'
import type { Maybe } from '../steps.ts'
import type { SessionHeaders } from './session-headers.ts'

/** Which of the cookies: the one over https, or the one for development. */
export type CookieKind = keyof SessionCookies

/** One request between load and commit. */
export interface Visit<Trace> {
  /** Which manager has loaded the session. */
  readonly owner: object
  readonly state: SessionState
  /** Null where there is none, as after `reload`. */
  readonly request: SessionRequest | null
  /** Null as long as nobody has asked. */
  transport: Transport | null
  /** The cookie that can be read here; null where none can be read or set. */
  kind: CookieKind | null
  /** Whether the request brought a cookie of ours, of whatever worth. */
  readonly presented: boolean
  /** Whether an older secret made the cookie. */
  readonly oldKey: boolean
  /** What the backend has noted at load or commit; null when there was nothing to recall. */
  trace: Trace | null
  /** The cookie of another library that the request brought. */
  readonly foreign: ForeignCookie | null
  committed?: Maybe<SessionHeaders>
}
