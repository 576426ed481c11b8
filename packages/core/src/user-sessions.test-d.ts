import { expectTypeOf, test } from 'vitest'
import type { AtomicStore, Session, SessionToken, Store, UserIndexedStore } from './index.ts'
import { memoryStore } from './memory-store.ts'
import { createUserSessions, type UserSession, type WatchableUserSessions } from './user-sessions.ts'

declare const plain: Store
declare const kv: Store & { readonly consistency: 'eventual' }
declare const atomic: AtomicStore
declare const indexed: AtomicStore & UserIndexedStore
declare const session: Session<{ views: number }>

test('a store that cannot compare or has no user index does not compile', () => {
  // @ts-expect-error three methods are not enough
  createUserSessions(plain)
  // @ts-expect-error Workers KV can neither compare nor index
  createUserSessions(kv)
  // @ts-expect-error there is no user index
  createUserSessions(atomic)
  createUserSessions(indexed)
})

test('only with a store that tells of ends they can be waited for', () => {
  expectTypeOf(createUserSessions(memoryStore())).toEqualTypeOf<WatchableUserSessions>()
  // @ts-expect-error this store tells of nothing
  void createUserSessions(indexed).onRevoked
})

test('a session of any data is taken, a token is not', () => {
  const users = createUserSessions(memoryStore())
  void users.list('ann', session)
  void users.revokeOthers(session)
  void users.onRevoked(session, () => {})
  // @ts-expect-error a token is a credential, not an id
  void users.onRevoked('' as SessionToken, () => {})
})

test('what is listed has neither id nor token', () => {
  expectTypeOf<UserSession>().not.toHaveProperty('id')
  expectTypeOf<UserSession>().not.toHaveProperty('token')
})
