import type { SessionId } from '../crypto/token.ts'
import type { Store } from './store.ts'

/** A store that says where somebody who waits for the end of a session has to look. */
export interface WatchableStore extends Store {
  /**
   * Calls the listener with each id whose record was removed, or was written over by one that belongs to nobody; with
   * null when such a message may have been missed, so that everything has to be looked at. It is called after the
   * change can be read, by whichever process the change was made. What expires need not be told.
   *
   * @param listener Returns at once and throws nothing; it looks for itself what has become of the record.
   * @returns What ends the calls; once the promise is fulfilled, nothing is missed. Rejects when the store is out of reach.
   */
  watch(listener: (id: SessionId | null) => void): Promise<() => void>
}

/** Whether the store tells of ends. */
export function isWatchable(store: Store): store is WatchableStore {
  return 'watch' in store && typeof store.watch === 'function'
}
