import type { AtomicStore, SessionId, Store as CoatcheckStore, StoredRecord } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { describe, expect, test } from 'vitest'
import { Cookie } from '../express-session/cookie.ts'
import { changeAtomically } from '../express-session/record-keeper.ts'
import { Store, type ExpressStore, type SessionRecord } from '../express-session/store.ts'
import { toExpressStore, type ToExpressStoreOptions } from './to-express-store.ts'

const noon = Date.UTC(2026, 6, 1, 12)
const failure = new Error('The store is down.')

function sessionOf(cookie: object = {}, values: object = { views: 1 }): SessionRecord {
  return { cookie: new Cookie(cookie), ...values }
}

/** Calls a method. @returns What its callback got. */
function call(
  store: ExpressStore,
  method: 'get' | 'set' | 'touch' | 'destroy',
  ...args: unknown[]
): Promise<unknown[]> {
  return new Promise((resolve) => {
    const run = store[method] as (...args: unknown[]) => void
    run.call(store, ...args, (...results: unknown[]) => resolve(results))
  })
}

async function find(store: ExpressStore, sid = 'sid'): Promise<SessionRecord | null> {
  const [error, record] = await call(store, 'get', sid)
  expect(error).toBeNull()
  return (record ?? null) as SessionRecord | null
}

/** A store whose clock is in the test's hand, over a store that notes what is written. */
function open(options: ToExpressStoreOptions = {}) {
  const clock = { now: noon }
  const written: StoredRecord[] = []
  const memory = memoryStore({ now: () => clock.now })
  const noting: AtomicStore = {
    ...memory,
    async compareAndSet(id, next, expected) {
      if (next !== null) written.push(next)
      return memory.compareAndSet(id, next, expected)
    },
  }
  return { clock, memory, written, store: toExpressStore(noting, { ...options, now: () => clock.now }) }
}

describe('a record ends', () => {
  test.for<[string, object, number]>([
    ['with its cookie', { expires: new Date(noon + 60_000) }, noon + 60_000],
    ['with its cookie, as JSON has it', { expires: new Date(noon + 60_000).toISOString() }, noon + 60_000],
    ['after a day when the cookie ends with the browser', { expires: null }, noon + 86_400_000],
    ['after a day when the cookie says false', { expires: false }, noon + 86_400_000],
    ['after a day when the cookie says nonsense', { expires: 'soon' }, noon + 86_400_000],
  ])('%s', async ([, cookie, end]) => {
    const { store, written } = open()
    expect(await call(store, 'set', 'sid', { cookie, views: 1 })).toEqual([null, true])
    expect(written).toEqual([expect.objectContaining({ expiresAt: end, version: 1, userId: null })])
  })

  test('after ttl seconds when its cookie ends with the browser, and each touch begins them anew', async () => {
    const { clock, store } = open({ ttl: 60 })
    await call(store, 'set', 'sid', sessionOf())
    clock.now += 59_000
    await call(store, 'touch', 'sid', sessionOf())
    clock.now += 59_000
    expect(await find(store)).toMatchObject({ views: 1 })
    clock.now += 1000
    expect(await find(store)).toBeNull()
  })
})

describe('a record that has ended', () => {
  /** A store whose own clock is late. */
  async function openEnded() {
    const clock = { now: noon }
    const store = toExpressStore(memoryStore({ now: () => noon }), { now: () => clock.now })
    await call(store, 'set', 'sid', sessionOf({ expires: new Date(noon + 1000) }))
    clock.now += 1000
    return store
  }

  test('counts as absent', async () => {
    const store = await openEnded()
    expect(await find(store)).toBeNull()
    expect(await call(store, 'touch', 'sid', sessionOf())).toEqual([null, false])
    expect(await store[changeAtomically]('sid', (stored) => stored)).toBe(false)
    expect(await find(store)).toBeNull()
  })

  test('does not stand in the way of a new one', async () => {
    const store = await openEnded()
    expect(await call(store, 'set', 'sid', sessionOf({ expires: new Date(noon + 9000) }))).toEqual([
      null,
      true,
    ])
    expect(await find(store)).toMatchObject({ views: 1 })
  })
})

describe('touch', () => {
  test('takes the cookie and leaves the data', async () => {
    const { store, written } = open()
    await call(store, 'set', 'sid', sessionOf({}, { views: 1 }))
    await call(store, 'touch', 'sid', sessionOf({ path: '/shop' }, { views: 7 }))
    expect(await find(store)).toMatchObject({ views: 1, cookie: { path: '/shop' } })
    expect(written.map(({ version }) => version)).toEqual([1, 2])
  })

  test('of a record that is not there is no error, and makes none', async () => {
    const { memory, store } = open()
    expect(await call(store, 'touch', 'sid', sessionOf())).toEqual([null, false])
    expect(memory.size).toBe(0)
  })
})

/** A store where another process is first, as often as the test says. */
function openContended() {
  const memory = memoryStore({ now: () => noon })
  let losses = 0
  const store: AtomicStore = {
    ...memory,
    async compareAndSet(id, next, expected) {
      if (losses-- <= 0) return memory.compareAndSet(id, next, expected)
      const session = JSON.parse((await memory.get(id))!.payload) as SessionRecord & { others?: number }
      const payload = JSON.stringify({ ...session, others: (session.others ?? 0) + 1 })
      await memory.set(id, { payload, expiresAt: noon + 60_000, userId: null, version: expected + 1 })
      return false
    },
  }
  return { store: toExpressStore(store, { now: () => noon }), lose: (times: number) => void (losses = times) }
}

describe('a write that was not the first', () => {
  const named = (stored: SessionRecord): SessionRecord => ({ ...stored, name: 'ann' })

  test.for([1, 2, 99])('is made again on what the others have written: after %j losses', async (times) => {
    const { lose, store } = openContended()
    await call(store, 'set', 'sid', sessionOf())
    lose(times)
    expect(await store[changeAtomically]('sid', named)).toBe(true)
    expect(await find(store)).toMatchObject({ views: 1, others: times, name: 'ann' })
    lose(times)
    await call(store, 'touch', 'sid', sessionOf({ path: '/shop' }))
    expect(await find(store)).toMatchObject({ others: 2 * times, name: 'ann', cookie: { path: '/shop' } })
  })

  test('replaces what the others have written, when it is a whole record', async () => {
    const { lose, store } = openContended()
    await call(store, 'set', 'sid', sessionOf())
    lose(2)
    expect(await call(store, 'set', 'sid', sessionOf({}, { views: 9 }))).toEqual([null, true])
    expect(Object.keys((await find(store))!)).toEqual(['cookie', 'views'])
  })

  test('is given up after 100 losses', async () => {
    const { lose, store } = openContended()
    await call(store, 'set', 'sid', sessionOf())
    lose(100)
    await expect(store[changeAtomically]('sid', named)).rejects.toThrow(
      /100 times; is the store's compareAndSet/,
    )
    lose(100)
    const [error] = await call(store, 'set', 'sid', sessionOf())
    expect(String(error)).toMatch(/100 times/)
    expect(Object.keys((await find(store))!)).not.toContain('name')
  })

  test('does not bring back what has ended meanwhile', async () => {
    const memory = memoryStore({ now: () => noon })
    const store = toExpressStore(
      {
        ...memory,
        async compareAndSet(id, next, expected) {
          if (expected > 0) await memory.delete(id)
          return memory.compareAndSet(id, next, expected)
        },
      } as AtomicStore,
      { now: () => noon },
    )
    await call(store, 'set', 'sid', sessionOf())
    expect(await store[changeAtomically]('sid', named)).toBe(false)
    expect(memory.size).toBe(0)
  })
})

describe('a store that cannot compare', () => {
  const plainOf = (memory: CoatcheckStore): CoatcheckStore => ({
    get: (id) => memory.get(id),
    set: (id, record) => memory.set(id, record),
    delete: (id) => memory.delete(id),
  })

  test('is written to as it is', async () => {
    const memory = memoryStore({ now: () => noon })
    const store = toExpressStore(plainOf(memory), { now: () => noon })
    await call(store, 'set', 'sid', sessionOf())
    expect(await store[changeAtomically]('sid', (stored) => ({ ...stored, name: 'ann' }))).toBe(true)
    await call(store, 'touch', 'sid', sessionOf({ path: '/shop' }))
    expect(await find(store)).toMatchObject({ views: 1, name: 'ann', cookie: { path: '/shop' } })
    expect(await call(store, 'destroy', 'sid')).toEqual([null, undefined])
    expect(await find(store)).toBeNull()
  })
})

describe('a failure of the store', () => {
  const broken = (): Promise<never> => Promise.reject(failure)
  const store = toExpressStore({
    get: broken,
    set: broken,
    delete: broken,
    compareAndSet: broken,
  } as AtomicStore)

  test.for(['get', 'set', 'touch', 'destroy'] as const)('of %s is called back', async (method) => {
    const args = method === 'set' || method === 'touch' ? ['sid', sessionOf()] : ['sid']
    expect((await call(store, method, ...args))[0]).toBe(failure)
  })

  test('that nobody asks about harms nobody', async () => {
    store.set('sid', sessionOf())
    store.touch!('sid', sessionOf())
    store.destroy('sid')
    await new Promise((resolve) => setImmediate(resolve))
  })

  test.for<[string, unknown, RegExp]>([
    ['cannot be kept as JSON', { cookie: {}, big: 1n }, /BigInt/],
    ['has no cookie', { views: 1 }, /./],
  ])('is called back for a session that %s', async ([, session, message]) => {
    const [error] = await call(open().store, 'set', 'sid', session)
    expect(String(error)).toMatch(message)
  })

  test('is what a record is that no JSON is', async () => {
    const record = { payload: '{', expiresAt: Infinity, userId: null, version: 1 }
    const [error] = await call(toExpressStore({ ...memoryStore(), get: async () => record }), 'get', 'sid')
    expect(error).toBeInstanceOf(SyntaxError)
  })
})

test('what a callback throws is an uncaught exception, and no second answer', async () => {
  const calls: unknown[][] = []
  const caught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
  open().store.get('sid', (...args) => {
    calls.push(args)
    throw failure
  })
  expect(await caught).toBe(failure)
  await new Promise((resolve) => setImmediate(resolve))
  process.setUncaughtExceptionCaptureCallback(null)
  expect(calls).toEqual([[null, null]])
})

test('it is a store as express-session wants it, and keeps ids as hashes that any store takes', async () => {
  const { memory, store } = open()
  expect(store).toBeInstanceOf(Store)
  const ids: SessionId[] = []
  const noting = toExpressStore({ ...memory, get: async (id) => (ids.push(id), null) })
  for (const sid of ['sid', '../../etc/passwd', 'é\0', '__proto__']) await call(noting, 'get', sid)
  for (const id of ids) expect(id).toMatch(/^[\w-]{43}$/)
  expect(new Set(ids).size).toBe(4)
})

test('a store with a user index is told whose session it is, whenever it is written', async () => {
  const { store, written } = open({ userIdOf: ({ user }) => user as string | undefined })
  await call(store, 'set', 'sid', sessionOf())
  await store[changeAtomically]('sid', (stored) => ({ ...stored, user: 'ann' }))
  await call(store, 'touch', 'sid', sessionOf())
  expect(written.map(({ userId }) => userId)).toEqual([null, 'ann', 'ann'])
})
