import { createHash } from 'node:crypto'
import type { AtomicStore, SessionId, Store as CoatcheckStore, StoredRecord } from '@coatcheck/core'
import type { Change } from '../express-session/keeper.ts'
import { changeAtomically, type AtomicExpressStore } from '../express-session/record-keeper.ts'
import { Store, type SessionRecord, type StoreCallback } from '../express-session/store.ts'

/** Options of {@link toExpressStore}. */
export interface ToExpressStoreOptions {
  /** How long a session is kept whose cookie ends with the browser, in seconds (default 86400, a day). */
  readonly ttl?: number
  /** Whose session it is, for stores with a user index: `(session) => session.passport?.user` (default: nobody's). */
  readonly userIdOf?: (session: SessionRecord) => string | null | undefined
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** So many losses in a row mean that the store's comparison does not work. */
const maxAttempts = 100

/**
 * A store of coatcheck, for express-session or for its drop-in. Under the drop-in, and over a store that can write on
 * a condition, no change is lost and no ended session comes back, whatever number of processes there is.
 *
 * Ids are kept as SHA-256 hashes.
 */
export function toExpressStore(
  store: CoatcheckStore,
  { now = Date.now, ttl = 86_400, userIdOf = () => null }: ToExpressStoreOptions = {},
): AtomicExpressStore {
  const endOf = ({ cookie }: SessionRecord): number => {
    const expires = cookie.expires ? new Date(cookie.expires).getTime() : Number.NaN
    return Number.isNaN(expires) ? now() + ttl * 1000 : expires
  }
  const recordOf = (session: SessionRecord, version: number): StoredRecord => ({
    payload: JSON.stringify(session),
    expiresAt: endOf(session),
    userId: userIdOf(session) ?? null,
    version,
  })

  /** The session, unless it has ended; and the version by which the store knows what is there. */
  async function find(id: SessionId): Promise<{ session: SessionRecord | null; version: number }> {
    const stored = await store.get(id)
    if (stored === null) return { session: null, version: 0 }
    const { expiresAt, payload, version } = stored
    return { session: expiresAt > now() ? (JSON.parse(payload) as SessionRecord) : null, version }
  }

  /** Writes what `make` gives for the record that is there, until no other write came between. */
  async function rewrite(
    id: SessionId,
    make: (stored: SessionRecord | null) => SessionRecord | null,
  ): Promise<boolean> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const { session, version } = await find(id)
      const next = make(session)
      if (next === null) return false
      const record = recordOf(next, version + 1)
      if (!isAtomic(store)) {
        await store.set(id, record)
        return true
      }
      if (await store.compareAndSet(id, record, version)) return true
    }
    throw new Error(
      `A session was changed by others ${maxAttempts} times; is the store's compareAndSet atomic?`,
    )
  }

  const methods = {
    get(sid: string, callback: StoreCallback<SessionRecord>) {
      settle(
        find(idOf(sid)).then(({ session }) => session),
        callback,
      )
    },
    set(sid: string, session: SessionRecord, callback?: StoreCallback) {
      settle(
        rewrite(idOf(sid), () => session),
        callback,
      )
    },
    touch(sid: string, { cookie }: SessionRecord, callback?: StoreCallback) {
      settle(
        rewrite(idOf(sid), (stored) => stored && { ...stored, cookie }),
        callback,
      )
    },
    destroy(sid: string, callback?: StoreCallback) {
      settle((async () => store.delete(idOf(sid)))(), callback)
    },
    [changeAtomically]: (sid: string, change: Change) =>
      rewrite(idOf(sid), (stored) => stored && change(stored)),
  }
  return Object.assign(new Store(), methods)
}

/** A hash has the form that every store takes, whatever `genid` makes. */
function idOf(sid: string): SessionId {
  return createHash('sha256').update(sid).digest('base64url') as SessionId
}

function isAtomic(store: CoatcheckStore): store is AtomicStore {
  return 'compareAndSet' in store
}

/** Calls back outside of the promise, so that what the callback throws is not taken for a failure of the store. */
function settle(work: Promise<unknown>, callback: StoreCallback | undefined): void {
  const later = (error: unknown, result?: unknown): void => {
    if (callback !== undefined) process.nextTick(callback, error, result)
  }
  work.then((result) => later(null, result), later)
}
