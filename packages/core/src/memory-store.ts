import type { SessionId } from './crypto/token.ts'
import { check } from './errors.ts'
import type { AtomicStore, StoredRecord, UserIndexedStore } from './store/store.ts'
import type { WatchableStore } from './store/watchable-store.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** How many records are kept (default 100 000). Beyond it, the one that was not used for longest is dropped. */
  readonly maxEntries?: number
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** A store in the memory of one process. */
export interface MemoryStore extends AtomicStore, UserIndexedStore, WatchableStore {
  /** How many records are held, expired ones that have not been swept yet included. */
  readonly size: number
}

/** Each call looks at so many records in turn, so that the expired ones leave without a timer. */
const sweptPerCall = 2

/**
 * A store for development, for tests, and for a service of one process that may forget its sessions: they end
 * with the process, and other processes do not see them. It has every capability and is the model for other
 * stores.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { maxEntries = 100_000, now = Date.now } = options
  check(
    Number.isInteger(maxEntries) && maxEntries > 0,
    'maxEntries',
    'must be a whole number of records, at least 1',
  )
  /** In order of use, the oldest first. */
  const records = new Map<SessionId, StoredRecord>()
  const idsByUser = new Map<string, Set<SessionId>>()
  const listeners = new Set<(id: SessionId) => void>()
  let sweeper = records.entries()

  function live(id: SessionId): StoredRecord | null {
    const record = records.get(id)
    return record !== undefined && record.expiresAt > now() ? record : null
  }

  function put(id: SessionId, record: StoredRecord): void {
    const known = unlink(id)
    records.set(id, record)
    if (record.userId !== null) {
      const ids = idsByUser.get(record.userId) ?? new Set()
      idsByUser.set(record.userId, ids.add(id))
    } else if (known) {
      // Only a record without a user can be one that was given up.
      announce(id)
    }
    sweep()
    for (const oldest of records.keys()) {
      if (records.size <= maxEntries) break
      remove(oldest)
    }
  }

  function remove(id: SessionId): void {
    if (unlink(id)) announce(id)
  }

  function announce(id: SessionId): void {
    for (const listener of listeners) listener(id)
  }

  /** @returns Whether there was a record. */
  function unlink(id: SessionId): boolean {
    const userId = records.get(id)?.userId ?? null
    const ids = userId === null ? undefined : idsByUser.get(userId)
    ids?.delete(id)
    if (userId !== null && ids?.size === 0) idsByUser.delete(userId)
    return records.delete(id)
  }

  function sweep(): void {
    for (let looked = 0; looked < sweptPerCall; looked++) {
      const next = sweeper.next()
      if (next.done === true) {
        sweeper = records.entries()
        return
      }
      const [id, { expiresAt }] = next.value
      if (expiresAt <= now()) remove(id)
    }
  }

  function liveOf(userId: string): [SessionId, StoredRecord][] {
    const ids = [...(idsByUser.get(userId) ?? [])]
    return ids.flatMap((id) => {
      const record = live(id)
      return record === null ? [] : [[id, record] as [SessionId, StoredRecord]]
    })
  }

  return {
    get size() {
      return records.size
    },
    get(id) {
      sweep()
      const record = live(id)
      if (record !== null) {
        // Moves it to the end of the order of use.
        records.delete(id)
        records.set(id, record)
      }
      return record
    },
    set(id, record) {
      put(id, record)
    },
    delete(id) {
      remove(id)
    },
    compareAndSet(id, next, expected) {
      if ((live(id)?.version ?? 0) !== expected) return false
      if (next === null) remove(id)
      else put(id, next)
      return true
    },
    async listByUser(userId) {
      return new Map(liveOf(userId))
    },
    async deleteByUser(userId, except) {
      const doomed = liveOf(userId).filter(([id]) => id !== except)
      for (const [id] of doomed) remove(id)
      return doomed.length
    },
    async watch(listener) {
      // One of its own: the same function may be given twice.
      const own = (id: SessionId): void => listener(id)
      listeners.add(own)
      return () => void listeners.delete(own)
    },
  }
}
