import { newSessionId, type SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import {
  actAsChange,
  assertFresh,
  authAfter,
  authenticationAt,
  followedBy,
  loginChange,
  stepUpChange,
  StepUpError,
  stopActingChange,
  type AuthRecord,
  type Authentication,
  type Freshness,
  type LoginFacts,
  type StepUpFacts,
} from './authentication.ts'
import { anchorOf, anchorsOf, firstAnchor } from './anchor.ts'
import { deadlineOf, renewalIsDue, touchIsDue, type Lifetime } from './lifetime.ts'
import { handleOf } from './public-handle.ts'
import type { Session, SessionSummary } from './session.ts'
import { createSessionState, type SessionState } from './state.ts'

type Key<Data> = keyof Data & string

/** The handle over a state. It knows neither request nor store. */
export class SessionHandle<Data extends object> implements Session<Data> {
  readonly #state: SessionState
  readonly #lifetime: Lifetime
  readonly #visit: unknown

  /** @param visit What the manager knows of the request, for {@link SessionHandle.visitOf}. */
  constructor(state: SessionState, lifetime: Lifetime, visit: unknown = null) {
    this.#state = state
    this.#lifetime = lifetime
    this.#visit = visit
  }

  /** What the manager has noted; a field, since a `WeakMap` costs the garbage collector more than the session. */
  static visitOf(session: object): unknown {
    return #visit in session ? session.#visit : null
  }

  get isNew(): boolean {
    return this.#read().origin === null
  }

  get id(): SessionId | null {
    return this.#read().origin?.id ?? null
  }

  get userId(): string | null {
    const { change, origin } = this.#read()
    return change?.userId ?? origin?.record.userId ?? null
  }

  get createdAt(): Date {
    const { now, origin } = this.#read()
    return new Date(origin?.record.createdAt ?? now)
  }

  get authenticatedAt(): Date | null {
    const time = this.#authenticatedAt()
    return time === null ? null : new Date(time)
  }

  get authentication(): Authentication | null {
    const { now } = this.#state
    const auth = this.#auth()
    return auth === null ? null : authenticationAt(auth, this.#authenticatedAt() ?? now, now)
  }

  get handle(): string | null {
    const auth = this.#auth()
    const { origin } = this.#state
    return auth?.handle ?? (origin === null || origin.record.userId === null ? null : handleOf(origin.record))
  }

  get actor(): string | null {
    return this.#auth()?.actor ?? null
  }

  get expiresAt(): Date {
    const { cached, change, now, origin } = this.#read()
    const createdAt = origin?.record.createdAt ?? now
    // A visit that is not going to be recorded prolongs nothing.
    const touched = origin !== null && !cached && touchIsDue(origin.record, this.#lifetime, now)
    const recorded = origin === null || change !== null || touched
    const seenAt = recorded ? now : origin.record.seenAt
    return new Date(
      deadlineOf({ createdAt, authenticatedAt: this.#authenticatedAt(), seenAt }, this.#lifetime),
    )
  }

  get anchors(): readonly string[] {
    const { now, origin } = this.#read()
    return origin === null ? [] : anchorsOf(origin, now)
  }

  anchor(): string {
    const { change, nextId, origin } = this.#read()
    if (origin !== null && change === null) return anchorOf(origin, this.#rotates())
    // A session that is committed without this id is not going to get it.
    const state = nextId === null && change === null ? this.#write() : this.#read()
    return firstAnchor((state.nextId ??= newSessionId()))
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

  login(userId: string, facts: LoginFacts = {}): void {
    const state = this.#write()
    const change = loginChange(userId, facts, state.now)
    const before = this.userId
    // One user's data must never reach the next.
    if (before !== null && before !== userId) state.working.clear()
    state.change = change
  }

  stepUp(facts: StepUpFacts): void {
    const state = this.#write()
    const userId = this.#signedIn()
    state.change = followedBy(state.change, stepUpChange(userId, facts, state.now))
  }

  requireFresh(freshness: Freshness): void {
    assertFresh(this.authentication, freshness, this.#read().now)
  }

  actAs(userId: string): void {
    const state = this.#write()
    assertCurrentId(state)
    const change = actAsChange(userId, this.actor ?? this.#signedIn())
    state.working.clear()
    state.change = followedBy(state.change, change)
  }

  stopActing(): void {
    const state = this.#write()
    const { actor } = this
    if (actor === null) return
    assertCurrentId(state)
    state.working.clear()
    state.change = followedBy(state.change, stopActingChange(actor))
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

  #auth(): AuthRecord | null {
    const { change, origin } = this.#read()
    return authAfter(change, origin?.record.auth ?? null)
  }

  #authenticatedAt(): number | null {
    const { change, origin } = this.#read()
    return change?.at ?? origin?.record.authenticatedAt ?? null
  }

  /** Whether the commit will give the session its next id. */
  #rotates(): boolean {
    const { now, origin, renewable, rotate, viaGrace } = this.#state
    if (origin === null || viaGrace) return false
    return rotate || (renewable && renewalIsDue(origin.record.issuedAt, this.#lifetime, now))
  }

  #signedIn(): string {
    const { userId } = this
    if (userId === null) throw new StepUpError('unauthenticated', 'Nobody is signed in.')
    return userId
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

/** An id that has been rotated away gives access for a while, but nothing that lasts: its holder may be a thief. */
function assertCurrentId({ viaGrace }: SessionState): void {
  if (viaGrace)
    throw new StepUpError('stale', 'The id of this session has been replaced; send the request again.')
}
