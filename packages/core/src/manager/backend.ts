import type { SessionId } from '../crypto/token.ts'
import type { ForeignCookie } from '../session/foreign-session.ts'
import type { LiveRecord } from '../session/state.ts'
import type { RejectionReason } from './events.ts'
import type { Maybe } from '../steps.ts'
import type { Plan } from './plan.ts'
import type { CommitOptions } from './session-manager.ts'
import type { CookieKind, Visit } from './visit.ts'

/** What the cookies of a request led to. */
export interface Recalled<Trace> {
  readonly live: LiveRecord | null
  /** Why a cookie of ours led to nothing; null when there was none. */
  readonly reason: RejectionReason | null
  /** The id that the cookie named, when it was good. */
  readonly id: SessionId | null
  /** Whether a rotation has replaced that id. */
  readonly viaGrace: boolean
  /** Above 0 when an older secret made the cookie. */
  readonly keyIndex: number
  /** Whether the record is a snapshot, and may be older than the store's. */
  readonly cached: boolean
  /** What the backend has to know again at commit. */
  readonly trace: Trace
}

/** What a commit has come to. */
export interface Kept {
  /** The record as it is now; null when there is none, or it has gone meanwhile. */
  readonly live: LiveRecord | null
  /** The `Set-Cookie` fields of the response. */
  readonly setCookies: readonly string[]
}

/** What surrounds the carrying out of a plan. */
export interface Surroundings {
  /** The cookie that the response can carry; null when it can carry none. */
  readonly kind: CookieKind | null
  /** What the commit was told; looked into only where it matters, since to ask for `waitUntil` may be dear. */
  readonly options: Pick<CommitOptions, 'waitUntil'>
}

/** Where the sessions of a manager live: in a store, or in the cookie itself. */
export interface Backend<Trace> {
  /** Whether the plan is worthless unless the response carries a cookie. */
  needsCookie(plan: Plan): boolean
  /** Follows the cookies of a request. `fresh`: past any snapshot. */
  recall(header: string, kind: CookieKind, fresh: boolean): Maybe<Recalled<Trace>>
  /** Follows a session that another library began, if it has been taken over before; a null reason says it has not. */
  recallForeign(foreign: ForeignCookie): Maybe<Recalled<Trace>>
  /** Carries out a plan, once. */
  keep(plan: Plan, visit: Visit<Trace>, surroundings: Surroundings): Maybe<Kept>
  /** The session as it is by now, without a request. */
  reload(live: LiveRecord, trace: Trace | null): Maybe<LiveRecord | null>
  /** Learns which record a handle is about, and which after its commit. */
  notice?(session: object, live: LiveRecord | null, trace: Trace | null): void
}
