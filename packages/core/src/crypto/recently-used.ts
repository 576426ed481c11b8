import type { Key } from './keyring.ts'
import { Recent } from './recent.ts'

/** Values of secrets by name, those used last. They go when their secret does. */
export interface RecentlyUsed<Value> {
  /** The value of this secret and name. */
  get(key: Key, name: string): Value | undefined
  keep(key: Key, name: string, value: Value): void
}

/** So many values are kept for each secret, and half as many at least. */
export const mostKept = 1000

/** An empty one. */
export function recentlyUsed<Value>(): RecentlyUsed<Value> {
  const kept = new WeakMap<Key, Recent<Value>>()
  return {
    get: (key, name) => kept.get(key)?.get(name),
    keep(key, name, value) {
      const values = kept.get(key) ?? new Recent<Value>(mostKept / 2)
      kept.set(key, values)
      values.set(name, value)
    },
  }
}
