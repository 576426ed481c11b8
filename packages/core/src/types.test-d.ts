import { type } from 'arktype'
import * as v from 'valibot'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  createSessionManager,
  type AtomicStore,
  type CookieOptions,
  type Duration,
  type LifetimeOptions,
  type LoginFacts,
  type Secrets,
  type Session,
  type SessionData,
  type SessionEvent,
  type SessionHeaders,
  type SessionId,
  type SessionManager,
  type SessionToken,
  type Store,
  type StoredRecord,
  type UserIndexedStore,
} from './index.ts'
import { memoryStore } from './memory-store.ts'

interface Data {
  views: number
  cart: string[]
  theme?: 'light' | 'dark'
}

declare const store: Store
declare const id: SessionId
declare const token: SessionToken
declare const session: Session<Data>
declare const sessions: SessionManager<Data>
declare const strange: Session<{ other: number }>
const secrets: Secrets = ['a secret']

test('ASVS-9.1.3 a ring of no secrets does not compile', () => {
  createSessionManager({ secrets: ['one'], store })
  createSessionManager({ secrets: ['newest', 'older', 'oldest'], store })
  // @ts-expect-error the ring is empty
  createSessionManager({ secrets: [], store })
  // @ts-expect-error an array that may be empty is no ring
  createSessionManager({ secrets: [] as string[], store })
  // @ts-expect-error a secret that may be missing is no secret
  createSessionManager({ secrets: [undefined as string | undefined], store })
  // @ts-expect-error a ring is an array
  createSessionManager({ secrets: 'one', store })
  // @ts-expect-error a scheduled secret has a secret
  createSessionManager({ secrets: [{ notBefore: '2026-11-21' }], store })
  // @ts-expect-error milliseconds are no date
  createSessionManager({ secrets: [{ secret: 'one', notBefore: 1 }], store })
  createSessionManager({ secrets: ['new', { secret: 'old', retireAfter: new Date() }], store })
  createSessionManager({ secrets: async () => ['one'], store })
  createSessionManager({ secrets: { load: () => ['one'], refreshEvery: '1m' }, store })
  // @ts-expect-error a vault that may have none gives no ring
  createSessionManager({ secrets: async () => [] as string[], store })
  // @ts-expect-error there are no defaults for secrets
  createSessionManager({ store })
  // @ts-expect-error nor for the store
  createSessionManager({ secrets })
})

test('an id is not a token, a token is not an id, and text is neither', () => {
  expectTypeOf(id).not.toExtend<SessionToken>()
  expectTypeOf(token).not.toExtend<SessionId>()
  expectTypeOf<string>().not.toExtend<SessionId>()
  expectTypeOf<string>().not.toExtend<SessionToken>()
  // Both can be used as the text that they are.
  expectTypeOf(id).toExtend<string>()
  // @ts-expect-error the store is asked for ids, never for credentials
  void store.get(token)
  // @ts-expect-error nor for what the client sent
  void store.get('text')
})

test('ASVS-3.3.4 no public type hands a token out', () => {
  expectTypeOf<Session['id']>().toEqualTypeOf<SessionId | null>()
  expectTypeOf<Extract<SessionEvent, { type: 'login' }>['previous']>().toEqualTypeOf<SessionId | null>()
  expectTypeOf<keyof StoredRecord>().toEqualTypeOf<'payload' | 'expiresAt' | 'userId' | 'version'>()
})

test('keys and values of a session are those of its data', () => {
  expectTypeOf(session.get('views')).toEqualTypeOf<number | undefined>()
  expectTypeOf(session.get('cart')).toEqualTypeOf<string[] | undefined>()
  expectTypeOf(session.get('theme')).toEqualTypeOf<'light' | 'dark' | undefined>()
  expectTypeOf(session.takeFlash('cart')).toEqualTypeOf<string[] | undefined>()
  expectTypeOf(session.keys()).toEqualTypeOf<('views' | 'cart' | 'theme')[]>()

  session.set('views', 1)
  session.set('views', undefined)
  session.set('theme', 'dark')
  session.flash('cart', [])
  session.update('views', (views = 0) => views + 1)
  session.update('cart', (cart) => {
    expectTypeOf(cart).toEqualTypeOf<string[] | undefined>()
    return cart
  })

  // @ts-expect-error there is no such key
  session.get('view')
  // @ts-expect-error there is no such key
  session.has('view')
  // @ts-expect-error there is no such key
  session.delete('view')
  // @ts-expect-error the value is a number
  session.set('views', '1')
  // @ts-expect-error the value is one of two
  session.set('theme', 'blue')
  // @ts-expect-error a flash is something
  session.flash('cart', undefined)
  // @ts-expect-error the function returns a number
  session.update('views', () => '1')
  // @ts-expect-error the function answers at once
  session.update('views', async () => 1)
})

test('ASVS-7.2.4 NIST-5.1-aal what a session is cannot be assigned', () => {
  expectTypeOf(session.userId).toEqualTypeOf<string | null>()
  expectTypeOf(session.expiresAt).toEqualTypeOf<Date>()
  expectTypeOf(session.login).parameter(0).toEqualTypeOf<string>()
  expectTypeOf(session.login).parameter(1).toEqualTypeOf<LoginFacts | undefined>()
  // @ts-expect-error only login binds a user (ASVS 7.2.4)
  session.userId = 'ada'
  // @ts-expect-error only login and rotate change the id
  session.id = id
  // @ts-expect-error only a commit does that
  session.isNew = false
  // @ts-expect-error only login does that
  session.authenticatedAt = new Date()
})

test('without a type, a session has the keys of the interface that applications augment', () => {
  const untyped = createSessionManager({ secrets, store })
  expectTypeOf(untyped).toEqualTypeOf<SessionManager>()
  expectTypeOf<Session>().not.toEqualTypeOf<Session<Data>>()
  // Nothing has been augmented here, so there is no key to ask for.
  expectTypeOf<keyof SessionData>().toEqualTypeOf<never>()
})

test('the data are what the schema returns, without a cast', () => {
  const ofZod = createSessionManager({
    secrets,
    store,
    schema: z.object({ views: z.number().default(0), cart: z.array(z.string()).optional() }),
  })
  const ofValibot = createSessionManager({
    secrets,
    store,
    schema: v.object({ views: v.optional(v.number(), 0), cart: v.optional(v.array(v.string())) }),
  })
  const ofArktype = createSessionManager({
    secrets,
    store,
    schema: type({ views: 'number = 0', 'cart?': 'string[]' }),
  })
  // What comes out of the schema counts, not what goes in: there `views` may be left out.
  type Loose = SessionManager<{ views: number; cart?: string[] | undefined }>
  expectTypeOf(ofZod).toEqualTypeOf<Loose>()
  expectTypeOf(ofValibot).toEqualTypeOf<Loose>()
  expectTypeOf(ofArktype).toEqualTypeOf<SessionManager<{ views: number; cart?: string[] }>>()
})

test('data and schema must agree, and migrate returns what the schema does', () => {
  const schema = z.object({ views: z.number() })
  createSessionManager<{ views: number }>({ secrets, store, schema })
  // @ts-expect-error the schema makes no strings
  createSessionManager<{ views: string }>({ secrets, store, schema })
  createSessionManager({ secrets, store, schema, migrate: () => ({ views: 1 }) })
  createSessionManager({ secrets, store, schema, migrate: async () => null })
  // @ts-expect-error that is the old form
  createSessionManager({ secrets, store, schema, migrate: () => ({ count: 1 }) })
  // @ts-expect-error a schema of something else than an object keeps no session
  createSessionManager({ secrets, store, schema: z.string() })
})

/** A store like Workers KV: no condition, no index. */
interface KvLike {
  readonly consistency: 'eventual'
  get(id: SessionId): Promise<StoredRecord | null>
  set(id: SessionId, record: StoredRecord): Promise<void>
  delete(id: SessionId): Promise<void>
}

test('what a store cannot do cannot be asked of it', () => {
  expectTypeOf<KvLike>().toExtend<Store>()
  expectTypeOf<KvLike>().not.toExtend<AtomicStore>()
  expectTypeOf<KvLike>().not.toExtend<UserIndexedStore>()
  expectTypeOf<Store>().not.toExtend<AtomicStore>()
  expectTypeOf<Store>().not.toExtend<UserIndexedStore>()
  expectTypeOf<AtomicStore>().not.toExtend<UserIndexedStore>()
  expectTypeOf<UserIndexedStore>().not.toExtend<AtomicStore>()
  const signOutEverywhere = (store: UserIndexedStore): Promise<number> => store.deleteByUser('ada')
  void signOutEverywhere(memoryStore())
  // @ts-expect-error it has no index of users
  void signOutEverywhere(store as KvLike)
})

test('the memory store can do everything, and a Map is no store', () => {
  expectTypeOf(memoryStore()).toExtend<AtomicStore & UserIndexedStore>()
  // @ts-expect-error its methods do not return promises
  createSessionManager({ secrets, store: new Map<SessionId, StoredRecord>() })
})

test('durations are written with their unit', () => {
  expectTypeOf<'90s' | '30m' | '12h' | '7d' | '1.5h'>().toExtend<Duration>()
  expectTypeOf<number>().not.toExtend<Duration>()
  expectTypeOf<string>().not.toExtend<Duration>()
  type NoDuration = '30' | '30ms' | '1w' | 'm' | '30minutes' | ''
  expectTypeOf<Exclude<NoDuration, Duration>>().toEqualTypeOf<NoDuration>()
  createSessionManager({ secrets, store, lifetime: { idle: '30m', absolute: '7d' }, rotationGrace: '10s' })
  // @ts-expect-error thirty of what?
  createSessionManager({ secrets, store, lifetime: { idle: 30 } })
  // @ts-expect-error a week is 7d
  createSessionManager({ secrets, store, lifetime: { absolute: '1 week' } })
  // @ts-expect-error sixty of what?
  createSessionManager({ secrets, store, rotationGrace: 60 })
  expectTypeOf<keyof LifetimeOptions>().toEqualTypeOf<'idle' | 'absolute' | 'nist' | 'renewEvery'>()
})

test('ASVS-3.3.1 ASVS-3.3.4 the cookie has no switch for what is always so', () => {
  expectTypeOf<keyof CookieOptions>().toEqualTypeOf<
    'name' | 'path' | 'domain' | 'sameSite' | 'partitioned' | 'priority' | 'persistent'
  >()
  // @ts-expect-error it is always HttpOnly
  createSessionManager({ secrets, store, cookie: { httpOnly: false } })
  // @ts-expect-error browsers know no such value
  createSessionManager({ secrets, store, cookie: { sameSite: 'lax' } })
})

test('an event is told apart by its type', () => {
  createSessionManager({
    secrets,
    store,
    onEvent(event) {
      if (event.type === 'updated') expectTypeOf(event.keys).toEqualTypeOf<readonly string[]>()
      // @ts-expect-error only some events have keys
      void event.keys
      // @ts-expect-error there is no such event
      void (event.type === 'logout')
    },
  })
})

test('a handler returns a response, or nothing where the connection was taken over', () => {
  const request = new Request('https://example.com/')
  expectTypeOf(sessions.handle(request, () => new Response())).toEqualTypeOf<Promise<Response>>()
  expectTypeOf(sessions.handle(request, () => undefined)).toEqualTypeOf<Promise<Response | undefined>>()
  expectTypeOf(sessions.commit(session)).toEqualTypeOf<Promise<SessionHeaders>>()
  // @ts-expect-error a text is no response
  void sessions.handle(request, () => 'hello')
  // @ts-expect-error a session of other data belongs to another manager
  void sessions.commit(strange)
})
