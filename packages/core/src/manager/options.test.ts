import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { SessionError } from '../errors.ts'
import { memoryStore } from '../memory-store.ts'
import { nist } from '../session/nist.ts'
import type { Store } from '../store/store.ts'
import type { OnEvent } from './events.ts'
import { readStoreOptions } from './store-options.ts'

const secret = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const store: Store = { get: async () => null, set: async () => {}, delete: async () => {} }
const { compareAndSet, listByUser } = memoryStore()
const needed = { secrets: [secret], store } as const

interface Data {
  readonly views?: number
}

/** Options as JavaScript may give them. */
function read(options: object): ReturnType<typeof readStoreOptions<Data>> {
  return readStoreOptions<Data>({ ...needed, ...options })
}

const second = 1000
const hour = 3600 * second

test('secrets and a store are enough', () => {
  const policy = readStoreOptions(needed)
  expect(policy.store).toBe(store)
  expect(policy.lifetime).toMatchObject({ idle: 24 * hour, absolute: 14 * 24 * hour, renewEvery: Infinity })
  expect(policy.maxSessions).toBeNull()
  expect(policy.rotationGrace).toBe(60 * second)
  expect([policy.cookies.secure.name, policy.cookies.loopback.name]).toEqual(['__Host-Http-sid', 'sid'])
  expect(policy.trustProxy).toBe(0)
  expect(policy.now).toBe(Date.now)
})

test('each option is heeded', async () => {
  const onEvent = vi.fn<OnEvent>()
  const now = (): number => 5
  const schema = z.object({ views: z.number().optional() })
  const policy = read({
    lifetime: { idle: '15m', absolute: '12h' },
    rotationGrace: '10s',
    cookie: { name: '__Host-coat' },
    schema,
    migrate: () => ({ views: 7 }),
    trustProxy: 2,
    onEvent,
    now,
  })
  expect(policy.lifetime).toMatchObject({ idle: hour / 4, absolute: 12 * hour })
  expect(policy.rotationGrace).toBe(10 * second)
  expect(policy.cookies.secure.name).toBe('__Host-coat')
  expect([policy.trustProxy, policy.now]).toEqual([2, now])
  policy.onEvent({ type: 'last-write-wins', consistency: 'eventual' })
  expect(onEvent).toHaveBeenCalledOnce()
  const moved = await policy.guard.read({ views: 'many' })
  expect(moved).toEqual({ values: { views: 7 }, migrated: true })
})

test('a NIST preset is a lifetime, as it is or with limits of your own', () => {
  const { lifetime } = readStoreOptions({ ...needed, lifetime: nist.aal2 })
  expect(lifetime).toEqual({
    idle: hour,
    absolute: 24 * hour,
    recordEvery: hour / 10,
    renewEvery: Infinity,
    nist: 2,
  })
  const own = { ...nist.aal2, idle: '30m', renewEvery: '8h' } as const
  const policy = readStoreOptions({ ...needed, store: memoryStore(), lifetime: own })
  expect(policy.lifetime).toMatchObject({
    idle: hour / 2,
    absolute: 24 * hour,
    renewEvery: 8 * hour,
    nist: 2,
  })
})

test('a limit to the sessions of a user is taken where the store can hold it', () => {
  const maxSessions = { limit: 3, onLimit: 'evict-oldest' } as const
  expect(readStoreOptions({ ...needed, store: memoryStore(), maxSessions }).maxSessions).toEqual(maxSessions)
})

test('an option that is undefined is as good as left out', () => {
  const nothing = { lifetime: undefined, cookie: undefined, schema: undefined, rotationGrace: undefined }
  const policy = read({
    ...nothing,
    migrate: undefined,
    trustProxy: undefined,
    onEvent: undefined,
    now: undefined,
  })
  expect(policy.rotationGrace).toBe(60 * second)
  expect(policy.now).toBe(Date.now)
})

test.each<[string, object]>([
  ['secrets', { secrets: [] }],
  ['secrets', { secrets: undefined }],
  ['secrets', { secrets: secret }],
  ['secrets[0]', { secrets: ['short'] }],
  ['secrets[1]', { secrets: [secret, 'short'] }],
  ['store', { store: undefined }],
  ['store', { store: null }],
  ['store', { store: {} }],
  ['store', { store: { get: store.get, set: store.set } }],
  ['store', { store: { get: store.get, delete: store.delete } }],
  ['store', { store: { set: store.set, delete: store.delete } }],
  ['lifetime.idle', { lifetime: { idle: 30 } }],
  ['lifetime.idle', { lifetime: { idle: '30' } }],
  ['lifetime.absolute', { lifetime: { absolute: 'for ever' } }],
  ['lifetime.idle', { lifetime: { idle: '2d', absolute: '1d' } }],
  ['lifetime.renewEvery', { lifetime: { renewEvery: '1h' } }],
  ['lifetime.renewEvery', { lifetime: { renewEvery: '60s' }, store: memoryStore() }],
  ['lifetime.nist', { lifetime: { nist: 0 } }],
  ['maxSessions', { maxSessions: { limit: 3, onLimit: 'reject' } }],
  ['maxSessions', { maxSessions: { limit: 3, onLimit: 'reject' }, store: { ...store, listByUser } }],
  ['maxSessions', { maxSessions: { limit: 3, onLimit: 'reject' }, store: { ...store, compareAndSet } }],
  ['maxSessions.limit', { maxSessions: { limit: 0, onLimit: 'reject' }, store: memoryStore() }],
  ['maxSessions.limit', { maxSessions: { limit: 1.5, onLimit: 'reject' }, store: memoryStore() }],
  ['maxSessions.onLimit', { maxSessions: { limit: 1, onLimit: 'evict' }, store: memoryStore() }],
  ['maxSessions.max', { maxSessions: { max: 1 }, store: memoryStore() }],
  ['maxSessions', { maxSessions: 3, store: memoryStore() }],
  ['rotationGrace', { rotationGrace: 60 }],
  ['rotationGrace', { rotationGrace: '0s' }],
  ['rotationGrace', { rotationGrace: '9s' }],
  ['rotationGrace', { rotationGrace: '9.999s' }],
  ['cookie.sameSite', { cookie: { sameSite: 'lax' } }],
  ['cookie.name', { cookie: { name: 'a b' } }],
  ['schema', { schema: {} }],
  ['schema', { schema: { parse: () => ({}) } }],
  ['migrate', { migrate: () => null }],
  ['trustProxy', { trustProxy: true }],
  ['trustProxy', { trustProxy: -1 }],
  ['trustProxy', { trustProxy: 1.5 }],
  ['trustProxy', { trustProxy: Number.NaN }],
  ['trustProxy', { trustProxy: '1' }],
  ['secret', { secret }],
  ['resave', { resave: true }],
  ['maxAge', { maxAge: 60 }],
])('%s is named by the error for %o', (option, options) => {
  const make = () => read(options)
  expect(make).toThrow(SessionError)
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  expect(make).toThrow(option)
})

// A setting that is overlooked is worse than one that is refused: `cookie: { maxAge: 5 }` is how others spell it.
test.each<[string, object]>([
  ['max', { lifetime: { max: '1d' } }],
  ['httpOnly', { cookie: { httpOnly: false } }],
  ['secure', { cookie: { secure: false } }],
  ['maxAge', { cookie: { maxAge: 5 } }],
])('%s, which is no option, is named by the error for %o', (option, options) => {
  expect(() => read(options)).toThrow(SessionError)
  expect(() => read(options)).toThrow(option)
})

// Found now, and not in the first request that needs it.
test.each<[string, object]>([
  ['lifetime', { lifetime: '30m' }],
  ['lifetime', { lifetime: null }],
  ['cookie', { cookie: null }],
  ['cookie', { cookie: 'sid' }],
  ['cookie.persistent', { cookie: { persistent: 'no' } }],
  ['cookie.partitioned', { cookie: { partitioned: 'yes', sameSite: 'None' } }],
  ['schema', { schema: null }],
  ['schema', { schema: 'views' }],
  ['migrate', { schema: z.object({}), migrate: {} }],
  ['onEvent', { onEvent: 'log' }],
  ['now', { now: 5 }],
])('%s of the wrong type is named by the error for %o', (option, options) => {
  expect(() => read(options)).toThrow(SessionError)
  expect(() => read(options)).toThrow(option)
})

test.each([[undefined], [null], ['secret']])('%j in place of the options is refused', (options) => {
  expect(() => readStoreOptions(options as unknown as typeof needed)).toThrow(SessionError)
})

test('the error never shows a secret', () => {
  expect(() => read({ secrets: [secret, secret.slice(0, 20)] })).not.toThrow(secret.slice(0, 10))
  expect(() => read({ secret })).not.toThrow(secret.slice(0, 10))
})
