import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Cookie } from './cookie.ts'
import { MemoryStore } from './memory-store.ts'
import { recordKeeperOf } from './record-keeper.ts'
import type { SessionRecord, StoreCallback } from './store.ts'

const noon = Date.UTC(2026, 6, 1, 12)
const minute = 60_000
const failure = new Error('No change.')

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: noon }))
afterEach(() => void vi.useRealTimers())

function recordOf(values: object = {}, cookie: object = {}): SessionRecord {
  return { cookie: new Cookie(cookie), ...values }
}

const rename = (stored: SessionRecord): SessionRecord => ({ ...stored, name: 'ann' })
const unused = (): never => {
  throw new Error('There was nothing to change.')
}

describe('over a store in memory as it comes, nothing has to wait:', () => {
  test('a record is created, read, changed, touched and destroyed at once', () => {
    const store = new MemoryStore()
    const keeper = recordKeeperOf(store)
    expect(keeper.peek('sid')).toBeNull()
    expect(keeper.create('sid', recordOf({ views: 1 }))).toBeUndefined()
    expect(keeper.change('sid', rename)).toBe(true)
    expect(keeper.touch('sid', recordOf({ unsaved: 1 }, { path: '/shop' }), unused)).toBe(true)
    const found = { views: 1, name: 'ann', cookie: { ...new Cookie({ path: '/shop' }).data } }
    expect(keeper.read('sid')).toEqual(JSON.parse(JSON.stringify(found)))
    expect(keeper.peek('sid')).toEqual(keeper.read('sid'))
    expect(keeper.destroy('sid')).toBeUndefined()
    expect(store.sessions).toEqual({})
  })

  test('a record that has gone is not written again', () => {
    const store = new MemoryStore()
    const keeper = recordKeeperOf(store)
    for (const life of [null, minute]) {
      expect(keeper.change('sid', unused)).toBe(false)
      expect(keeper.touch('sid', recordOf({}, { maxAge: life }), unused)).toBe(false)
    }
    expect(store.sessions).toEqual({})
  })

  test('a record that has ended does not come back with a late touch', () => {
    for (const life of [null, minute]) {
      const store = new MemoryStore()
      const keeper = recordKeeperOf(store)
      void keeper.create('sid', recordOf({}, { maxAge: minute }))
      vi.setSystemTime(Date.now() + minute)
      expect(keeper.touch('sid', recordOf({}, { maxAge: life }), unused)).toBe(false)
      expect(store.sessions).toEqual({})
    }
  })

  test('a touch prolongs the record, and keeps for good what is no longer to end', () => {
    const store = new MemoryStore()
    const keeper = recordKeeperOf(store)
    void keeper.create('sid', recordOf({}, { maxAge: minute }))
    void keeper.touch('sid', recordOf({}, { maxAge: 3 * minute }), unused)
    vi.setSystemTime(noon + 2 * minute)
    expect(keeper.read('sid')).not.toBeNull()
    void keeper.touch('sid', recordOf(), unused)
    vi.setSystemTime(noon + 9 * minute)
    for (let count = 0; count < 5; count++) void keeper.create('other', recordOf())
    expect(keeper.read('sid')).not.toBeNull()
  })

  test('a touch that changes nothing leaves the text as it is, and one of another cookie does not', () => {
    const store = new MemoryStore()
    const keeper = recordKeeperOf(store)
    void keeper.create('sid', recordOf({ views: 1 }))
    const parse = vi.spyOn(JSON, 'parse')
    onTestFinished(() => parse.mockRestore())
    expect(keeper.touch('sid', recordOf({ views: 2 }), unused)).toBe(true)
    expect(parse).not.toHaveBeenCalled()
    expect(keeper.touch('sid', recordOf({}, { secure: true }), unused)).toBe(true)
    expect(keeper.read('sid')).toMatchObject({ views: 1, cookie: { secure: true } })
  })

  test('what fails rejects, and writes nothing', async () => {
    const store = new MemoryStore()
    const keeper = recordKeeperOf(store)
    const circular = recordOf()
    circular['self'] = circular
    await expect(keeper.create('sid', circular)).rejects.toThrow(/circular/)
    await keeper.create('sid', recordOf({ views: 1 }))
    const failing = (): never => {
      throw failure
    }
    await expect(keeper.change('sid', failing)).rejects.toBe(failure)
    expect(keeper.read('sid')).toMatchObject({ views: 1 })
    store.sessions['sid'] = '{'
    await expect(keeper.peek('sid')).rejects.toThrow(SyntaxError)
    await expect(keeper.touch('sid', recordOf(), unused)).rejects.toThrow(SyntaxError)
  })
})

describe('methods that somebody has put in the place of those of the store are called', () => {
  const names = ['get', 'set', 'touch', 'destroy'] as const
  type Name = (typeof names)[number]

  /** Does everything that a keeper can do. */
  async function useAll(store: MemoryStore): Promise<void> {
    const keeper = recordKeeperOf(store)
    await keeper.create('sid', recordOf())
    await keeper.peek('sid')
    await keeper.change('sid', rename)
    await keeper.touch('sid', recordOf(), unused)
    await keeper.destroy('sid')
  }

  function watching(name: Name, calls: unknown[]): (...args: unknown[]) => unknown {
    const method = MemoryStore.prototype[name] as (...args: unknown[]) => unknown
    return function (this: MemoryStore, ...args) {
      calls.push(args[0])
      return method.apply(this, args)
    }
  }

  test.for(names)('%s of the instance, at any time', async (name) => {
    const calls: unknown[] = []
    const store = new MemoryStore()
    await useAll(store)
    Object.assign(store, { [name]: watching(name, calls) })
    await useAll(store)
    expect(calls.length).toBeGreaterThan(0)
    calls.length = 0
    Reflect.deleteProperty(store, name)
    await useAll(store)
    expect(calls).toEqual([])
  })

  test.for(names)('%s of a class that extends it', async (name) => {
    const calls: unknown[] = []
    class Heir extends MemoryStore {}
    Object.assign(Heir.prototype, { [name]: watching(name, calls) })
    await useAll(new Heir())
    expect(calls.length).toBeGreaterThan(0)
  })

  test.for(names)('%s of its prototype', async (name) => {
    const calls: unknown[] = []
    const method: unknown = MemoryStore.prototype[name]
    onTestFinished(() => void Object.assign(MemoryStore.prototype, { [name]: method }))
    Object.assign(MemoryStore.prototype, { [name]: watching(name, calls) })
    await useAll(new MemoryStore())
    expect(calls.length).toBeGreaterThan(0)
  })

  test('and what they answer counts', async () => {
    class Encrypted extends MemoryStore {
      override get(_sid: string, callback: StoreCallback<SessionRecord>): void {
        callback(null, recordOf({ views: 7 }))
      }
    }
    expect(await recordKeeperOf(new Encrypted()).peek('sid')).toMatchObject({ views: 7 })
  })
})
