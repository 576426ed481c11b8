import type { SessionRequest } from '../cookie/transport.ts'
import type { KeyUse } from '../crypto/keyring.ts'
import type { Session, SessionData } from '../session/session.ts'
import type { Maybe } from '../steps.ts'
import type { PolicyDescription } from './describe.ts'
import type { Explanation } from './explanation.ts'
import type { SessionHeaders } from './session-headers.ts'

/** What a commit may know of its surroundings. */
export interface CommitOptions {
  /** The status of the response (default 200). On a 101 or a 304 no cookie can be set. */
  readonly status?: number
  /** Lets a mere record of the visit be written after the response, as Workers' `ctx.waitUntil`. Without it, commit waits. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined
}

/** What a load may be asked for. */
export interface LoadOptions {
  /** Reads the store, where a snapshot would do otherwise (default false): see the option `cache`. */
  readonly fresh?: boolean
}

/** Loads a session from a request and commits it to a response; one per application. */
export interface SessionManager<Data extends object = SessionData> {
  /**
   * The session of a request, or a new one. Never rejects because of what the client sent; rejects with
   * `ERR_SESSION_STORE` when the store fails. Without a cookie of ours, no store is asked.
   */
  load(request: SessionRequest, options?: LoadOptions): Promise<Session<Data>>
  /**
   * Writes what changed, once, and seals the handle. Call it before the response head is sent; a second call
   * gives the same result.
   *
   * Rejects with `ERR_SESSION_STORE` when the store fails, and with `ERR_SESSION_DATA` when a value cannot be kept.
   */
  commit(session: Session<Data>, options?: CommitOptions): Promise<SessionHeaders>
  /**
   * The session as it is now, without a request: for a WebSocket, or a job that runs on. It follows rotations and
   * step-ups; null when the session has ended. Committing it writes what changed and needs no response; what would need
   * a cookie is left undone, with the event `withheld`.
   *
   * @param session One that is stored; reload again at least once within each idle limit.
   */
  reload(session: Session<Data>): Promise<Session<Data> | null>
  /**
   * `load` and `commit` that give a promise only where they have to wait, for adapters: a response that has to be held
   * back costs far more than the session. What they throw is what the others reject with.
   */
  readonly now: {
    load(request: SessionRequest, options?: LoadOptions): Maybe<Session<Data>>
    commit(session: Session<Data>, options?: CommitOptions): Maybe<SessionHeaders>
  }
  /** Seals the handle and writes nothing, for a request that failed. The headers only keep shared caches away. */
  discard(session: Session<Data>): SessionHeaders
  /**
   * load, `handler`, commit. An untouched `Response` is returned as it is; a handler that throws commits nothing.
   * A handler may return `undefined` where its runtime has taken the connection over (Bun's `server.upgrade`).
   */
  handle<Result extends Response | undefined>(
    request: Request,
    handler: (session: Session<Data>) => Result | Promise<Result>,
    options?: LoadOptions & Pick<CommitOptions, 'waitUntil'>,
  ): Promise<Response | Result>
  /**
   * What each secret has done in this process since it started, so that you know when an old one can go.
   *
   * Once a newer secret signs, each visit with an older cookie is answered with a new one. So an old secret is not
   * needed any more when its `lastSeenAt`, in all processes, lies further back than `lifetime.idle`: who has not come
   * since has no session. Then take it out of `secrets`, or give it a `retireAfter`. A provider that has not been asked
   * yet has no secrets to tell of.
   */
  keyUse(): readonly KeyUse[]
  /**
   * Tells a developer what coatcheck sees in a request and would do with it, and why no cookie is or would be set. It
   * only reads: nothing is written or ended. For your eyes, not for your visitors'.
   */
  explain(request: SessionRequest): Promise<Explanation>
  /** The policy that holds, in words and as data: for a review, a start-up log, or the documentation (ASVS 7.1.1). */
  describe(): Promise<PolicyDescription>
}
