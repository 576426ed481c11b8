import type { SessionId } from './crypto/token.ts'
import { check } from './errors.ts'
import { createShards } from './store/shards.ts'
import type { AtomicStore, StoredRecord, UserIndexedStore } from './store/store.ts'
import type { WatchableStore } from './store/watchable-store.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** How many records are kept (default 100 000). Beyond it, the one of 16 that was not used for longest is dropped. */
  readonly maxEntries?: number
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** A store in the memory of one process. */
export interface MemoryStore extends AtomicStore, UserIndexedStore, WatchableStore {
  /** How many records are held, expired ones that have not been swept yet included. */
  readonly size: number
}

/** Each call looks at so many places in turn, so that the expired ones leave without a timer. */
const sweptPerCall = 2
/** So many are compared when one has to be dropped. */
const compared = 16
const pageSize = 1024

/**
 * Room for so many records, in columns: an object for each of them would take more, and the garbage collector longer.
 * A store grows by pages, so that nothing has to be moved for it.
 */
function createPage() {
  return {
    id: Array<SessionId>(pageSize),
    payload: Array<string>(pageSize),
    expiresAt: new Float64Array(pageSize),
    userId: Array<string | null>(pageSize),
    version: new Uint32Array(pageSize),
    /** The number of its last use, among those of all records. It begins anew after 2^32, which does little harm. */
    used: new Uint32Array(pageSize),
  }
}

type Page = ReturnType<typeof createPage>

/** What a free place holds, so that it is never swept. */
const nothing: StoredRecord = { payload: '', expiresAt: Infinity, userId: null, version: 0 }

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
  const pages: Page[] = []
  const placesOf = createShards<SessionId, number>()
  const usersOf = createShards<string, Set<SessionId>>()
  const listeners = new Set<(id: SessionId) => void>()
  /** Of the places that were ever taken, those that are free. */
  const free: number[] = []
  let places = 0
  let uses = 0
  let cursor = 0

  const pageOf = (place: number): Page => pages[Math.trunc(place / pageSize)]!

  /** A copy: whoever has it cannot change what is kept. */
  function read(place: number): StoredRecord {
    const page = pageOf(place)
    const at = place % pageSize
    return {
      payload: page.payload[at]!,
      expiresAt: page.expiresAt[at]!,
      userId: page.userId[at]!,
      version: page.version[at]!,
    }
  }

  function write(place: number, record: StoredRecord): void {
    const page = pageOf(place)
    const at = place % pageSize
    page.payload[at] = record.payload
    page.expiresAt[at] = record.expiresAt
    page.userId[at] = record.userId
    page.version[at] = record.version
  }

  function use(place: number): void {
    pageOf(place).used[place % pageSize] = ++uses
  }

  /** @returns The place of the record; undefined when there is none or it has expired. */
  function find(id: SessionId, time: number = now()): number | undefined {
    const place = placesOf(id).get(id)
    return place !== undefined && read(place).expiresAt > time ? place : undefined
  }

  function put(id: SessionId, record: StoredRecord): void {
    let place = placesOf(id).get(id)
    // Only a record without a user can be one that was given up.
    let ended = place === undefined || record.userId !== null ? null : id
    if (place === undefined) {
      if (places - free.length === maxEntries) ended = unlink(stalest())
      place = free.pop() ?? places++
      if (place === pages.length * pageSize) pages.push(createPage())
      pageOf(place).id[place % pageSize] = id
      placesOf(id).set(id, place)
    } else if (read(place).userId !== record.userId) strike(place)
    write(place, record)
    use(place)
    if (record.userId !== null) {
      const users = usersOf(record.userId)
      const ids = users.get(record.userId) ?? new Set()
      users.set(record.userId, ids.add(id))
    }
    if (ended !== null) announce(ended)
    sweep()
  }

  function remove(place: number | undefined): void {
    if (place !== undefined) announce(unlink(place))
  }

  /** @returns Whose record that was. */
  function unlink(place: number): SessionId {
    const id = strike(place)
    placesOf(id).delete(id)
    write(place, nothing)
    free.push(place)
    return id
  }

  function announce(id: SessionId): void {
    for (const listener of listeners) listener(id)
  }

  /** Takes the record from its user. @returns Its id. */
  function strike(place: number): SessionId {
    const id = pageOf(place).id[place % pageSize]!
    const { userId } = read(place)
    if (userId !== null) {
      const users = usersOf(userId)
      const ids = users.get(userId)
      ids?.delete(id)
      if (ids?.size === 0) users.delete(userId)
    }
    return id
  }

  /** @returns The place to be cleared when none is free. */
  function stalest(): number {
    let [stalest, longest] = [0, -1]
    for (let looked = 0; looked < compared; looked++) {
      const place = (cursor + looked) % places
      const unused = (uses - pageOf(place).used[place % pageSize]!) >>> 0
      if (unused > longest) [stalest, longest] = [place, unused]
    }
    return stalest
  }

  /** @returns The time. */
  function sweep(): number {
    const time = now()
    for (let looked = Math.min(sweptPerCall, places); looked > 0; looked--) {
      cursor = (cursor + 1) % places
      if (read(cursor).expiresAt <= time) remove(cursor)
    }
    return time
  }

  function liveOf(userId: string): [SessionId, StoredRecord][] {
    const ids = [...(usersOf(userId).get(userId) ?? [])]
    return ids.flatMap((id) => {
      const place = find(id)
      return place === undefined ? [] : [[id, read(place)] as [SessionId, StoredRecord]]
    })
  }

  return {
    get size() {
      return places - free.length
    },
    get(id) {
      const place = find(id, sweep())
      if (place === undefined) return null
      use(place)
      return read(place)
    },
    set(id, record) {
      put(id, record)
    },
    delete(id) {
      remove(placesOf(id).get(id))
    },
    compareAndSet(id, next, expected) {
      const place = find(id)
      if ((place === undefined ? 0 : read(place).version) !== expected) return false
      if (next === null) remove(place)
      else put(id, next)
      return true
    },
    async listByUser(userId) {
      return new Map(liveOf(userId))
    },
    async deleteByUser(userId, except) {
      const doomed = liveOf(userId).filter(([id]) => id !== except)
      for (const [id] of doomed) remove(placesOf(id).get(id))
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
