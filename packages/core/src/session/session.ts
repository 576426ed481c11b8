import type { SessionId } from '../crypto/token.ts'
import { check, SessionError } from '../errors.ts'
import { deadlineOf, touchIsDue, type Lifetime } from './lifetime.ts'
import type { SessionRecord } from './record.ts'
import { noValues, WorkingCopy } from './values.ts'

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
  /** When `login` was last called, or null. */
  readonly authenticatedAt: Date | null
  /** When the session ends unless another request comes: the nearer of its idle and absolute limits. */
  readonly expiresAt: Date

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
  login(userId: string): void
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

/** A live record, where and how it was found. */
export interface LiveRecord {
  readonly id: SessionId
  readonly version: number
  readonly record: SessionRecord
  /** The stored data were of an older form: they are written anew even if nothing else changes. */
  readonly migrated: boolean
}

/** What one request knows of its session and wants of it; the manager reads it at commit. */
export interface SessionState {
  /** What was loaded; null for a new session, and after `destroy`. */
  origin: LiveRecord | null
  /** What `destroy` ended. */
  ended: LiveRecord | null
  working: WorkingCopy
  /** The user whom `login` bound in this request. */
  login: string | null
  rotate: boolean
  destroy: boolean
  /** Whether the cookie named an id that a rotation has replaced, and that is still in its grace window. */
  readonly viaGrace: boolean
  /** Whether the handler looked at the session at all: then the response depends on the cookie. */
  accessed: boolean
  /** Whether the commit has begun. */
  sealed: boolean
  /** The time of this request, in milliseconds since the epoch. */
  readonly now: number
}

/** The state of a request that found this record, or none. */
export function createSessionState(origin: LiveRecord | null, now: number, viaGrace = false): SessionState {
  const working = new WorkingCopy(origin?.record.values ?? noValues)
  const intent = { login: null, rotate: false, destroy: false }
  return { origin, ended: null, working, ...intent, viaGrace, accessed: false, sealed: false, now }
}

const maxUserIdLength = 255

/** The handle over a state. It knows neither request nor store. */
export class SessionHandle<Data extends object> implements Session<Data> {
  readonly #state: SessionState
  readonly #lifetime: Lifetime

  constructor(state: SessionState, lifetime: Lifetime) {
    this.#state = state
    this.#lifetime = lifetime
  }

  get isNew(): boolean {
    return this.#read().origin === null
  }

  get id(): SessionId | null {
    return this.#read().origin?.id ?? null
  }

  get userId(): string | null {
    const { login, origin } = this.#read()
    return login ?? origin?.record.userId ?? null
  }

  get createdAt(): Date {
    const { now, origin } = this.#read()
    return new Date(origin?.record.createdAt ?? now)
  }

  get authenticatedAt(): Date | null {
    const time = this.#authenticatedAt()
    return time === null ? null : new Date(time)
  }

  get expiresAt(): Date {
    const { login, now, origin } = this.#read()
    const createdAt = origin?.record.createdAt ?? now
    // A visit that is not going to be recorded prolongs nothing.
    const recorded = origin === null || login !== null || touchIsDue(origin.record, this.#lifetime, now)
    const seenAt = recorded ? now : origin.record.seenAt
    return new Date(
      deadlineOf({ createdAt, authenticatedAt: this.#authenticatedAt(), seenAt }, this.#lifetime),
    )
  }

  get<K extends Key<Data>>(key: K): Data[K] | undefined {
    return this.#read().working.get(key) as Data[K] | undefined
  }

  set<K extends Key<Data>>(key: K, value: Data[K] | undefined): void {
    this.#write().working.set(key, value)
  }

  has(key: Key<Data>): boolean {
    return this.#read().working.has(key)
  }

  delete(key: Key<Data>): void {
    this.#write().working.set(key, undefined)
  }

  keys(): Key<Data>[] {
    return this.#read().working.keys() as Key<Data>[]
  }

  clear(): void {
    this.#write().working.clear()
  }

  update<K extends Key<Data>>(key: K, change: (value: Data[K] | undefined) => Data[K] | undefined): void {
    this.#write().working.update(key, change as (value: unknown) => unknown)
  }

  flash<K extends Key<Data>>(key: K, value: Data[K]): void {
    this.set(key, value)
  }

  takeFlash<K extends Key<Data>>(key: K): Data[K] | undefined {
    return this.#write().working.take(key) as Data[K] | undefined
  }

  login(userId: string): void {
    const fits = typeof userId === 'string' && userId !== '' && userId.length <= maxUserIdLength
    // Half a surrogate pair becomes another character in UTF-8, and one user might become another.
    check(
      fits && userId.isWellFormed(),
      'userId',
      `must be a well-formed string of 1 to ${maxUserIdLength} characters`,
    )
    const state = this.#write()
    const before = this.userId
    // One user's data must never reach the next.
    if (before !== null && before !== userId) state.working.clear()
    state.login = userId
  }

  rotate(): void {
    this.#write().rotate = true
  }

  destroy(): void {
    const state = this.#write()
    const ended = state.ended ?? state.origin
    Object.assign(state, createSessionState(null, state.now), { ended, destroy: true, accessed: true })
  }

  toJSON(): SessionSummary {
    const { createdAt, expiresAt, id, isNew, userId } = this
    return { id, isNew, userId, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() }
  }

  #authenticatedAt(): number | null {
    const { login, now, origin } = this.#read()
    return login === null ? (origin?.record.authenticatedAt ?? null) : now
  }

  #read(): SessionState {
    this.#state.accessed = true
    return this.#state
  }

  #write(): SessionState {
    if (this.#state.sealed) {
      throw new SessionError(
        'ERR_SESSION_COMMITTED',
        'The session is committed; change it before the response is returned.',
      )
    }
    return this.#read()
  }
}
