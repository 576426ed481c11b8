import type { SessionId, StoredRecord } from '@coatcheck/core'

/** What the store asks of an object, and what it is answered. */
export interface ObjectCalls {
  /** The record of a session, also an expired one. */
  read: { asked: object; answered: StoredRecord | null }
  /** Writes, or removes for null, if it is as expected. */
  write: { asked: WriteOrder; answered: boolean }
  /** Puts a session into the index of its user, until some time after it has expired. */
  enter: { asked: { readonly id: SessionId; readonly expiresAt: number }; answered: null }
  /** The sessions that a user may have. */
  entries: { asked: object; answered: readonly IndexEntry[] }
  /** Removes entries, unless they were renewed meanwhile. */
  forget: { asked: { readonly entries: readonly IndexEntry[] }; answered: null }
}

/** One step: look at what is there, and write. */
export interface WriteOrder {
  readonly next: StoredRecord | null
  /** The version that must be there, 0 for none (default: whatever is there). */
  readonly expected?: number
  /** Whose the record must be (default: anybody's). */
  readonly ownedBy?: string
  /** The caller's time, in milliseconds since the epoch: an expired record counts as absent. */
  readonly now: number
}

/** A session that a user may have. */
export interface IndexEntry {
  readonly id: SessionId
  /** When it was made or renewed, by the object's clock: an entry that was renewed meanwhile is another. */
  readonly enteredAt: number
  /** For how long it has stood there unchanged, in milliseconds. */
  readonly age: number
}

/** The part of the state of a Durable Object that is used. */
export interface SessionObjectState {
  readonly storage: {
    /** There is none unless the class is backed by SQLite. */
    readonly kv: {
      get(key: string): unknown
      put(key: string, value: unknown): void
      delete(key: string): boolean
      list(options: { prefix: string }): Iterable<[string, unknown]>
    }
    getAlarm(): Promise<number | null>
    setAlarm(time: number): Promise<void>
    deleteAlarm(): Promise<void>
    deleteAll(): Promise<void>
  }
}

interface Entry {
  readonly expiresAt: number
  readonly enteredAt: number
}

type Answers = {
  [Name in keyof ObjectCalls]: (asked: ObjectCalls[Name]['asked']) => Promise<ObjectCalls[Name]['answered']>
}

/** Clocks differ by seconds; what has expired is kept a little longer. In milliseconds. */
const slack = 60_000
const recordKey = 'record'
const entryPrefix = 'entry:'

/**
 * The Durable Object behind {@link durableObjectStore}: export it from your Worker and bind it, backed by SQLite.
 * An object keeps one session, or the index of one user. It removes itself when what it keeps has expired.
 */
export class SessionObject {
  readonly #storage: SessionObjectState['storage']
  readonly #answers: Answers = {
    read: async () => this.#record(),
    write: (order) => this.#write(order),
    enter: (entry) => this.#enter(entry),
    entries: async () => this.#entries(),
    forget: (order) => this.#forget(order),
  }

  constructor(state: SessionObjectState) {
    this.#storage = state.storage
  }

  /** Answers the store. */
  async fetch(request: { readonly url: string; json(): Promise<unknown> }): Promise<Response> {
    const name = new URL(request.url).pathname.slice(1)
    if (!Object.hasOwn(this.#answers, name)) return new Response(`There is no call ${name}.`, { status: 404 })
    const answer = this.#answers[name as keyof Answers] as (asked: unknown) => Promise<unknown>
    return Response.json(await answer(await request.json()))
  }

  /** Removes what has expired, and the object with the last of it. */
  async alarm(): Promise<void> {
    const now = Date.now()
    const ends = [this.#record()?.expiresAt ?? 0]
    for (const [key, { expiresAt }] of this.#stored()) {
      if (expiresAt + slack <= now) this.#storage.kv.delete(key)
      else ends.push(expiresAt)
    }
    const last = Math.max(...ends)
    if (last + slack <= now) return this.#end()
    await this.#storage.setAlarm(Math.min(...ends.filter((end) => end + slack > now)) + slack)
  }

  #record(): StoredRecord | null {
    return (this.#storage.kv.get(recordKey) as StoredRecord | undefined) ?? null
  }

  // Nothing is awaited between the look and the write, so no other request comes in between.
  async #write({ expected, next, now, ownedBy }: WriteOrder): Promise<boolean> {
    const found = this.#record()
    const live = found !== null && found.expiresAt > now ? found : null
    if (expected !== undefined && (live?.version ?? 0) !== expected) return false
    if (ownedBy !== undefined && live?.userId !== ownedBy) return false
    if (next === null) {
      if (found !== null) await this.#end()
      return true
    }
    this.#storage.kv.put(recordKey, next)
    await this.#wakeAt(next.expiresAt + slack)
    return true
  }

  async #enter({ expiresAt, id }: ObjectCalls['enter']['asked']): Promise<null> {
    const key = entryPrefix + id
    const former = this.#storage.kv.get(key) as Entry | undefined
    // Writes of one session may arrive out of order; the entry must outlive all of them.
    const entry = {
      expiresAt: Math.max(expiresAt, former?.expiresAt ?? 0),
      enteredAt: Date.now(),
    }
    this.#storage.kv.put(key, entry)
    await this.#wakeAt(entry.expiresAt + slack)
    return null
  }

  #entries(): IndexEntry[] {
    const now = Date.now()
    return this.#stored().map(([key, { enteredAt }]) => ({
      id: key.slice(entryPrefix.length) as SessionId,
      enteredAt,
      age: now - enteredAt,
    }))
  }

  async #forget({ entries }: ObjectCalls['forget']['asked']): Promise<null> {
    for (const { enteredAt, id } of entries) {
      const key = entryPrefix + id
      if ((this.#storage.kv.get(key) as Entry | undefined)?.enteredAt === enteredAt)
        this.#storage.kv.delete(key)
    }
    if (this.#stored().length === 0) await this.#end()
    return null
  }

  #stored(): [string, Entry][] {
    return [...this.#storage.kv.list({ prefix: entryPrefix })] as [string, Entry][]
  }

  /** An alarm that comes too early looks again, so it is moved only when it would come too late. */
  async #wakeAt(time: number): Promise<void> {
    const alarm = await this.#storage.getAlarm()
    if (alarm === null || alarm > time) await this.#storage.setAlarm(time)
  }

  /** An object that keeps nothing costs nothing. */
  async #end(): Promise<void> {
    await Promise.all([this.#storage.deleteAll(), this.#storage.deleteAlarm()])
  }
}
