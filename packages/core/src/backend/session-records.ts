import type { SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import type { RejectionReason } from '../manager/events.ts'
import { deadlineOf, type Lifetime } from '../session/lifetime.ts'
import {
  decodeRecord,
  encodeRecord,
  encodeTombstone,
  isTombstone,
  ownerOf,
  type SessionRecord,
  type Tombstone,
} from '../session/record.ts'
import type { DataGuard } from '../session/schema.ts'
import type { LiveRecord } from '../session/state.ts'
import { andThen, orNull, wait, waitFor, type Maybe, type Steps } from '../steps.ts'
import type { StoredRecord } from '../store/store.ts'
import type { GuardedStore } from './guarded-store.ts'

/** What is found under an id: a live session, where it went, or why there is none. */
export type Found = LiveRecord | Tombstone | { readonly absent: RejectionReason }

const unknown = { absent: 'unknown' } as const

/** Sessions as records of a store: found, followed, written and ended. */
export interface SessionRecords {
  find(id: SessionId): Maybe<Found>
  /** The live record that a session has now, through rotations but not through logins. */
  follow(id: SessionId): Steps<LiveRecord | null>
  /** Writes over this version, 0 for none. @returns Whether that was the version there. */
  write(id: SessionId, record: SessionRecord, version: number): Maybe<boolean>
  /**
   * Turns a record into a tombstone, which stays `until` then or as long as the record would have.
   *
   * @returns What is there now: the tombstone, or what came before it.
   */
  bury(live: LiveRecord, tombstone: Tombstone, until?: number): Steps<Found>
  /**
   * Removes the live record to which an id leads, through rotations and, if asked, through logins. Where the
   * version that the id had is known, one call does it, unless another request was first.
   */
  remove(id: SessionId, throughLogins: boolean, version?: number): Steps<void>
}

/** So many losses in a row mean that the store's comparison does not work. */
export const maxAttempts = 100

/** The error after so many losses. */
export function conflictError(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFLICT',
    `The session was changed by others ${maxAttempts} times; is the store's compareAndSet atomic?`,
  )
}

export function isLive(found: Found): found is LiveRecord {
  return 'record' in found
}

export function isMoved(found: Found): found is Tombstone {
  return 'successor' in found
}

/** Keeps sessions in a store. Whether a record has expired is judged here, by `now` and today's policy. */
export function createSessionRecords(
  store: GuardedStore,
  guard: DataGuard,
  lifetime: Lifetime,
  now: () => number,
): SessionRecords {
  function find(id: SessionId): Maybe<Found> {
    return andThen(store.get(id), (stored) => (stored === null ? unknown : judge(id, stored)))
  }

  function judge(id: SessionId, stored: StoredRecord): Maybe<Found> {
    const decoded = decodeRecord(stored)
    if (decoded === null) return { absent: 'unreadable' }
    if (isTombstone(decoded) && stored.expiresAt > now()) return decoded
    // The policy may have become stricter since the record was written.
    if (isTombstone(decoded) || Math.min(stored.expiresAt, deadlineOf(decoded, lifetime)) <= now()) {
      return { absent: 'expired' }
    }
    return andThen(guard.read(decoded.values), (data) => {
      if (data === null) return { absent: 'schema' }
      const { migrated, values } = data
      const record = values === decoded.values ? decoded : { ...decoded, values }
      return { id, version: stored.version, record, migrated }
    })
  }

  return {
    find,

    *follow(id) {
      let found = yield* wait(find(id))
      while (isMoved(found) && found.graceUntil > 0) found = yield* wait(find(found.successor))
      return isLive(found) ? found : null
    },

    write(id, record, version) {
      const expiresAt = deadlineOf(record, lifetime)
      const next = { payload: encodeRecord(record), expiresAt, userId: ownerOf(record), version: version + 1 }
      return store.compareAndSet(id, next, version)
    },

    *bury({ id, record, version }, tombstone, until = deadlineOf(record, lifetime)) {
      // As long as the old id could still come back, its return must be noticed.
      const expiresAt = Math.max(until, tombstone.graceUntil)
      const stone = { payload: encodeTombstone(tombstone), expiresAt, userId: null, version: version + 1 }
      try {
        return (yield* wait(store.compareAndSet(id, stone, version))) ? tombstone : yield* wait(find(id))
      } catch (error) {
        // The write may have been done before the failure; then the old id is given up all the same.
        const found = yield* orNull(waitFor(() => find(id)))
        if (found !== null && isMoved(found) && found.successor === tombstone.successor) return found
        throw error
      }
    },

    *remove(id, throughLogins, version) {
      if (version !== undefined && (yield* wait(store.compareAndSet(id, null, version)))) return
      let at = id
      for (let attempt = 0; attempt < maxAttempts;) {
        const stored = yield* wait(store.get(at))
        const decoded = stored && decodeRecord(stored)
        if (stored === null) return
        if (decoded !== null && isTombstone(decoded)) {
          if (decoded.graceUntil === 0 && !throughLogins) return
          at = decoded.successor
        } else if (yield* wait(store.compareAndSet(at, null, stored.version))) {
          return
        } else {
          attempt++
        }
      }
      throw conflictError()
    },
  }
}
