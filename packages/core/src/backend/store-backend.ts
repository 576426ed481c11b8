import { newSessionId, type SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import type { OnEvent, RejectionReason } from '../manager/events.ts'
import type { Tombstone } from '../session/record.ts'
import type { DataGuard } from '../session/schema.ts'
import type { LiveRecord, SessionState } from '../session/state.ts'
import { andThen, orNull, run, wait, type Maybe, type Steps } from '../steps.ts'
import { authEvents } from './auth-event.ts'
import { rebuild } from './rebuild.ts'
import { conflictError, isLive, isMoved, maxAttempts, type SessionRecords } from './session-records.ts'

/** What sessions over a store are made of. */
export interface StoreParts {
  readonly records: SessionRecords
  readonly guard: DataGuard
  /** How long a rotated id stays readable, in milliseconds. */
  readonly rotationGrace: number
  readonly now: () => number
  readonly onEvent: OnEvent
}

/** What an id led to when the request came in. */
export interface Opened {
  readonly live: LiveRecord | null
  /** Why there is none. */
  readonly reason: RejectionReason | null
  readonly viaGrace: boolean
}

/** Finds the session of an id. One that was rotated away leads on for its grace window, and is an alarm after it. */
export function open(parts: StoreParts, id: SessionId): Maybe<Opened> {
  return andThen(parts.records.find(id), (found) => {
    if (isLive(found)) return { live: found, reason: null, viaGrace: false }
    return isMoved(found) ? run(openMoved(parts, id, found)) : absent(found.absent)
  })
}

function* openMoved({ now, onEvent, records }: StoreParts, id: SessionId, found: Tombstone): Steps<Opened> {
  if (found.graceUntil === 0) return absent('superseded')
  if (found.graceUntil > now()) {
    const live = yield* records.follow(found.successor)
    return live === null ? absent('unknown') : { live, reason: null, viaGrace: true }
  }
  // A login ended this line: what came after it was never in reach of the old id.
  yield* records.remove(found.successor, false)
  onEvent({ type: 'reused', id })
  return absent('reused')
}

function absent(reason: RejectionReason): Opened {
  return { live: null, reason, viaGrace: false }
}

/** Begins a session, and ends the one that it takes the place of after a `destroy`. */
export function* create(parts: StoreParts, state: SessionState): Steps<LiveRecord> {
  const { guard, onEvent, records } = parts
  const id = (state.nextId ??= newSessionId())
  const record = yield* rebuild(state, undefined, guard)
  try {
    if (!(yield* wait(records.write(id, record, 0)))) {
      throw new SessionError(
        'ERR_SESSION_STORE',
        'The store took a fresh id for known: its compareAndSet is broken.',
      )
    }
    if (state.ended !== null) yield* end(parts, state.ended)
  } catch (error) {
    // Nobody has been told the new id; what there was before goes on alone.
    yield* orNull(records.remove(id, true))
    throw error
  }
  onEvent({ type: 'created', id, userId: record.userId })
  if (state.change !== null) authEvents(state.change, id, null).forEach(onEvent)
  return { id, version: 1, record, migrated: false }
}

/**
 * Writes the changes, or only the visit when there are none, on the condition that the version is the one that was
 * read. When another request was first, its result is read and the changes are replayed on it.
 *
 * @returns Null when the session has ended meanwhile.
 */
export function* update(parts: StoreParts, state: SessionState, from: LiveRecord): Steps<LiveRecord | null> {
  const { guard, onEvent, records } = parts
  let live = from
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const { id, version } = live
    const record = yield* rebuild(state, live.record, guard)
    if (yield* wait(records.write(id, record, version))) {
      const keys = state.working.changedKeys()
      onEvent(keys.length > 0 || live.migrated ? { type: 'updated', id, keys } : { type: 'touched', id })
      return { id, version: version + 1, record, migrated: false }
    }
    const newer = yield* records.follow(id)
    if (newer === null) return gone(parts, id)
    // Whoever was first has recorded a visit of its own.
    if (!live.migrated && state.working.changedKeys().length === 0) return newer
    onEvent({ type: 'conflict', id: newer.id, attempt })
    live = newer
  }
  throw conflictError()
}

/** Ends the session, wherever rotations and logins have carried it meanwhile. */
export function* end({ onEvent, records }: StoreParts, { id, version }: LiveRecord): Steps<void> {
  yield* records.remove(id, true, version)
  onEvent({ type: 'destroyed', id })
}

/** The end of a request whose session was ended meanwhile. */
export function gone({ onEvent }: StoreParts, id: SessionId): null {
  onEvent({ type: 'gone', id })
  return null
}
