import { Store, type SessionRecord, type StoreCallback } from './store.ts'

/** Keeps the sessions in the memory of this process: for development and tests. They end with the process. */
export interface MemoryStore extends Store {
  /** The records as JSON texts, by id. */
  sessions: Record<string, string>
  get(sid: string, callback: StoreCallback<SessionRecord>): void
  set(sid: string, session: SessionRecord, callback?: StoreCallback): void
  destroy(sid: string, callback?: StoreCallback): void
  touch(sid: string, session: SessionRecord, callback?: StoreCallback): void
  all(callback: StoreCallback<Record<string, SessionRecord>>): void
  length(callback: StoreCallback<number>): void
  clear(callback?: StoreCallback): void
}

/** Can be called with `new`, extended, or called on an object that inherits its prototype. */
export interface MemoryStoreConstructor {
  new (): MemoryStore
  (this: unknown): void
  readonly prototype: MemoryStore
}

/** When the records of one store end; only those that end by themselves. */
interface Deadlines {
  readonly byId: Map<string, number>
  sweeper: Iterator<[string, number]>
}

const deadlinesByStore = new WeakMap<MemoryStore, Deadlines>()

/** Each `set` looks at so many records in turn, so that the expired ones leave without a timer. */
const sweptPerSet = 2

export const MemoryStore: MemoryStoreConstructor = function MemoryStore(this: MemoryStore): void {
  Store.call(this)
  forgetAll(this)
} as MemoryStoreConstructor

const methods = {
  get(this: MemoryStore, sid: string, callback: StoreCallback<SessionRecord>): void {
    setImmediate(callback, null, readNow(this, sid))
  },
  set(this: MemoryStore, sid: string, session: SessionRecord, callback?: StoreCallback): void {
    try {
      writeNow(this, sid, session)
    } catch (error) {
      if (callback === undefined) throw error
      setImmediate(callback, error)
      return
    }
    if (callback) setImmediate(callback)
  },
  destroy(this: MemoryStore, sid: string, callback?: StoreCallback): void {
    removeNow(this, sid)
    if (callback) setImmediate(callback)
  },
  touch(this: MemoryStore, sid: string, session: SessionRecord, callback?: StoreCallback): void {
    touchNow(this, sid, session)
    if (callback) setImmediate(callback)
  },
  all(this: MemoryStore, callback: StoreCallback<Record<string, SessionRecord>>): void {
    const records = readAll(this)
    if (callback) setImmediate(callback, null, records)
  },
  length(this: MemoryStore, callback: StoreCallback<number>): void {
    setImmediate(callback, null, Object.keys(readAll(this)).length)
  },
  clear(this: MemoryStore, callback?: StoreCallback): void {
    forgetAll(this)
    if (callback) setImmediate(callback)
  },
}

Object.setPrototypeOf(MemoryStore.prototype, Store.prototype)
Object.assign(MemoryStore.prototype, methods)

/** Whether a store is one of these and nobody has put a method in the place of those that read and write. */
export function isUnaltered(store: object): store is MemoryStore {
  if (!(store instanceof MemoryStore)) return false
  const { destroy, get, set, touch } = store
  return get === methods.get && set === methods.set && touch === methods.touch && destroy === methods.destroy
}

/** What `get` calls back with. */
export function readNow(store: MemoryStore, sid: string): SessionRecord | undefined {
  const text = store.sessions[sid]
  if (!text) return undefined
  const record = JSON.parse(text) as SessionRecord
  if (!(deadlineOf(record) <= Date.now())) return record
  removeNow(store, sid)
  return undefined
}

/** What `set` does. Throws a `TypeError` when JSON cannot hold the record. */
export function writeNow(store: MemoryStore, sid: string, record: SessionRecord): void {
  store.sessions[sid] = JSON.stringify(record)
  noteDeadline(store, sid, record)
  sweep(store)
}

/** What `touch` does. @returns Whether there is such a record. */
export function touchNow(store: MemoryStore, sid: string, session: SessionRecord): boolean {
  // A cookie that ends with the browser is as it was, and stands first in what a session writes.
  if (session.cookie.expires == null && startsWithCookie(store.sessions[sid], session)) return true
  const record = readNow(store, sid)
  if (record === undefined) return false
  store.sessions[sid] = JSON.stringify({ ...record, cookie: session.cookie })
  noteDeadline(store, sid, session)
  return true
}

function startsWithCookie(text: string | undefined, { cookie }: SessionRecord): boolean {
  return text?.startsWith(JSON.stringify({ cookie }).slice(0, -1)) === true
}

/** What `destroy` does. */
export function removeNow(store: MemoryStore, sid: string): void {
  delete store.sessions[sid]
  deadlinesByStore.get(store)?.byId.delete(sid)
}

function forgetAll(store: MemoryStore): void {
  const byId = new Map<string, number>()
  // Without prototype: an id may be any text, __proto__ too.
  store.sessions = Object.create(null) as Record<string, string>
  deadlinesByStore.set(store, { byId, sweeper: byId.entries() })
}

function readAll(store: MemoryStore): Record<string, SessionRecord> {
  const records = Object.create(null) as Record<string, SessionRecord>
  for (const sid of Object.keys(store.sessions)) {
    const record = readNow(store, sid)
    if (record !== undefined) records[sid] = record
  }
  return records
}

function noteDeadline(store: MemoryStore, sid: string, session: SessionRecord): void {
  const deadline = deadlineOf(session)
  const { byId } = deadlinesByStore.get(store)!
  if (deadline === Infinity) byId.delete(sid)
  else byId.set(sid, deadline)
}

/** When a record ends, in milliseconds since the epoch; one that ends with the browser is kept for ever. */
function deadlineOf({ cookie }: Partial<SessionRecord>): number {
  const expires = cookie?.expires
  return expires ? new Date(expires).valueOf() : Infinity
}

function sweep(store: MemoryStore): void {
  const deadlines = deadlinesByStore.get(store)!
  for (let looked = 0; looked < sweptPerSet; looked++) {
    const next = deadlines.sweeper.next()
    if (next.done === true) {
      deadlines.sweeper = deadlines.byId.entries()
      return
    }
    const [sid, deadline] = next.value
    if (deadline <= Date.now()) removeNow(store, sid)
  }
}
