import type { SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import type { OnEvent } from '../manager/events.ts'
import { isAtomic, type Store, type StoredRecord } from '../store/store.ts'

type Operation = 'get' | 'set' | 'delete' | 'compareAndSet'

/** The two operations that core needs of any store; a failure is always `ERR_SESSION_STORE`. */
export interface GuardedStore {
  get(id: SessionId): Promise<StoredRecord | null>
  /** As `AtomicStore.compareAndSet`. A store that cannot compare writes unconditionally: the last write wins. */
  compareAndSet(id: SessionId, next: StoredRecord | null, expected: number): Promise<boolean>
}

/** Puts a store behind one door: failures are told apart from absence, and the weaker kind of store is levelled. */
export function guardStore(store: Store, onEvent: OnEvent): GuardedStore {
  const guard = async <Result>(operation: Operation, call: () => Promise<Result>): Promise<Result> => {
    try {
      return await call()
    } catch (error) {
      onEvent({ type: 'store-failure', operation, error })
      throw new SessionError('ERR_SESSION_STORE', `The session store failed at ${operation}.`, {
        cause: error,
      })
    }
  }
  const get: GuardedStore['get'] = (id) => guard('get', async () => (await store.get(id)) ?? null)
  if (isAtomic(store)) {
    return {
      get,
      compareAndSet: (id, next, expected) =>
        guard('compareAndSet', () => store.compareAndSet(id, next, expected)),
    }
  }
  return {
    get,
    async compareAndSet(id, next) {
      await (next === null
        ? guard('delete', () => store.delete(id))
        : guard('set', () => store.set(id, next)))
      return true
    },
  }
}
