import { newSessionId, type SessionId } from '../crypto/token.ts'
import type { PreviousId } from '../session/record.ts'
import type { LiveRecord, SessionState } from '../session/state.ts'
import { orNull, wait, type Steps } from '../steps.ts'
import { authEvents } from './auth-event.ts'
import { rebuild } from './rebuild.ts'
import { conflictError, isLive, isMoved, maxAttempts, type Found } from './session-records.ts'
import { gone, update, type StoreParts } from './store-backend.ts'

/** Who carries a session on, when another request was first. */
interface Heir {
  readonly live: LiveRecord | null
  /** The own move is given up: a session moved twice at once, for the same reason, has one successor. */
  readonly rejoin: boolean
}

/**
 * Gives the session a new id, for `rotate`, `renewEvery` and `login`. The new record is written first, then the old
 * one becomes a tombstone by a conditional write. If that write is lost, the session has changed or ended meanwhile,
 * and the new record follows suit.
 */
export function* move(parts: StoreParts, state: SessionState, origin: LiveRecord): Steps<LiveRecord | null> {
  const successor = (state.nextId ??= newSessionId())
  try {
    return yield* moveTo(successor, parts, state, origin)
  } catch (error) {
    // Nobody has been told the new id. If the store is out of reach, its record stays until it expires.
    yield* orNull(parts.records.remove(successor, true))
    throw error
  }
}

function* moveTo(
  successor: SessionId,
  parts: StoreParts,
  state: SessionState,
  origin: LiveRecord,
): Steps<LiveRecord | null> {
  const { guard, onEvent, records, rotationGrace } = parts
  const { change } = state
  const graceUntil = change === null ? state.now + rotationGrace : 0
  let from: LiveRecord | null = origin
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const previous = graceUntil > 0 ? predecessor(from!, graceUntil) : null
    const record = { ...(yield* rebuild(state, from?.record, guard)), issuedAt: state.now, previous }
    if (!(yield* wait(records.write(successor, record, attempt - 1)))) return gone(parts, origin.id)
    const moved: LiveRecord = { id: successor, version: attempt, record, migrated: false }
    if (from === null) return announce(parts, state, moved, null)
    const found: Found = yield* records.bury(from, { successor, graceUntil })
    if (isMoved(found) && found.successor === successor) return announce(parts, state, moved, from.id)
    const { live, rejoin }: Heir = yield* heirOf(parts, found, state, origin)
    if (rejoin) {
      yield* records.remove(successor, true)
      return live === null ? gone(parts, origin.id) : yield* update(parts, state, live)
    }
    // A login holds although its session has ended meanwhile, but brings nothing over from it.
    if (live === null && change?.kind !== 'login') {
      yield* records.remove(successor, true)
      return gone(parts, origin.id)
    }
    if (live !== null) onEvent({ type: 'conflict', id: live.id, attempt })
    from = live
  }
  throw conflictError()
}

function predecessor({ id, record }: LiveRecord, until: number): PreviousId {
  const { first, turns } = record.previous ?? { first: id, turns: 0 }
  return { id, until, first, turns: turns + 1 }
}

function* heirOf(
  { records }: StoreParts,
  found: Found,
  { change }: SessionState,
  origin: LiveRecord,
): Steps<Heir> {
  if (isLive(found)) return { live: found, rejoin: false }
  let at: Found = found
  let superseded = false
  while (isMoved(at)) {
    superseded ||= at.graceUntil === 0
    at = yield* wait(records.find(at.successor))
  }
  const live = isLive(at) ? at : null
  if (change === null) return { live: superseded ? null : live, rejoin: true }
  if (!superseded) return { live, rejoin: false }
  const sameUser = live?.record.userId === change.userId
  // What a login began is for those who log in too; the former id alone, with whatever else, leads nobody there.
  const sameLogin = live?.record.auth?.handle === origin.record.auth?.handle
  const rejoin = sameUser && (change.kind === 'login' || sameLogin)
  return { live: rejoin ? live : null, rejoin }
}

function announce(
  { onEvent }: StoreParts,
  { change, rotate }: SessionState,
  live: LiveRecord,
  previous: SessionId | null,
): LiveRecord {
  const { id } = live
  if (change !== null) authEvents(change, id, previous).forEach(onEvent)
  else if (previous !== null) onEvent({ type: rotate ? 'rotated' : 'renewed', id, previous })
  return live
}
