import type { SessionId } from '../crypto/token.ts'

/**
 * Why a cookie of ours did not lead to its session.
 *
 * - `malformed`: not the form of a token; `forged`: no secret of the ring made it
 * - `ambiguous`: two valid sessions, or more cookies of our name than are looked at; `oversized`: a Cookie header above 16 KiB
 * - `unknown`: no such record (destroyed, revoked, or swept after its expiry); `expired`: past its idle or absolute limit
 * - `superseded`: the id was ended by a login; `reused`: the id was rotated away and its grace window is over
 * - `schema`: the data does not fit the schema; `unreadable`: the record is damaged or of a newer format
 * - `revoked`: a sealed session that was ended, or whose user was; `replayed`: an older cookie of one, with `strict`
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
  | 'revoked'
  | 'replayed'

/** Why a cookie could not be set, or was not looked at. */
export type InsecureReason =
  /** Plain http on a host that is not loopback. */
  | 'plain-http'
  /** A proxy announced itself by a forwarding header, but `trustProxy` does not name it. */
  | 'untrusted-proxy'

/**
 * Who ended a session from outside of it.
 *
 * - `user`: its user (or an administrator) ended this one; `others`: its user kept only the current one
 * - `all`: every session of the user was ended; `idp`: the identity provider logged the user out
 * - `limit`: the user began more sessions than `maxSessions`
 */
export type RevokedBy = 'user' | 'others' | 'all' | 'idp' | 'limit'

/**
 * Why a request is not taken for one of the site's own.
 *
 * - `cross-site`: `Sec-Fetch-Site` says so, says `same-site`, or says what no browser does
 * - `cross-origin`: no `Sec-Fetch-Site`, and `Origin` is another one or `null`
 * - `no-origin`: neither header, but a session; no browser of today does so
 * - `token-missing`, `token-invalid`: no token, or none of this session
 */
export type CsrfReason = 'cross-site' | 'cross-origin' | 'no-origin' | 'token-missing' | 'token-invalid'

/** A change of who is signed in, or of how. */
interface AuthEvent {
  readonly id: SessionId
  readonly previous: SessionId | null
  readonly userId: string
}

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
  | ({ readonly type: 'login' } & AuthEvent)
  /** The user gave a further proof; the id changed, and `previous` ended at once. */
  | ({ readonly type: 'step-up' } & AuthEvent)
  /** `actor` goes on as `userId`; the id changed, and `previous` ended at once. */
  | ({ readonly type: 'act-as'; readonly actor: string } & AuthEvent)
  /** Who acted as another is `userId` again; the id changed, and `previous` ended at once. */
  | ({ readonly type: 'stop-acting' } & AuthEvent)
  /** The id changed; `previous` stays readable for the grace window. */
  | { readonly type: 'rotated'; readonly id: SessionId; readonly previous: SessionId }
  /** The id had its time (`renewEvery`) and changed as by a rotation; `previous` stays readable for the grace window. */
  | { readonly type: 'renewed'; readonly id: SessionId; readonly previous: SessionId }
  /** The session was ended by the application. */
  | { readonly type: 'destroyed'; readonly id: SessionId }
  /** The session of `userId` was ended from outside of it. */
  | {
      readonly type: 'revoked'
      readonly id: SessionId
      readonly userId: string
      readonly by: RevokedBy
    }
  /** All sealed sessions of the user were ended; with `others`, but the one that asked. */
  | { readonly type: 'user-revoked'; readonly userId: string; readonly by: 'all' | 'others' }
  /** A session that another library had begun was taken over, and its cookie removed. */
  | {
      readonly type: 'imported'
      readonly library: string
      readonly id: SessionId
      readonly userId: string | null
    }
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
  /** A request that another site may have caused was refused with 403. */
  | {
      readonly type: 'csrf-denied'
      readonly id: SessionId | null
      readonly reason: CsrfReason
      readonly method: string
      /** `Sec-Fetch-Site`, or null. */
      readonly site: string | null
      /** `Origin`, or null. */
      readonly origin: string | null
      /** How to mend it, in a sentence, where the configuration is the likely cause. */
      readonly remedy: string | null
    }
  /** The response is a 304, which caches merge into what they keep, or there is none: what needs a cookie was left undone. */
  | {
      readonly type: 'withheld'
      readonly id: SessionId | null
      readonly change: 'create' | 'login' | 'rotate' | 'update'
    }
  /** The store failed at `operation`. */
  | {
      readonly type: 'store-failure'
      readonly operation: 'get' | 'set' | 'delete' | 'compareAndSet'
      readonly error: unknown
    }
  /** The provider of `secrets` failed; the secrets that it gave before go on being used. */
  | { readonly type: 'key-provider-failure'; readonly error: unknown }
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
