import type { SessionId, StoredRecord } from '@coatcheck/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MemoryStore } from '../express-session/memory-store.ts'
import type { ExpressStore, SessionRecord, StoreCallback } from '../express-session/store.ts'
import { fromExpressStore } from './from-express-store.ts'

const noon = Date.UTC(2026, 6, 1, 12)
const failure = new Error('The store is down.')
const id = 'an-id' as SessionId
const record: StoredRecord = { payload: '{"a":1}', expiresAt: noon + 60_000, userId: 'ann', version: 3 }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: noon })
})
afterEach(() => {
  vi.useRealTimers()
})

function storeWith(methods: object): ExpressStore {
  return Object.assign(new MemoryStore(), methods) as ExpressStore
}

/** A store that gives this for every id. */
function holding(content: unknown): ExpressStore {
  return storeWith({ get: (_sid: string, done: StoreCallback) => done(null, content as never) })
}

test('what is set is what is got, and it is a copy', async () => {
  const store = fromExpressStore(new MemoryStore())
  await store.set(id, record)
  expect(await store.get(id)).toEqual(record)
  expect(await store.get('other' as SessionId)).toBeNull()
  await store.delete(id)
  expect(await store.get(id)).toBeNull()
})

test('a store is told when the record ends in each of the ways in which stores ask', async () => {
  const given: SessionRecord[] = []
  const set = (_sid: string, session: SessionRecord, done?: StoreCallback): void => {
    given.push(session)
    done?.()
  }
  await fromExpressStore(storeWith({ set })).set(id, record)
  const { cookie } = given[0]!
  expect(cookie.expires).toEqual(new Date(noon + 60_000))
  expect((cookie as { maxAge?: number }).maxAge).toBe(60_000)
  expect(cookie.originalMaxAge).toBe(60_000)
  expect(JSON.parse(JSON.stringify(cookie))).toMatchObject({
    expires: '2026-07-01T12:01:00.000Z',
    originalMaxAge: 60_000,
  })
})

test.for([
  ['nothing', null],
  ['a record of express-session', { cookie: {}, views: 1 }],
  ['another object under our name', { cookie: {}, coatcheck: { payload: 1 } }],
  ['a text under our name', { cookie: {}, coatcheck: 'payload' }],
  ['a record without a version', { cookie: {}, coatcheck: { ...record, version: undefined } }],
  ['a record without an end', { cookie: {}, coatcheck: { ...record, expiresAt: null } }],
  ['a text', 'payload'],
] as const)('%s is no record of ours', async ([, content]) => {
  expect(await fromExpressStore(holding(content)).get(id)).toBeNull()
})

test('of a record, what else is in it is left out, and a user is a text', async () => {
  const content = { cookie: {}, coatcheck: { ...record, userId: 5, more: true } }
  expect(await fromExpressStore(holding(content)).get(id)).toEqual({ ...record, userId: null })
})

test('a file that is not there is no record', async () => {
  const missing = Object.assign(new Error('No such file.'), { code: 'ENOENT' })
  const get = (_sid: string, done: StoreCallback): void => done(missing)
  expect(await fromExpressStore(storeWith({ get })).get(id)).toBeNull()
})

describe('a failure of the store', () => {
  const works = {
    get: (store: ExpressStore) => fromExpressStore(store).get(id),
    set: (store: ExpressStore) => fromExpressStore(store).set(id, record),
    destroy: (store: ExpressStore) => fromExpressStore(store).delete(id),
  }
  const ways: Record<string, (...args: unknown[]) => unknown> = {
    'called back': (...args) => (args.at(-1) as StoreCallback)(failure),
    thrown: () => {
      throw failure
    },
    'rejected with': () => Promise.reject(failure),
  }
  test.for(Object.keys(works).flatMap((method) => Object.keys(ways).map((way) => [method, way] as const)))(
    'of %s, %s, is one here',
    async ([method, way]) => {
      const work = works[method as keyof typeof works]
      await expect(work(storeWith({ [method]: ways[way] }))).rejects.toBe(failure)
    },
  )
})
