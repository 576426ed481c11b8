import type { DurableObject, DurableObjectNamespace, DurableObjectState } from '@cloudflare/workers-types'
import type { AtomicStore, UserIndexedStore } from '@coatcheck/core'
import { expectTypeOf, test } from 'vitest'
import {
  durableObjectStore,
  SessionObject,
  type DurableObjectStore,
  type SessionNamespace,
  type SessionObjectState,
} from './durable-object.ts'

declare const namespace: DurableObjectNamespace

test('takes the binding of a Worker', () => {
  expectTypeOf<DurableObjectNamespace>().toExtend<SessionNamespace<DurableObjectState['id']>>()
  expectTypeOf(durableObjectStore(namespace)).toEqualTypeOf<DurableObjectStore>()
  expectTypeOf<DurableObjectStore>().toExtend<AtomicStore & UserIndexedStore>()
})

test('gives the class of a Durable Object', () => {
  expectTypeOf<DurableObjectState>().toExtend<SessionObjectState>()
  expectTypeOf(SessionObject).toBeConstructibleWith({} as DurableObjectState)
  expectTypeOf<SessionObject['alarm']>().toExtend<NonNullable<DurableObject['alarm']>>()
})
