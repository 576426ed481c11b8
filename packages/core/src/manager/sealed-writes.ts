import { authEvents } from '../backend/auth-event.ts'
import { rebuild } from '../backend/rebuild.ts'
import type { SealedLine, Turn } from '../backend/revocation-record.ts'
import { newSessionId, type SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import { deadlineOf } from '../session/lifetime.ts'
import { ownerOf, type SessionRecord } from '../session/record.ts'
import { encodeSealed } from '../session/sealed-record.ts'
import type { LiveRecord, SessionState } from '../session/state.ts'
import { wait, type Steps } from '../steps.ts'
import type { CookiePolicy } from './cookie-options.ts'
import { changesId, type Plan } from './plan.ts'
import type { SealedCarrier } from './read-sealed.ts'

/** A live record, and when its owner was bound by a login, in milliseconds since the epoch. */
export interface BoundRecord extends LiveRecord {
  readonly boundAt: number
}

/** Where a record is written to. */
export interface Destination {
  readonly carrier: SealedCarrier
  /** The parts that the request had, some of which may have to go. */
  readonly parts: readonly number[]
}

/** A record that has been written: into these `Set-Cookie` fields, once the response is sent. */
export interface Written {
  readonly live: BoundRecord
  readonly setCookies: readonly string[]
}

/** Writes sealed sessions: each method gives null when the session has ended meanwhile. */
export interface SealedWrites {
  /** The name of a session to the list of what has ended. */
  lineOf(live: BoundRecord): SealedLine
  /** The same record in new cookies. */
  seal(live: BoundRecord, destination: Destination): Steps<Written>
  /** Carries out a plan. `line` is by what the session was judged; null for one that begins. */
  write(
    plan: Plan,
    state: SessionState,
    line: SealedLine | null,
    destination: Destination,
  ): Steps<Written | null>
}

/**
 * Every writing seals, or measures, before it notes anything in the list, so that a session that is too large changes
 * nothing; and notes before its cookies are handed over, so that no cookie is about of which the list does not know.
 */
export function createSealedWrites(policy: CookiePolicy): SealedWrites {
  const { guard, lifetime, now, onEvent, revocation, rotationGrace, strict } = policy
  const limitOf = (record: SessionRecord): number => deadlineOf({ ...record, seenAt: Infinity }, lifetime)

  function lineOf({ boundAt, id, record, version }: BoundRecord): SealedLine {
    const { first, turns } = record.previous ?? { first: id, turns: 0 }
    const owner = ownerOf(record)
    const handle = record.auth?.handle ?? first
    return { id, first, turns, handle, owner, boundAt, version, until: limitOf(record) }
  }

  const textOf = (live: BoundRecord): string => encodeSealed({ ...live, until: limitOf(live.record) })

  function* seal(live: BoundRecord, destination: Destination): Steps<Written> {
    const token = yield* wait(destination.carrier.sealer.seal(textOf(live)))
    return { live, setCookies: yield* fieldsOf(token, live, destination) }
  }

  /** The fields of a token; rejects with `ERR_SESSION_TOO_LARGE` when it needs more than there is. */
  function* fieldsOf(
    token: string,
    { record }: BoundRecord,
    { carrier, parts }: Destination,
  ): Steps<readonly string[]> {
    const life = { from: now(), until: limitOf(record) }
    const { allowed, fields, needed } = carrier.cookie.set(token, life, record.auth?.remember, parts)
    if (fields !== null) return fields
    const { tooLargeError } = yield* wait(import('./too-large.ts'))
    throw tooLargeError(record.values, needed, allowed)
  }

  function* begin(state: SessionState, destination: Destination): Steps<Written> {
    const id = (state.nextId ??= newSessionId())
    const record = yield* rebuild(state, undefined, guard)
    const written = yield* sealBound({ id, version: 1, record, migrated: false }, destination)
    onEvent({ type: 'created', id, userId: record.userId })
    announce(state, id, null)
    return written
  }

  /** Seals a record that a login may have bound. One that is too large is refused before the list hears of it. */
  function* sealBound(live: LiveRecord, destination: Destination): Steps<Written> {
    const { record } = live
    const owner = ownerOf(record)
    const unbound = { ...live, boundAt: record.seenAt }
    if (owner === null) return yield* seal(unbound, destination)
    const length = destination.carrier.sealer.lengthOf(textOf(unbound))
    yield* fieldsOf('-'.repeat(length), unbound, destination)
    return yield* seal({ ...live, boundAt: yield* wait(revocation.bind(owner)) }, destination)
  }

  function* updateOver(
    from: BoundRecord,
    line: SealedLine,
    state: SessionState,
    destination: Destination,
  ): Steps<Written | null> {
    const { id } = from
    const keys = state.working.changedKeys()
    const record = yield* rebuild(state, from.record, guard)
    const written = yield* seal({ ...from, version: from.version + 1, record, migrated: false }, destination)
    const outcome = strict ? yield* wait(revocation.advance(line)) : 'done'
    // Whoever was first has recorded a visit of its own, and today's form of the data.
    if (outcome === 'stale' && keys.length === 0) return { live: from, setCookies: [] }
    if (outcome === 'stale') throw staleError()
    if (outcome === 'gone') return gone(id)
    onEvent(keys.length > 0 || from.migrated ? { type: 'updated', id, keys } : { type: 'touched', id })
    return written
  }

  /** The id changes and the line goes on: by a rotation, or by a step-up and its like. */
  function* moveFrom(
    from: BoundRecord,
    line: SealedLine,
    state: SessionState,
    destination: Destination,
  ): Steps<Written | null> {
    const to = (state.nextId ??= newSessionId())
    const graceUntil = state.change === null ? state.now + rotationGrace : 0
    const rebuilt = yield* rebuild(state, from.record, guard)
    function* sealAs({ first, id, turns }: Turn): Steps<Written> {
      const previous = graceUntil > 0 ? { id: from.id, until: graceUntil, first, turns } : null
      const record = { ...rebuilt, issuedAt: state.now, previous }
      return yield* seal({ ...from, id, version: from.version + 1, record, migrated: false }, destination)
    }
    const written = yield* sealAs({ id: to, first: line.first, turns: line.turns + 1 })
    const turn = yield* wait(revocation.move(line, to, graceUntil))
    if (turn === 'stale') throw staleError()
    if (turn === 'gone') return gone(from.id)
    announce(state, turn.id, from.id)
    return turn.id === to ? written : yield* sealAs(turn)
  }

  /** A login takes the place of what was before. It holds although that has ended meanwhile, but brings nothing over. */
  function* login(
    from: BoundRecord,
    line: SealedLine,
    state: SessionState,
    destination: Destination,
  ): Steps<Written> {
    const id = (state.nextId ??= newSessionId())
    function* sealOver(before: SessionRecord | undefined): Steps<Written> {
      const record = { ...(yield* rebuild(state, before, guard)), issuedAt: state.now, previous: null }
      return yield* sealBound({ id, version: from.version + 1, record, migrated: false }, destination)
    }
    const written = yield* sealOver(from.record)
    const outcome = yield* wait(revocation.replace(line, lineOf(written.live)))
    if (outcome === 'stale') throw staleError()
    announce(state, id, from.id)
    return outcome === 'gone' ? yield* sealOver(undefined) : written
  }

  function announce({ change, rotate }: SessionState, id: SessionId, previous: SessionId | null): void {
    if (change !== null) authEvents(change, id, previous).forEach(onEvent)
    else if (previous !== null) onEvent({ type: rotate ? 'rotated' : 'renewed', id, previous })
  }

  function gone(id: SessionId): null {
    onEvent({ type: 'gone', id })
    return null
  }

  return {
    lineOf,
    seal,
    *write(plan, state, line, destination) {
      if (state.origin === null || line === null) return yield* begin(state, destination)
      const from = { ...state.origin, boundAt: line.boundAt }
      const asksNothing = !changesId(plan) && state.working.changedKeys().length === 0
      if (state.viaGrace && asksNothing) return { live: from, setCookies: [] }
      // There is no newer record that the changes could be replayed on, and an older cookie must not replace it.
      if (state.viaGrace && plan !== 'login') throw staleError()
      if (!changesId(plan)) return yield* updateOver(from, line, state, destination)
      return state.change?.kind === 'login'
        ? yield* login(from, line, state, destination)
        : yield* moveFrom(from, line, state, destination)
    },
  }
}

function staleError(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFLICT',
    'Another request has changed the sealed session, or its id, since this one was sent; nothing was written. Let the client send it again.',
  )
}
