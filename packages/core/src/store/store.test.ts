import { expect, test } from 'vitest'
import { isAtomic, isUserIndexed, type AtomicStore, type Store, type UserIndexedStore } from './store.ts'

const plain: Store = { get: async () => null, set: async () => {}, delete: async () => {} }
const atomic: AtomicStore = { ...plain, compareAndSet: async () => true }
const indexed: UserIndexedStore = { ...plain, listByUser: async () => new Map(), deleteByUser: async () => 0 }

/** Methods on the prototype count as well. */
class ClassStore {
  readonly get = plain.get
  readonly set = plain.set
  readonly delete = plain.delete
  async compareAndSet(): Promise<boolean> {
    return true
  }
}

test('a store can do what it has a method for', () => {
  expect([plain, atomic, indexed, { ...atomic, ...indexed }].map(isAtomic)).toEqual([
    false,
    true,
    false,
    true,
  ])
  expect([plain, atomic, indexed, { ...atomic, ...indexed }].map(isUserIndexed)).toEqual([
    false,
    false,
    true,
    true,
  ])
  expect(isAtomic(new ClassStore())).toBe(true)
})

test('a member that is no method is no capability', () => {
  expect(isAtomic({ ...plain, compareAndSet: undefined } as Store)).toBe(false)
  expect(isUserIndexed({ ...plain, listByUser: true } as Store)).toBe(false)
})
