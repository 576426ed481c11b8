import type { KVNamespace } from '@cloudflare/workers-types'
import { createSessionManager, type AtomicStore, type Store, type UserIndexedStore } from '@coatcheck/core'
import { expectTypeOf, test } from 'vitest'
import { kvStore, type KvNamespace, type KvStore } from './kv.ts'

declare const namespace: KVNamespace

test('takes the binding of a Worker', () => {
  expectTypeOf<KVNamespace>().toExtend<KvNamespace>()
  expectTypeOf(kvStore(namespace)).toEqualTypeOf<KvStore>()
})

test('is a store that is eventually consistent', () => {
  expectTypeOf<KvStore>().toExtend<Store>()
  expectTypeOf<KvStore['consistency']>().toEqualTypeOf<'eventual'>()
  createSessionManager({ secrets: ['a secret'], store: kvStore(namespace) })
})

test('cannot be asked for what KV cannot do', () => {
  expectTypeOf<KvStore>().not.toExtend<AtomicStore>()
  expectTypeOf<KvStore>().not.toExtend<UserIndexedStore>()
  // @ts-expect-error KV cannot write on a condition
  void kvStore(namespace).compareAndSet
  // @ts-expect-error KV has no user index
  void kvStore(namespace).listByUser
})
