import { newSessionId, type SessionId } from '../crypto/token.ts'
import type { LiveRecord, SessionState } from '../session/session.ts'
import { rebuild } from './rebuild.ts'
import { conflictError, isLive, isMoved, maxAttempts, type Found } from './session-records.ts'
import { gone, update, type Backend } from './store-backend.ts'

/** Who carries a session on, when another request was first. */
interface Heir {
  readonly live: LiveRecord | null
  /** The own move is given up: a session moved twice at once, for the same reason, has one successor. */
  readonly rejoin: boolean
}

/**
 * Gives the session a new id, for `rotate` and `login`. The new record is written first, then the old one becomes
 * a tombstone by a conditional write. If that write is lost, the session has changed or ended meanwhile, and the
 * new record follows suit.
 */
export async function move(
  backend: Backend,
  state: SessionState,
  origin: LiveRecord,
): Promise<LiveRecord | null> {
  const successor = newSessionId()
  try {
    return await moveTo(successor, backend, state, origin)
  } catch (error) {
    // Nobody has been told the new id. If the store is out of reach, its record stays until it expires.
    await backend.records.remove(successor, true).catch(() => {})
    throw error
  }
}

async function moveTo(
  successor: SessionId,
  backend: Backend,
  state: SessionState,
  origin: LiveRecord,
): Promise<LiveRecord | null> {
  const { guard, onEvent, records, rotationGrace } = backend
  const graceUntil = state.login === null ? state.now + rotationGrace : 0
  let from: LiveRecord | null = origin
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const record = await rebuild(state, from?.record, guard)
    if (!(await records.write(successor, record, attempt - 1))) return gone(backend, origin.id)
    const moved: LiveRecord = { id: successor, version: attempt, record, migrated: false }
    // A login whose session has ended meanwhile holds all the same, but brings nothing over from it.
    if (from === null) return announce(backend, state, moved, null)
    const found = await records.bury(from, { successor, graceUntil })
    if (isMoved(found) && found.successor === successor) return announce(backend, state, moved, from.id)
    const { live, rejoin } = await heirOf(backend, found, state.login)
    if (rejoin) {
      await records.remove(successor, true)
      return live === null ? gone(backend, origin.id) : update(backend, state, live)
    }
    if (live !== null) onEvent({ type: 'conflict', id: live.id, attempt })
    from = live
  }
  throw conflictError()
}

async function heirOf({ records }: Backend, found: Found, login: string | null): Promise<Heir> {
  if (isLive(found)) return { live: found, rejoin: false }
  let at: Found = found
  let superseded = false
  while (isMoved(at)) {
    superseded ||= at.graceUntil === 0
    at = await records.find(at.successor)
  }
  const live = isLive(at) ? at : null
  if (!superseded) return { live, rejoin: login === null }
  const sameUser = login !== null && live?.record.userId === login
  return { live: sameUser ? live : null, rejoin: sameUser || login === null }
}

function announce(
  { onEvent }: Backend,
  { login }: SessionState,
  live: LiveRecord,
  previous: SessionId | null,
): LiveRecord {
  const { id } = live
  if (login !== null) onEvent({ type: 'login', id, previous, userId: login })
  else if (previous !== null) onEvent({ type: 'rotated', id, previous })
  return live
}
