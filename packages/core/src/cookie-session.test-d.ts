import { expectTypeOf, test } from 'vitest'
import {
  createCookieSessionManager,
  revocationStore,
  type CookieSessionManagerOptions,
  type Revocation,
} from './cookie-session.ts'
import type { AtomicStore, Secrets, Session, SessionManager, Store } from './index.ts'
import { memoryStore } from './memory-store.ts'

interface Data {
  views: number
  cart: string[]
}

declare const store: Store
declare const atomic: AtomicStore
declare const session: Session<Data>
const secrets: Secrets = ['a secret']
const revocation = revocationStore(memoryStore())

test('revocation has to be said', () => {
  createCookieSessionManager({ secrets, revocation })
  createCookieSessionManager({ secrets, revocation: 'none' })
  // @ts-expect-error there is no default for what logout means
  createCookieSessionManager({ secrets })
  // @ts-expect-error undefined says nothing
  createCookieSessionManager({ secrets, revocation: undefined })
  // @ts-expect-error another word
  createCookieSessionManager({ secrets, revocation: 'off' })
  // @ts-expect-error a store is no revocation
  createCookieSessionManager({ secrets, revocation: atomic })
  // @ts-expect-error nor does it need one beside it
  createCookieSessionManager({ secrets, revocation, store: atomic })
  // @ts-expect-error secrets are needed
  createCookieSessionManager({ revocation })
})

test('a store without compareAndSet keeps no revocation', () => {
  revocationStore(atomic)
  revocationStore(memoryStore(), { keepFor: '30d' })
  // @ts-expect-error of two logouts at once one would be lost
  revocationStore(store)
  // @ts-expect-error a duration has a unit
  revocationStore(atomic, { keepFor: '30' })
})

test('the options have their types', () => {
  createCookieSessionManager({ secrets, revocation, strict: true, audience: 'shop', maxParts: 2 })
  // @ts-expect-error a text is no boolean
  createCookieSessionManager({ secrets, revocation, strict: 'yes' })
  // @ts-expect-error a text is no number
  createCookieSessionManager({ secrets, revocation, maxParts: '4' })
  // @ts-expect-error options of the store manager
  createCookieSessionManager({ secrets, revocation, maxSessions: { limit: 3, onLimit: 'reject' } })
  // @ts-expect-error as is this one
  createCookieSessionManager({ secrets, revocation, cache: { for: '60s' } })
  expectTypeOf<CookieSessionManagerOptions<Data>['revocation']>().toEqualTypeOf<Revocation | 'none'>()
})

test('the manager and its sessions are those of everybody', () => {
  const sessions = createCookieSessionManager<Data>({ secrets, revocation })
  expectTypeOf(sessions).toEqualTypeOf<SessionManager<Data>>()
  expectTypeOf(sessions.load).returns.resolves.toEqualTypeOf<Session<Data>>()
})

test('a revocation takes what load gives', () => {
  expectTypeOf(revocation).toEqualTypeOf<Revocation>()
  void (async (): Promise<void> => {
    await revocation.revoke(session)
    await revocation.revokeOthers(session)
    await revocation.revokeUser('ann')
    // @ts-expect-error a user is named by a text
    await revocation.revokeUser(null)
    // @ts-expect-error an id alone says too little
    await revocation.revoke(session.id)
  })
})
