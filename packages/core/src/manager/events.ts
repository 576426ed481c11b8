import type { SessionId } from '../crypto/token.ts'

/**
 * Why a cookie of ours did not lead to its session.
 *
 * - `malformed`: not the form of a token; `forged`: no secret of the ring made it
 * - `ambiguous`: two valid sessions, or more cookies of our name than are looked at; `oversized`: a Cookie header above 16 KiB
 * - `unknown`: no such record (destroyed, revoked, or swept after its expiry); `expired`: past its idle or absolute limit
 * - `superseded`: the id was ended by a login; `reused`: the id was rotated away and its grace window is over
 * - `schema`: the data does not fit the schema; `unreadable`: the record is damaged or of a newer format
 */
export type RejectionReason =
  | 'malformed'
  | 'forged'
  | 'ambiguous'
  | 'oversized'
  | 'unknown'
  | 'expired'
  | 'superseded'
  | 'reused'
  | 'schema'
  | 'unreadable'

/** Why a cookie could not be set, or was not looked at. */
export type InsecureReason =
  /** Plain http on a host that is not loopback. */
  | 'plain-http'
  /** A proxy announced itself by a forwarding header, but `trustProxy` does not name it. */
  | 'untrusted-proxy'

/**
 * One decision of the library. Events carry ids for correlation, never a token. The vocabulary is closed:
 * a new type is a new minor version.
 */
export type SessionEvent =
  /** The request brought a cookie of ours, and a new session was begun instead. `id` when its proof held. */
  | { readonly type: 'rejected'; readonly reason: RejectionReason; readonly id: SessionId | null }
  /** A record was written for the first time. */
  | { readonly type: 'created'; readonly id: SessionId; readonly userId: string | null }
  /** Changed data were written. */
  | { readonly type: 'updated'; readonly id: SessionId; readonly keys: readonly string[] }
  /** Only the time of the last visit was written. */
  | { readonly type: 'touched'; readonly id: SessionId }
  /** A user was bound; the id changed, and `previous` ended at once. */
  | {
      readonly type: 'login'
      readonly id: SessionId
      readonly previous: SessionId | null
      readonly userId: string
    }
  /** The id changed; `previous` stays readable for the grace window. */
  | { readonly type: 'rotated'; readonly id: SessionId; readonly previous: SessionId }
  /** The session was ended by the application. */
  | { readonly type: 'destroyed'; readonly id: SessionId }
  /** A rotated id came back after its grace window, a sign of theft: its whole session was ended. */
  | { readonly type: 'reused'; readonly id: SessionId }
  /** The session ended while this request ran: nothing was written, no cookie set. */
  | { readonly type: 'gone'; readonly id: SessionId }
  /** Another request wrote first; the changes are replayed on its result. */
  | { readonly type: 'conflict'; readonly id: SessionId; readonly attempt: number }
  /** The cookie was signed by an older secret (`index` in `secrets`); the next response carries it anew. */
  | { readonly type: 'old-key'; readonly id: SessionId; readonly index: number }
  /** No cookie was set or read, because the transport is not safe. `remedy` is a sentence. */
  | { readonly type: 'insecure'; readonly reason: InsecureReason; readonly remedy: string }
  /** The response is a 304, which caches merge into what they keep: what needs a cookie was left undone. */
  | {
      readonly type: 'withheld'
      readonly id: SessionId | null
      readonly change: 'create' | 'login' | 'rotate'
    }
  /** The store failed at `operation`. */
  | {
      readonly type: 'store-failure'
      readonly operation: 'get' | 'set' | 'delete' | 'compareAndSet'
      readonly error: unknown
    }
  /** Said once when the manager is made: this store cannot write on a condition. */
  | { readonly type: 'last-write-wins'; readonly consistency: 'immediate' | 'eventual' }

/** Receives each event. What it throws is caught and printed: a faulty hook never harms a request. */
export type OnEvent = (event: SessionEvent) => void

/** The hook, made safe to call from anywhere. One that is asynchronous is not waited for. */
export function safely(onEvent: OnEvent): OnEvent {
  const report = (error: unknown): void => console.error('coatcheck: the onEvent hook threw', error)
  return (event) => {
    try {
      const result: unknown = onEvent(event)
      if (result) Promise.resolve(result).catch(report)
    } catch (error) {
      report(error)
    }
  }
}

/** Without a hook, only the silence that costs developers days is broken: why no cookie is set. Says so once. */
export function warnWhenInsecure(): OnEvent {
  let warned = false
  return (event) => {
    if (event.type !== 'insecure' || warned) return
    warned = true
    console.warn(`coatcheck: no session cookie was set (${event.reason}). ${event.remedy}`)
  }
}
