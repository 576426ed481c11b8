import type { AtomicStore, Store, UserIndexedStore } from '@coatcheck/core'
import type { Storage } from 'unstorage'
import { expectTypeOf, test } from 'vitest'
import { unstorageStore, type UnstorageLike, type UnstorageStore } from './unstorage.ts'

declare const storage: Storage

test('takes the storage of unstorage', () => {
  expectTypeOf<Storage>().toExtend<UnstorageLike>()
  expectTypeOf(unstorageStore(storage, { consistency: 'eventual' })).toEqualTypeOf<UnstorageStore>()
})

test('is a store that cannot be asked for more', () => {
  expectTypeOf<UnstorageStore>().toExtend<Store>()
  expectTypeOf<UnstorageStore>().not.toExtend<AtomicStore>()
  expectTypeOf<UnstorageStore>().not.toExtend<UserIndexedStore>()
})
