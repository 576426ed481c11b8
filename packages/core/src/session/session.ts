import type { SessionId } from '../crypto/token.ts'
import type { Authentication, Freshness, LoginFacts, StepUpFacts } from './authentication.ts'

/** Augment this interface once to type every session, or pass a type: `createSessionManager<Data>(…)`. */
// oxlint-disable-next-line typescript/no-empty-interface
export interface SessionData {}

type Key<Data> = keyof Data & string

/**
 * The session of one request. Reading and writing are synchronous; `SessionManager.commit` writes what
 * changed. After that the handle is sealed: changing it throws `ERR_SESSION_COMMITTED`.
 *
 * Values are JSON: plain objects, arrays, strings, finite numbers, booleans, null. Anything else is refused
 * with `ERR_SESSION_DATA` and the name of the key.
 */
export interface Session<Data extends object = SessionData> {
  /** Whether this request brought no session; true until the first commit with something to keep. */
  readonly isNew: boolean
  /** Names the session in lists and logs; not a credential. Null while nothing is stored; changes with the commit of `login` and `rotate`. */
  readonly id: SessionId | null
  /** Who is signed in; only `login` changes it. */
  readonly userId: string | null
  /** When the session began. */
  readonly createdAt: Date
  /** When the user was last authenticated by a login, or null. */
  readonly authenticatedAt: Date | null
  /** How the user is known, as it holds now; null when nobody is signed in. */
  readonly authentication: Authentication | null
  /** Names the session in its user's list, whatever its id; not a credential. Null while nobody is signed in. */
  readonly handle: string | null
  /** Who acts as the user, after `actAs`; null when the user is who they are. */
  readonly actor: string | null
  /** When the session ends unless another request comes: the nearer of its idle and absolute limits. */
  readonly expiresAt: Date

  /**
   * What a CSRF token is bound to in a request that reads one: the anchor of the id, and in the grace window of a rotation
   * also that of the id before. Empty for a new session.
   */
  readonly anchors: readonly string[]

  /**
   * What a CSRF token is bound to when it is given out: the anchor of the id that the client will have after this
   * response. It is no secret, and changes with each `login`, `stepUp` and `rotate`. A new session is kept from now on,
   * though it may have no data. Throws `ERR_SESSION_COMMITTED` when that comes too late.
   */
  anchor(): string
  /** The value of a key. An object may be changed in place: the change is found at commit, and saved. */
  get<K extends Key<Data>>(key: K): Data[K] | undefined
  /** Sets a value; `undefined` deletes the key. When two requests set one key, the later commit wins. */
  set<K extends Key<Data>>(key: K, value: Data[K] | undefined): void
  /** Whether the key has a value. */
  has(key: Key<Data>): boolean
  /** Deletes a key. */
  delete(key: Key<Data>): void
  /** The keys that have a value. */
  keys(): Key<Data>[]
  /** Deletes all keys; the session and its user stay. */
  clear(): void
  /**
   * Changes a value by a function of the value before. When another request wrote first, the function runs
   * again on the newer value, so no change is lost: `update('views', (views = 0) => views + 1)`.
   *
   * @param change Pure and synchronous; may run several times. Returning `undefined` deletes the key.
   */
  update<K extends Key<Data>>(key: K, change: (value: Data[K] | undefined) => Data[K] | undefined): void
  /** Keeps a value until `takeFlash` reads it: a notice for the next page. */
  flash<K extends Key<Data>>(key: K, value: Data[K]): void
  /** Reads a value and deletes it. One that another request flashed meanwhile is kept for its own turn. */
  takeFlash<K extends Key<Data>>(key: K): Data[K] | undefined

  /**
   * Binds a user: the only way to do so. The id changes, the old one ends at once, and both limits of the
   * lifetime start anew (ASVS 7.2.4). The data stay, unless another user was signed in: then they are deleted.
   */
  login(userId: string, facts?: LoginFacts): void
  /**
   * Notes a further proof of the user, which holds for a short time (ASVS 7.5.3). The id changes, the old one ends at
   * once; the limits of the lifetime stay. Throws `ERR_SESSION_STEP_UP` when nobody is signed in.
   */
  stepUp(facts: StepUpFacts): void
  /**
   * Throws {@link StepUpError} unless the last proof is as fresh and as strong as this. Call it before anything
   * sensitive (ASVS 7.5.1).
   */
  requireFresh(freshness: Freshness): void
  /**
   * Goes on as another user, for support: `actor` is who really acts. Both have their own data, so all data are deleted,
   * and the id changes. Throws `ERR_SESSION_STEP_UP` when nobody is signed in.
   */
  actAs(userId: string): void
  /** Ends {@link actAs}: the actor is the user again. Does nothing when nobody acts as another. */
  stopActing(): void
  /** Changes the id and keeps the data. The old id stays readable for `rotationGrace`; its use after that ends the session. */
  rotate(): void
  /** Ends the session and expires its cookie. What is set afterwards belongs to a new session. */
  destroy(): void
  /** Id, user and times; never the data, so that a session printed by mistake tells nothing. */
  toJSON(): SessionSummary
}

/** What `JSON.stringify` shows of a session. */
export interface SessionSummary {
  readonly id: SessionId | null
  readonly isNew: boolean
  readonly userId: string | null
  readonly createdAt: string
  readonly expiresAt: string
}
