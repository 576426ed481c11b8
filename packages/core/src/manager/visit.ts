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

/** What the cookies of a request have led to. */
export type Found<Trace> = Partial<Pick<Visit<Trace>, 'foreign' | 'oldKey' | 'presented' | 'state' | 'trace'>>

/**
 * The visit of one request. A class: V8 puts object literals that refer to each request among what lives long, and with
 * them the whole request.
 */
export class RequestVisit<Trace> implements Visit<Trace> {
  readonly owner: object
  readonly state: SessionState
  readonly request: SessionRequest
  transport: Transport | null
  kind: CookieKind | null
  readonly presented: boolean
  readonly oldKey: boolean
  trace: Trace | null
  readonly foreign: ForeignCookie | null
  committed?: Maybe<SessionHeaders>

  constructor(
    owner: object,
    state: SessionState,
    request: SessionRequest,
    transport: Transport | null,
    kind: CookieKind | null,
    found: Found<Trace> | null,
  ) {
    this.owner = owner
    this.state = state
    this.request = request
    this.transport = transport
    this.kind = kind
    this.presented = found?.presented ?? false
    this.oldKey = found?.oldKey ?? false
    this.trace = found?.trace ?? null
    this.foreign = found?.foreign ?? null
  }
}
