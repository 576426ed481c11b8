import type { SessionId } from '../crypto/token.ts'
import type { OnEvent } from '../manager/events.ts'
import { handleOf } from '../session/public-handle.ts'
import { decodeRecord, isTombstone, type SessionRecord } from '../session/record.ts'
import type { AtomicStore, StoredRecord, UserIndexedStore } from '../store/store.ts'
import { noteEnds } from '../store/recent-ends.ts'
import { guard, guardStore } from './guarded-store.ts'
import { conflictError, maxAttempts } from './session-records.ts'

/** What the sessions of a user can be kept in. */
export type UserStore = AtomicStore & UserIndexedStore

/** A live session under one of its ids. Its handle is the same under all of them. */
export interface UserLine {
  readonly handle: string
  readonly id: SessionId
  readonly version: number
  readonly record: SessionRecord
  /** In milliseconds since the epoch, by the policy of when it was written. */
  readonly expiresAt: number
}

/** Where an id leads. */
export interface Whereabouts {
  readonly line: UserLine
  /** Whether a login, a step-up or the like lies on the way, and not rotations alone. */
  readonly superseded: boolean
}

/** The sessions of users, looked at from outside of a request. Failures of the store are `ERR_SESSION_STORE`. */
export interface UserLines {
  /** All live records of a user. A session that gets another id at this moment may be there under both. */
  of(userId: string): Promise<UserLine[]>
  /** The live record to which an id leads, through everything that can happen to it; null when there is none. */
  current(id: SessionId): Promise<Whereabouts | null>
  /**
   * Ends the session under whatever id it has by now, but none that took its place under another handle.
   *
   * @returns Whether this call did it.
   */
  end(line: Pick<UserLine, 'handle' | 'id' | 'version'>): Promise<boolean>
  /** Ends all of a user in one call of the store. @returns How many there were. */
  endAll(userId: string): Promise<number>
}

/** The sessions of users in a store. */
export function createUserLines(store: UserStore, onEvent: OnEvent, now: () => number): UserLines {
  const guarded = guardStore(store, onEvent)

  return {
    async of(userId) {
      const found = await guard(onEvent, 'get', () => store.listByUser(userId), 'listByUser')
      return [...found].map(([id, stored]) => lineOf(id, stored, now())).filter((line) => line !== null)
    },

    async current(id) {
      let superseded = false
      for (let at = id; ;) {
        const stored = await guarded.get(at)
        const decoded = stored && decodeRecord(stored)
        if (stored === null || decoded === null) return null
        if (!isTombstone(decoded)) {
          const line = lineOf(at, stored, now())
          return line && { line, superseded }
        }
        superseded ||= decoded.graceUntil === 0
        at = decoded.successor
      }
    },

    async end({ handle, id, version }) {
      noteEnds()
      if (await guarded.compareAndSet(id, null, version)) return true
      let at = id
      for (let attempt = 0; attempt < maxAttempts;) {
        const stored = await guarded.get(at)
        const decoded = stored && decodeRecord(stored)
        if (stored === null || decoded === null) return false
        if (isTombstone(decoded)) at = decoded.successor
        else if (handleOf(decoded) !== handle) return false
        else if (await guarded.compareAndSet(at, null, stored.version)) return true
        else attempt++
      }
      throw conflictError()
    },

    async endAll(userId) {
      noteEnds()
      return guard(onEvent, 'delete', () => store.deleteByUser(userId), 'deleteByUser')
    },
  }
}

function lineOf(id: SessionId, stored: StoredRecord, now: number): UserLine | null {
  const record = decodeRecord(stored)
  if (record === null || isTombstone(record) || stored.expiresAt <= now) return null
  return { handle: handleOf(record), id, version: stored.version, record, expiresAt: stored.expiresAt }
}
