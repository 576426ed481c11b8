import { afterEach, describe, expect, test, vi } from 'vitest'
import { contentsOf, merged } from './contents.ts'
import { Cookie } from './cookie.ts'
import type { RecordKeeper } from './keeper.ts'
import { MemoryStore } from './memory-store.ts'
import {
  answerOf,
  changeAtomically,
  readRecord,
  recordKeeperOf,
  type AtomicExpressStore,
} from './record-keeper.ts'
import { Store, type ExpressStore, type SessionRecord, type StoreCallback } from './store.ts'

afterEach(() => void vi.useRealTimers())

const failure = new Error('The store is down.')

/** A store in memory with some of its methods replaced. */
function storeWith(methods: object): ExpressStore {
  return Object.assign(new MemoryStore(), methods) as ExpressStore
}

function recordOf(values: object = {}): SessionRecord {
  return { cookie: new Cookie(), ...values }
}

describe('what a store answers', () => {
  const record = recordOf({ views: 1 })
  const missing = Object.assign(new Error('No such file.'), { code: 'ENOENT' })
  type Get = (sid: string, done: StoreCallback<SessionRecord>) => unknown

  test.for<[string, Get, SessionRecord | null]>([
    ['a record', (_, done) => done(null, record), record],
    ['later', (_, done) => setImmediate(done, null, record), record],
    ['with an error that is none', (_, done) => done(false, record), record],
    ['nothing', (_, done) => done(), null],
    ['null', (_, done) => done(null, null), null],
    ['what is false', (_, done) => done(null, '' as never), null],
    ['that there is no such file', (_, done) => done(missing), null],
    ['that there is no such file, thrown', () => raise(missing), null],
    ['first counts', (_, done) => (done(null, record), done(failure), done(null, null)), record],
    ['and then throws, counts', (_, done) => (done(null, record), raise(failure)), record],
    ['and rejects, counts', (_, done) => (done(null, record), Promise.reject(failure)), record],
  ])('%s', async ([, get, expected]) => {
    expect(await readRecord(storeWith({ get }), 'sid')).toBe(expected)
  })

  test.for<[string, Get]>([
    ['an error', (_, done) => done(failure)],
    ['an error with a record beside it', (_, done) => done(failure, record)],
    ['by throwing', () => raise(failure)],
    ['by rejecting', () => Promise.reject(failure)],
  ])('%s: that is a failure', async ([, get]) => {
    await expect(readRecord(storeWith({ get }), 'sid')).rejects.toBe(failure)
  })

  test('does not come from a promise that is over, nor from a query that is started by then()', async () => {
    let started = 0
    // oxlint-disable-next-line unicorn/no-thenable -- query builders are such objects, and run when one awaits them
    const query = { then: () => void started++ }
    const done = Promise.withResolvers<StoreCallback>()
    const work = answerOf((callback) => {
      done.resolve(callback)
      return Promise.resolve()
    })
    let settled = false
    void work.then(() => (settled = true))
    const callback = await done.promise
    await new Promise((resolve) => setImmediate(resolve))
    expect(settled).toBe(false)
    callback()
    await work
    await answerOf((callback) => (callback(), query))
    expect(started).toBe(0)
  })

  test('is told to nobody who could throw into the store', async () => {
    const caught: unknown[] = []
    // connect-redis calls back again with what the callback threw, and connect-pg-simple removes the record.
    const store = storeWith({
      get(_: string, done: StoreCallback<SessionRecord>) {
        try {
          done(null, record)
        } catch (error) {
          caught.push(error)
        }
      },
    })
    await expect(readRecord(store, 'sid').then(() => raise(failure))).rejects.toBe(failure)
    expect(caught).toEqual([])
  })
})

function raise(error: Error): never {
  throw error
}

describe('the keeper of a store', () => {
  test('is one for all who use that store', () => {
    const store = new MemoryStore()
    expect(recordKeeperOf(store)).toBe(recordKeeperOf(store))
    expect(recordKeeperOf(store)).not.toBe(recordKeeperOf(new MemoryStore()))
  })

  test('creates, reads, changes, touches and destroys', async () => {
    const store = new MemoryStore()
    const keeper = recordKeeperOf(store)
    expect(await keeper.read('sid')).toBeNull()
    await keeper.create('sid', recordOf({ views: 1 }))
    expect(await keeper.change('sid', (stored) => ({ ...stored, name: 'ann' }))).toBe(true)
    expect(await keeper.touch('sid', { cookie: new Cookie({ path: '/shop' }) }, unused)).toBe(true)
    expect(await keeper.read('sid')).toMatchObject({ views: 1, name: 'ann', cookie: { path: '/shop' } })
    expect(await keeper.destroy('sid')).toBeUndefined()
    expect(await keeper.read('sid')).toBeNull()
    await keeper.destroy('sid')
  })

  test('does not write a record that has gone', async () => {
    const store = new MemoryStore()
    expect(await recordKeeperOf(store).change('sid', unused)).toBe(false)
    expect(store.sessions).toEqual({})
  })

  test.for(['get', 'set', 'destroy'] as const)('tells a failure of %s, and goes on', async (method) => {
    const store = new MemoryStore()
    const keeper = recordKeeperOf(store)
    await keeper.create('sid', recordOf())
    Object.assign(store, { [method]: (...args: unknown[]) => (args.at(-1) as StoreCallback)(failure) })
    const works = { get: keeper.change, set: keeper.change, destroy: keeper.destroy }
    await expect(works[method]('sid', (stored) => stored)).rejects.toBe(failure)
    Reflect.deleteProperty(store, method)
    expect(await keeper.change('sid', (stored) => stored)).toBe(true)
  })

  test('tells what the change itself throws', async () => {
    const keeper = recordKeeperOf(new MemoryStore())
    await keeper.create('sid', recordOf())
    await expect(keeper.change('sid', () => raise(failure))).rejects.toBe(failure)
  })

  test('of a store that cannot touch touches nothing', async () => {
    const keeper = recordKeeperOf(storeWith({ touch: undefined }))
    expect(await keeper.touch('sid', recordOf(), unused)).toBe(true)
  })

  test('does not take it for a failure when a store refuses to touch what has gone', async () => {
    const touch = (_sid: string, _record: SessionRecord, done?: StoreCallback): void => done?.(failure)
    const keeper = recordKeeperOf(storeWith({ touch }))
    expect(await keeper.touch('sid', recordOf(), unused)).toBe(false)
    await keeper.create('sid', recordOf())
    await expect(keeper.touch('sid', recordOf(), unused)).rejects.toBe(failure)
  })

  test('changes and touches by condition where the store can', async () => {
    const calls: unknown[] = []
    const store = storeWith({
      [changeAtomically]: (...args: unknown[]) => Promise.resolve(calls.push(args) === 1),
    }) as AtomicExpressStore
    const keeper = recordKeeperOf(store)
    expect(await keeper.change('one', unused)).toBe(true)
    expect(await keeper.touch('two', recordOf(), unused)).toBe(false)
    expect(calls).toEqual([
      ['one', unused],
      ['two', unused],
    ])
  })

  test('does one thing after the other for one id, and those of others meanwhile', async () => {
    const held = new Map<string, StoreCallback>()
    const begun: string[] = []
    const keeper = recordKeeperOf(
      storeWith({
        set(sid: string, { step }: SessionRecord, done: StoreCallback) {
          begun.push(`${sid} ${String(step)}`)
          held.set(sid, done)
        },
      }),
    )
    const first = keeper.create('one', recordOf({ step: 1 }))
    const second = keeper.create('one', recordOf({ step: 2 }))
    const other = keeper.create('two', recordOf({ step: 1 }))
    await turn()
    expect(begun).toEqual(['one 1', 'two 1'])
    held.get('two')!()
    await other
    held.get('one')!()
    await first
    await turn()
    expect(begun).toEqual(['one 1', 'two 1', 'one 2'])
    held.get('one')!()
    await second
  })

  test('does not wait for ever for a store that never answers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let isDeaf = true
    const store = new MemoryStore()
    const { set } = store
    store.set = (...args) => (isDeaf ? undefined : set.apply(store, args))
    const keeper = recordKeeperOf(store)
    const refused = expect(keeper.create('sid', recordOf())).rejects.toThrow(
      /has not answered for 30 seconds/,
    )
    const next = keeper.create('sid', recordOf({ views: 2 }))
    await turn()
    isDeaf = false
    await vi.advanceTimersByTimeAsync(30_000)
    await refused
    await next
    expect(await keeper.read('sid')).toMatchObject({ views: 2 })
    expect(vi.getTimerCount()).toBe(0)
  })
})

const unused = (): never => raise(new Error('There was nothing to change.'))

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A store over records in memory; each call waits, with its effect, until it is let through. */
class HeldStore extends (Store as unknown as new () => object) {
  readonly records = new Map<string, string>()
  readonly waiting: (() => void)[] = []

  get(sid: string, done: StoreCallback<SessionRecord>): void {
    this.waiting.push(() => done(null, JSON.parse(this.records.get(sid) ?? 'null') as SessionRecord | null))
  }

  set(sid: string, record: SessionRecord, done: StoreCallback): void {
    this.waiting.push(() => {
      this.records.set(sid, JSON.stringify(record))
      done()
    })
  }

  destroy(sid: string, done: StoreCallback): void {
    this.waiting.push(() => {
      this.records.delete(sid)
      done()
    })
  }
}

/** One request: loads the session, changes keys of its copy, saves it. @returns Whether there was something to save to. */
async function request(store: ExpressStore, keeper: RecordKeeper, changes: object): Promise<boolean> {
  const loaded = await readRecord(store, 'sid')
  if (loaded === null) return false
  const { cookie: _, ...before } = loaded
  const now = { ...before, ...changes }
  return keeper.change('sid', (stored) => merged(stored, now, contentsOf(before), contentsOf(now), null))
}

/** Runs `play` under every order in which what can happen next may happen. @returns How many orders there are. */
async function inEveryOrder(play: (choose: (options: number) => number) => Promise<void>): Promise<number> {
  const path: { chosen: number; options: number }[] = []
  for (let played = 1; ; played++) {
    let depth = 0
    await play((options) => {
      const step = (path[depth++] ??= { chosen: 0, options })
      expect(step.options).toBe(options)
      return step.chosen
    })
    while (path.length > 0 && path.at(-1)!.chosen === path.at(-1)!.options - 1) path.pop()
    if (path.length === 0) return played
    path.at(-1)!.chosen++
  }
}

describe('in every order in which two requests of one session and a logout can arrive and be answered', () => {
  type Act = (store: ExpressStore, keeper: RecordKeeper) => Promise<unknown>

  /** @returns What each act gave, and the record afterwards. */
  async function playOut(acts: readonly Act[], choose: (options: number) => number) {
    const held = new HeldStore()
    held.records.set('sid', JSON.stringify(recordOf({ views: 1 })))
    const store = held as unknown as ExpressStore
    const keeper = recordKeeperOf(store)
    const arriving = acts.map((act, index) => ({ act, index }))
    const results: unknown[] = []
    const settled: Promise<void>[] = []
    while (arriving.length + held.waiting.length > 0) {
      const chosen = choose(arriving.length + held.waiting.length)
      const [arrived] = chosen < arriving.length ? arriving.splice(chosen, 1) : []
      if (arrived === undefined) held.waiting.splice(chosen - arriving.length, 1)[0]!()
      else settled.push(arrived.act(store, keeper).then((result) => void (results[arrived.index] = result)))
      await turn()
    }
    await Promise.all(settled)
    return { results, record: JSON.parse(held.records.get('sid') ?? 'null') as SessionRecord | null }
  }

  const first: Act = (store, keeper) => request(store, keeper, { first: 1 })
  const second: Act = (store, keeper) => request(store, keeper, { second: 2 })
  const logout: Act = async (_store, keeper) => keeper.destroy('sid')

  test('no key is lost', async () => {
    const orders = await inEveryOrder(async (choose) => {
      const { record, results } = await playOut([first, second], choose)
      expect(results).toEqual([true, true])
      expect(record).toMatchObject({ views: 1, first: 1, second: 2 })
    })
    expect(orders).toBe(24)
  })

  test('an ended session does not come back', async () => {
    const outcomes = new Set<string>()
    const orders = await inEveryOrder(async (choose) => {
      const { record, results } = await playOut([first, second, logout], choose)
      expect(record).toBeNull()
      outcomes.add(String(results.slice(0, 2)))
    })
    expect(orders).toBe(288)
    // Each request meets both fates.
    expect([...outcomes].toSorted()).toEqual(['false,false', 'false,true', 'true,false', 'true,true'])
  })
})
