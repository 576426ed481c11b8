import type { Store } from '@coatcheck/core'

/** Runs the call of an operation, and may look at the clock before and after it. */
export type Timing = <Result>(operation: string, call: () => Promise<Result>) => Promise<Result>

/** The operations of a store that ask its server. What else a store has is passed on as it is. */
const operations: ReadonlySet<PropertyKey> = new Set([
  'get',
  'set',
  'delete',
  'compareAndSet',
  'deleteByUser',
  'listByUser',
])

/** The same store, with each operation timed. It keeps every ability: what a store can do is told by what it has. */
export function timedStore<Kept extends Store>(store: Kept, timing: Timing): Kept {
  // Not the store itself: of a frozen one, a proxy would have to give the methods as they are.
  return new Proxy<Kept>(Object.create(store) as Kept, {
    get(_, name) {
      const value: unknown = Reflect.get(store, name, store)
      if (typeof value !== 'function') return value
      // A store may be an object with private fields, which a proxy has not.
      const method = value.bind(store) as (...args: unknown[]) => Promise<unknown>
      if (!operations.has(name)) return method
      return (...args: unknown[]) => timing(String(name), async () => method(...args))
    },
  })
}
