import type { SessionId } from '../crypto/token.ts'
import type { Maybe } from '../steps.ts'

/** What a store keeps under an id. It never looks into the payload and never decides policy. */
export interface StoredRecord {
  /** The session as text, opaque to the store. */
  readonly payload: string
  /** When the record may be forgotten, in milliseconds since the epoch. Core enforces expiry; the store only cleans up. */
  readonly expiresAt: number
  /** Whose session it is, for a user index; null when nobody is signed in. */
  readonly userId: string | null
  /** 1 when created, one more with each write. */
  readonly version: number
}

/**
 * Keeps records under an id. Three methods make a store; each rejects (or throws) on a failure of the system only. One that
 * need not wait gives its result without a promise.
 *
 * A store with these three alone is last-write-wins: parallel requests of one session may overwrite each
 * other, and a slow one may bring a destroyed session back. {@link AtomicStore} has neither fault.
 */
export interface Store {
  /** `'eventual'` when a write may be invisible elsewhere for a while, as with Workers KV (default: at once). */
  readonly consistency?: 'eventual'
  /** The record, or null when there is none or it has expired. */
  get(id: SessionId): Maybe<StoredRecord | null>
  /** Writes the record, whatever was there. */
  set(id: SessionId, record: StoredRecord): Maybe<void>
  /** Removes the record; an id that is not there is no error. */
  delete(id: SessionId): Maybe<void>
}

/** A store that can write on a condition: no lost update, no resurrection. */
export interface AtomicStore extends Store {
  /**
   * Writes `next`, or removes the record when `next` is null, if and only if the version now stored is
   * `expected`; 0 stands for "there is none". Check and write are one atomic step.
   *
   * @returns Whether it was written. An expired record counts as absent.
   */
  compareAndSet(id: SessionId, next: StoredRecord | null, expected: number): Maybe<boolean>
}

/** A store that finds the sessions of one user, in time that grows with that user's sessions only. */
export interface UserIndexedStore extends Store {
  /** The live records whose `userId` this is. */
  listByUser(userId: string): Promise<ReadonlyMap<SessionId, StoredRecord>>
  /** Removes the user's records, but not the one named by `except`. @returns How many there were. */
  deleteByUser(userId: string, except?: SessionId): Promise<number>
}

/** Whether the store can write on a condition. */
export function isAtomic(store: Store): store is AtomicStore {
  return 'compareAndSet' in store && typeof store.compareAndSet === 'function'
}

/** Whether the store keeps a user index. */
export function isUserIndexed(store: Store): store is UserIndexedStore {
  return 'listByUser' in store && typeof store.listByUser === 'function'
}
