import type { AtomicStore, SessionId, StoredRecord, UserIndexedStore } from '@coatcheck/core'
import type { IndexEntry, ObjectCalls } from './session-object.ts'
import { checkTimeout, lateCall, within } from './time-limit.ts'

export { SessionObject, type SessionObjectState } from './session-object.ts'

/** The part of a Durable Object namespace that is used; `Id` is its own business. */
export interface SessionNamespace<Id = unknown> {
  idFromName(name: string): Id
  get(id: Id): { fetch(url: string, init: { method: string; body: string }): Promise<ObjectResponse> }
}

/** The part of a response of an object that is used. */
export interface ObjectResponse {
  readonly ok: boolean
  readonly status: number
  text(): Promise<string>
  json(): Promise<unknown>
}

/** Options of {@link durableObjectStore}. */
export interface DurableObjectStoreOptions {
  /** How long a call to an object may take, in milliseconds (default 2000). */
  readonly timeout?: number
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** A store over Durable Objects: one for each session, and one for the index of each user. */
export interface DurableObjectStore extends AtomicStore, UserIndexedStore {}

/**
 * How long an entry of the index must have stood unchanged before it is removed for leading nowhere, in milliseconds:
 * the write that goes with it may still be on its way.
 */
const settled = 60_000

/** How many sessions of one user are asked for side by side. */
const breadth = 32

/**
 * A store over Durable Objects, in which a session is changed in one place of the world, at once for everybody. Bind a
 * namespace to {@link SessionObject}, which your Worker exports, and name the class in `new_sqlite_classes`.
 *
 * A call to an object is a subrequest: a read takes one, a write one or, for somebody who is signed in, two side by
 * side, and the list of a user's sessions one for each, and one more, or two where one of them has ended.
 */
export function durableObjectStore<Id>(
  namespace: SessionNamespace<Id>,
  options: DurableObjectStoreOptions = {},
): DurableObjectStore {
  const { now = Date.now, timeout = 2000 } = options
  const { get, idFromName } = Object(namespace) as Partial<SessionNamespace<Id>>
  if (typeof get !== 'function' || typeof idFromName !== 'function') {
    throw new Error(
      'durableObjectStore needs a Durable Object namespace: durableObjectStore(env.SESSIONS), bound to the class SessionObject.',
    )
  }
  checkTimeout(timeout, 'durableObjectStore')

  async function ask<Name extends keyof ObjectCalls>(
    object: string,
    name: Name,
    asked: ObjectCalls[Name]['asked'],
  ): Promise<ObjectCalls[Name]['answered']> {
    const call = async (): Promise<ObjectCalls[Name]['answered']> => {
      const stub = namespace.get(namespace.idFromName(object))
      const response = await stub.fetch(`https://session.object/${name}`, {
        method: 'POST',
        body: JSON.stringify(asked),
      })
      if (!response.ok) throw new Error(`it answered ${response.status} ${await response.text()}`)
      return (await response.json()) as ObjectCalls[Name]['answered']
    }
    try {
      return await within(timeout, lateCall('the call', timeout), call())
    } catch (cause) {
      throw new Error(failureText(name, cause), { cause })
    }
  }

  const live = (record: StoredRecord | null): StoredRecord | null =>
    record !== null && record.expiresAt > now() ? record : null

  /** The index has the entry when this is done; one that leads nowhere, when the write was refused, does no harm. */
  async function write(id: SessionId, next: StoredRecord | null, expected?: number): Promise<boolean> {
    const order = { next, now: now(), ...(expected === undefined ? {} : { expected }) }
    const written = ask(sessionObject(id), 'write', order)
    if (next === null || next.userId === null) return written
    const entered = ask(userObject(next.userId), 'enter', { id, expiresAt: next.expiresAt })
    const [done] = await Promise.all([written, entered])
    return done
  }

  /** Does something with each session that a user may have, and forgets those that have been nobody's for a while. */
  async function visit(
    userId: string,
    look: (id: SessionId) => Promise<'theirs' | 'not theirs'>,
  ): Promise<void> {
    const visits = new Map<SessionId, number>()
    const dead = new Map<SessionId, IndexEntry>()
    // A rotation that runs meanwhile makes the new entry and record before it gives the old one up. Who has found no
    // new record yet, and then the old one given up, finds the new one when it looks again.
    for (let moved = true; moved;) {
      moved = false
      const all = await ask(userObject(userId), 'entries', {})
      const entries = all.filter(({ id }) => (visits.get(id) ?? 0) < 2)
      for (let at = 0; at < entries.length; at += breadth) {
        const looks = entries.slice(at, at + breadth).map(async (entry) => {
          const { age, id } = entry
          const isTheirs = (await look(id)) === 'theirs'
          visits.set(id, isTheirs ? 2 : (visits.get(id) ?? 0) + 1)
          moved ||= !isTheirs
          if (!isTheirs && age > settled) dead.set(id, entry)
        })
        await Promise.all(looks)
      }
    }
    // Nothing depends on it; the next visit will try again.
    if (dead.size > 0)
      await ask(userObject(userId), 'forget', { entries: [...dead.values()] }).catch(() => {})
  }

  return {
    get: async (id) => live(await ask(sessionObject(id), 'read', {})),
    set: async (id, record) => void (await write(id, record)),
    delete: async (id) => void (await write(id, null)),
    compareAndSet: write,
    async listByUser(userId) {
      const sessions = new Map<SessionId, StoredRecord>()
      await visit(userId, async (id) => {
        const record = live(await ask(sessionObject(id), 'read', {}))
        if (record?.userId !== userId) return 'not theirs'
        sessions.set(id, record)
        return 'theirs'
      })
      return sessions
    },
    async deleteByUser(userId, except) {
      let count = 0
      await visit(userId, async (id) => {
        if (id === except) return 'theirs'
        const order = { next: null, ownedBy: userId, now: now() }
        if (await ask(sessionObject(id), 'write', order)) count++
        return 'not theirs'
      })
      return count
    },
  }
}

function sessionObject(id: SessionId): string {
  return `session:${id}`
}

/** As JSON, so that no broken character of a text is replaced and makes two users one. */
function userObject(userId: string): string {
  return `user:${JSON.stringify(userId)}`
}

function failureText(name: keyof ObjectCalls, cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause)
  // What workerd says of `storage.kv` in a class that is not backed by SQLite.
  const remedy = /sqlite/i.test(reason) ? '; name SessionObject in new_sqlite_classes of a migration' : ''
  return `A Durable Object could not ${name} a session: ${reason}${remedy}.`
}
