import type { SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import type { OnEvent } from '../manager/events.ts'
import { andThen, isPending, type Maybe } from '../steps.ts'
import { isAtomic, type Store, type StoredRecord } from '../store/store.ts'

type Operation = 'get' | 'set' | 'delete' | 'compareAndSet'

/** The two operations that core needs of any store; a failure is always `ERR_SESSION_STORE`. */
export interface GuardedStore {
  get(id: SessionId): Maybe<StoredRecord | null>
  /** As `AtomicStore.compareAndSet`. A store that cannot compare writes unconditionally: the last write wins. */
  compareAndSet(id: SessionId, next: StoredRecord | null, expected: number): Maybe<boolean>
}

/**
 * Runs one call of a store; its failure is reported, and becomes `ERR_SESSION_STORE`.
 *
 * @param operation What kind of call it is, for the event.
 * @param method What it is called, for the message.
 */
export function guard<Result>(
  onEvent: OnEvent,
  operation: Operation,
  call: () => Maybe<Result>,
  method: string = operation,
): Maybe<Result> {
  const fail = (cause: unknown): never => {
    onEvent({ type: 'store-failure', operation, error: cause })
    throw new SessionError('ERR_SESSION_STORE', `The session store failed at ${method}.`, { cause })
  }
  try {
    const result = call()
    return isPending(result) ? Promise.resolve(result).catch(fail) : result
  } catch (cause) {
    return fail(cause)
  }
}

/** What a store in JavaScript says of nothing. */
function orNone(record: StoredRecord | null | undefined): StoredRecord | null {
  return record ?? null
}

/** Puts a store behind one door: failures are told apart from absence, and the weaker kind of store is levelled. */
export function guardStore(store: Store, onEvent: OnEvent): GuardedStore {
  const get: GuardedStore['get'] = (id) =>
    andThen(
      guard(onEvent, 'get', () => store.get(id)),
      orNone,
    )
  if (isAtomic(store)) {
    return {
      get,
      compareAndSet: (id, next, expected) =>
        guard(onEvent, 'compareAndSet', () => store.compareAndSet(id, next, expected)),
    }
  }
  return {
    get,
    compareAndSet(id, next) {
      const written =
        next === null
          ? guard(onEvent, 'delete', () => store.delete(id))
          : guard(onEvent, 'set', () => store.set(id, next))
      return andThen(written, () => true)
    },
  }
}
