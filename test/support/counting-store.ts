import type { AtomicStore, SessionId, StoredRecord } from '@coatcheck/core'

/** The name of a store operation. */
export type Operation = 'get' | 'set' | 'delete' | 'compareAndSet'

/** What happens at one call: nothing special, a failure before the work, or a failure reported after it was done. */
export type Fault = 'none' | 'fails' | 'does it, but reports failure'

/** A store that counts its calls and knows what it holds; it can be told to fail. */
export interface CountingStore extends AtomicStore {
  /** The operations since `takeCalls` was last called, in order. */
  takeCalls(): Operation[]
  /** All ids that were ever written. */
  readonly ids: ReadonlySet<SessionId>
  /** What is in the store now. */
  dump(): Promise<Map<SessionId, StoredRecord>>
  /** The ids that lead to a session: not those that were given up and only tell where it went. */
  liveIds(): Promise<SessionId[]>
  /** Decides the fault of each call that follows, by its operation and its number, counted from 0. */
  failWhen(decide: (operation: Operation, index: number) => Fault): void
  /** Ends the failures. */
  heal(): void
}

/** What a store under fault throws. */
export const storeFault: Error = new Error('The disk is on fire.')

/** Wraps a store. The store itself does the work; only the failures are made here. */
export function countingStore(inner: AtomicStore): CountingStore {
  let calls: Operation[] = []
  let decide: (operation: Operation, index: number) => Fault = () => 'none'
  let index = 0
  const ids = new Set<SessionId>()

  async function call<Result>(operation: Operation, work: () => Result | Promise<Result>): Promise<Result> {
    calls.push(operation)
    const fault = decide(operation, index++)
    if (fault === 'fails') throw storeFault
    const result = await work()
    if (fault === 'does it, but reports failure') throw storeFault
    return result
  }

  async function dump(): Promise<Map<SessionId, StoredRecord>> {
    const records = new Map<SessionId, StoredRecord>()
    for (const id of ids) {
      const record = await inner.get(id)
      if (record !== null) records.set(id, record)
    }
    return records
  }

  return {
    get: (id) => call('get', () => inner.get(id)),
    set(id, record) {
      ids.add(id)
      return call('set', () => inner.set(id, record))
    },
    delete: (id) => call('delete', () => inner.delete(id)),
    compareAndSet(id, next, expected) {
      ids.add(id)
      return call('compareAndSet', () => inner.compareAndSet(id, next, expected))
    },
    ids,
    dump,
    takeCalls() {
      const taken = calls
      calls = []
      return taken
    },
    async liveIds() {
      return [...(await dump())].filter(([, { payload }]) => 'data' in JSON.parse(payload)).map(([id]) => id)
    },
    failWhen(next) {
      decide = next
      index = 0
    },
    heal() {
      decide = () => 'none'
    },
  }
}
