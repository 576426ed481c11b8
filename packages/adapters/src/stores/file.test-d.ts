import type { AtomicStore, UserIndexedStore } from '@coatcheck/core'
import { expectTypeOf, test } from 'vitest'
import { fileStore, type FileStore } from './file.ts'

test('has every capability, and prune', () => {
  expectTypeOf(fileStore).returns.toEqualTypeOf<FileStore>()
  expectTypeOf<FileStore>().toExtend<AtomicStore & UserIndexedStore>()
  expectTypeOf<FileStore['prune']>().returns.resolves.toEqualTypeOf<number>()
})
