import { expect, test } from 'vitest'
import type { SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import type { SessionEvent } from '../manager/events.ts'
import type { AtomicStore, Store, StoredRecord } from '../store/store.ts'
import { guardStore, type GuardedStore } from './guarded-store.ts'

const id = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw' as SessionId
const record: StoredRecord = { payload: '{}', expiresAt: 1, userId: 'ada', version: 2 }

/** Stores that note each call; `answer` is what happens then. */
function makeStores(answer: () => unknown = () => null) {
  const calls: unknown[][] = []
  const method =
    (name: string) =>
    async (...args: unknown[]): Promise<never> => {
      calls.push([name, ...args])
      return answer() as never
    }
  const plain: Store = { get: method('get'), set: method('set'), delete: method('delete') }
  const atomic: AtomicStore = { ...plain, compareAndSet: method('compareAndSet') }
  return { calls, plain, atomic }
}

const ignore = (): void => {}

test('a store that can compare is asked to, and its answer counts', async () => {
  for (const answer of [true, false]) {
    const { atomic, calls } = makeStores(() => answer)
    const guarded = guardStore(atomic, ignore)
    expect(await guarded.compareAndSet(id, record, 1)).toBe(answer)
    expect(await guarded.compareAndSet(id, null, 7)).toBe(answer)
    expect(calls).toEqual([
      ['compareAndSet', id, record, 1],
      ['compareAndSet', id, null, 7],
    ])
  }
})

test('a store that cannot compare writes and removes whatever was there', async () => {
  const { plain, calls } = makeStores()
  const guarded = guardStore(plain, ignore)
  expect(await guarded.compareAndSet(id, record, 1)).toBe(true)
  expect(await guarded.compareAndSet(id, null, 7)).toBe(true)
  expect(calls).toEqual([
    ['set', id, record],
    ['delete', id],
  ])
})

test('a record, or its absence, is passed on', async () => {
  expect(await guardStore(makeStores(() => record).plain, ignore).get(id)).toBe(record)
  expect(await guardStore(makeStores(() => null).atomic, ignore).get(id)).toBeNull()
})

test('a store that says undefined for absence, as a Map does, is understood', async () => {
  expect(await guardStore(makeStores(() => undefined).plain, ignore).get(id)).toBeNull()
})

test('the store keeps its `this`', async () => {
  class OwnStore {
    readonly #records = new Map([[id, record]])
    async get(id: SessionId): Promise<StoredRecord | null> {
      return this.#records.get(id) ?? null
    }
    async set(id: SessionId, record: StoredRecord): Promise<void> {
      this.#records.set(id, record)
    }
    async delete(id: SessionId): Promise<void> {
      this.#records.delete(id)
    }
  }
  const guarded = guardStore(new OwnStore(), ignore)
  await guarded.compareAndSet(id, null, 2)
  expect(await guarded.get(id)).toBeNull()
  await guarded.compareAndSet(id, record, 0)
  expect(await guarded.get(id)).toBe(record)
})

const get = async (store: GuardedStore): Promise<unknown> => store.get(id)
const write = async (store: GuardedStore): Promise<unknown> => store.compareAndSet(id, record, 1)
const remove = async (store: GuardedStore): Promise<unknown> => store.compareAndSet(id, null, 1)
const down = new Error('ECONNREFUSED')
const reject = (): Promise<never> => Promise.reject(down)
const throwAtOnce = (): never => {
  throw down
}

test.each([
  ['get', 'plain', get],
  ['get', 'atomic', get],
  ['set', 'plain', write],
  ['delete', 'plain', remove],
  ['compareAndSet', 'atomic', write],
  ['compareAndSet', 'atomic', remove],
] as const)(
  'a failure at %s of a store (%s) is told, and is never taken for absence',
  async (operation, kind, use) => {
    for (const fail of [reject, throwAtOnce]) {
      const broken = { get: fail, set: fail, delete: fail }
      const store = kind === 'plain' ? broken : { ...broken, compareAndSet: fail }
      const events: SessionEvent[] = []
      const failure = use(guardStore(store, (event) => events.push(event)))
      await expect(failure).rejects.toBeInstanceOf(SessionError)
      await expect(failure).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause: down })
      await expect(failure).rejects.toThrow(`The session store failed at ${operation}.`)
      expect(events).toEqual([{ type: 'store-failure', operation, error: down }])
    }
  },
)

test('a store may answer by a query that runs when it is awaited, and its failure is ours', async () => {
  const executed: string[] = []
  /** As query builders and other realms give them: no `Promise`, and nothing happens before somebody waits. */
  const query = (name: string, answer: () => unknown): never => {
    const then = (resolve: (value: unknown) => void, reject: (error: unknown) => void): void => {
      executed.push(name)
      try {
        resolve(answer())
      } catch (error) {
        reject(error)
      }
    }
    // oxlint-disable-next-line unicorn/no-thenable
    return { then } as never
  }
  const answers = { get: () => record, set: () => {}, delete: () => {}, compareAndSet: () => false }
  const plain: Store = {
    get: () => query('get', answers.get),
    set: () => query('set', answers.set),
    delete: () => query('delete', answers.delete),
  }
  const atomic: AtomicStore = { ...plain, compareAndSet: () => query('compareAndSet', answers.compareAndSet) }
  expect(await guardStore(atomic, ignore).compareAndSet(id, record, 1)).toBe(false)
  const guarded = guardStore(plain, ignore)
  expect([await guarded.get(id), await guarded.compareAndSet(id, record, 1)]).toEqual([record, true])
  await guarded.compareAndSet(id, null, 1)
  expect(executed).toEqual(['compareAndSet', 'get', 'set', 'delete'])
  const failing = guardStore({ ...plain, get: () => query('get', throwAtOnce) }, ignore)
  await expect(failing.get(id)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause: down })
})

test('a store that need not wait answers without a promise, and what it throws is its failure', () => {
  const plain: Store = { get: () => record, set: () => {}, delete: () => {} }
  expect(guardStore(plain, ignore).get(id)).toBe(record)
  expect(guardStore(plain, ignore).compareAndSet(id, record, 1)).toBe(true)
  const failing = guardStore({ ...plain, get: throwAtOnce }, ignore)
  expect(() => failing.get(id)).toThrow(SessionError)
})
