import { ServerResponse } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { SessionEvent } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { toExpressStore } from '../stores/to-express-store.ts'
import { Cookie, type CookieOptions } from './cookie.ts'
import { MemoryStore } from './memory-store.ts'
import { readOptions, type SessionOptions } from './options.ts'
import { answerOf, readRecord, recordKeeperOf } from './record-keeper.ts'
import type { SessionedRequest } from './request.ts'
import type { Session } from './session.ts'
import type { ExpressStore, StoreCallback } from './store.ts'
import { Visit } from './visit.ts'

const noon = Date.UTC(2026, 6, 1, 12)
const minute = 60_000
const failure = new Error('The store is down.')

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: noon })
})
afterEach(() => {
  vi.useRealTimers()
})

interface Opened extends Pick<Visit, 'beforeEnd' | 'beforeHead' | 'generate' | 'inflate'> {
  readonly req: SessionedRequest
  readonly res: ServerResponse
  readonly session: Session
  readonly events: readonly SessionEvent[]
  /** Sends the head. @returns The cookies that go with it. */
  head(): Promise<readonly string[]>
}

interface Arrival {
  /** The session that its cookie names (default: it brings none). */
  readonly sid?: string
  readonly keyIndex?: number
  readonly encrypted?: boolean
}

/** A request that has come as far as its handler. */
async function arrive(
  store: ExpressStore,
  { encrypted = false, keyIndex = 0, sid }: Arrival = {},
  options: SessionOptions = {},
): Promise<Opened> {
  const req = { headers: {}, method: 'GET', socket: { encrypted } } as unknown as SessionedRequest
  const res = new ServerResponse(req)
  const events: SessionEvent[] = []
  const policy = readOptions({
    secret: 'keyboard cat',
    resave: false,
    saveUninitialized: false,
    store,
    ...options,
  })
  const visit = new Visit(req, res, {
    policy,
    cookie: (options.cookie ?? {}) as CookieOptions,
    keeper: recordKeeperOf(store),
    presented: sid === undefined ? null : { sid, keyIndex },
    report: (event) => events.push(event),
    secret: 'keyboard cat',
  })
  const record = sid === undefined ? null : await readRecord(store, sid)
  if (sid === undefined || record === null) visit.generate()
  else visit.inflate(sid, record)
  return {
    generate: () => visit.generate(),
    inflate: (sid, record) => visit.inflate(sid, record),
    beforeHead: visit.beforeHead,
    beforeEnd: visit.beforeEnd,
    req,
    res,
    events,
    get session() {
      return req.session!
    },
    async head() {
      await visit.beforeHead(res)
      return (res.getHeader('Set-Cookie') ?? []) as string[]
    },
  }
}

/** A store with one session, `sid`, and the names of the calls that write. */
async function openStore(values: object = { views: 1 }, cookie: object = {}) {
  const store = new MemoryStore()
  const record = { ...values, cookie: new Cookie(cookie) }
  await answerOf((done) => store.set('sid', record, done))
  const writes: string[] = []
  for (const name of ['set', 'touch', 'destroy'] as const) {
    const method = store[name] as (...args: unknown[]) => void
    store[name] = (...args: unknown[]) => {
      writes.push(name)
      return method.apply(store, args)
    }
  }
  return { store, writes, find: (sid: string) => readRecord(store, sid) }
}

function fail(store: ExpressStore, method: 'set' | 'touch' | 'destroy', error = failure): void {
  Object.assign(store, { [method]: (...args: unknown[]) => (args.at(-1) as StoreCallback)(error) })
}

const isFor = (sid: string): RegExp => new RegExp(`^connect\\.sid=s%3A${sid}\\.`)

describe('a new session', () => {
  test('that nothing was written to costs nothing, and holds nothing up', async () => {
    const { store, writes } = await openStore()
    const { beforeEnd, beforeHead, res } = await arrive(store)
    expect(beforeHead(res)).toBeUndefined()
    expect(beforeEnd()).toBeUndefined()
    expect(res.getHeader('Set-Cookie')).toBeUndefined()
    expect(writes).toEqual([])
  })

  test('is in the store when its cookie goes out', async () => {
    const { find, store } = await openStore()
    const { head, session } = await arrive(store)
    session['views'] = 1
    expect(await head()).toEqual([expect.stringMatching(isFor(session.id))])
    expect(await find(session.id)).toMatchObject({ views: 1 })
  })

  test('that is ended leaves no trace: the browser has no cookie to lose', async () => {
    const { store } = await openStore()
    const { head, session } = await arrive(store)
    await session.destroy()
    expect(await head()).toEqual([])
    expect(Object.keys(store.sessions)).toEqual(['sid'])
  })

  test('is refused when it has no id', async () => {
    const { store } = await openStore()
    for (const id of ['', undefined, 5]) {
      await expect(arrive(store, {}, { genid: () => id as string })).rejects.toThrow('genid must return')
    }
  })

  test('that is first changed behind the head is not saved, and that is said', async () => {
    const { store, writes } = await openStore()
    const { beforeEnd, events, head, session } = await arrive(store)
    await head()
    session['views'] = 1
    await beforeEnd()
    expect(events).toEqual([{ type: 'withheld', id: null, change: 'create' }])
    expect(writes).toEqual([])
  })

  // What is truthy sets Secure, as in express-session; so it has to keep the cookie from plain http as well.
  test.for([true, 'true', 1])('with secure %j gets its cookie by TLS only', async (secure) => {
    const { store } = await openStore()
    const options = { cookie: { secure: secure as boolean } }
    for (const encrypted of [true, false]) {
      const { events, head, session } = await arrive(store, { encrypted }, options)
      session['views'] = 1
      expect(await head()).toEqual(encrypted ? [expect.stringMatching(/; Secure$/)] : [])
      expect(events.map(({ type }) => type)).toEqual(encrypted ? [] : ['insecure'])
    }
  })
})

describe('what the handler began and did not wait for', () => {
  test.for(['Set-Cookie goes out', 'the response ends'] as const)(
    'is done before %s: destroy',
    async (moment) => {
      const { find, store } = await openStore()
      const { beforeEnd, head, req, session } = await arrive(store, { sid: 'sid' })
      if (moment === 'the response ends') await head()
      const { destroy } = store
      store.destroy = (...args) => void setImmediate(() => destroy.apply(store, args))
      void session.destroy()
      expect(req.session).toBeUndefined()
      if (moment === 'the response ends') await beforeEnd()
      else
        expect(await head()).toEqual([
          expect.stringMatching(/^connect\.sid=; Path=\/; Expires=Thu, 01 Jan 1970/),
        ])
      expect(await find('sid')).toBeNull()
    },
  )

  test('is done before the cookie goes out: regenerate', async () => {
    const { find, store } = await openStore()
    const { head, req, session } = await arrive(store, { sid: 'sid' })
    void session.regenerate()
    const cookies = await head()
    expect(req.session!.id).not.toBe('sid')
    expect(cookies).toEqual([expect.stringMatching(isFor(req.session!.id))])
    expect(await find('sid')).toBeNull()
    expect(await find(req.session!.id)).not.toBeNull()
  })

  test('is done, also when it was begun while the head had to wait', async () => {
    const { find, store } = await openStore()
    const { head, session } = await arrive(store, { sid: 'sid' })
    void session.save()
    const sending = head()
    void session.destroy()
    expect(await sending).toEqual([expect.stringContaining('connect.sid=;')])
    expect(await find('sid')).toBeNull()
  })

  test('comes in order: a reload finds what was saved before it', async () => {
    const { find, store } = await openStore()
    const { head, req, session } = await arrive(store, { sid: 'sid' })
    session['views'] = 2
    void session.save()
    await session.reload()
    expect(req.session).toMatchObject({ views: 2 })
    await head()
    expect(await find('sid')).toMatchObject({ views: 2 })
  })

  test('is forgotten afterwards, in a session that lives as long as a socket', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const { store } = await openStore()
    const { session } = await arrive(store, { sid: 'sid' })
    const errors: WeakRef<Error>[] = []
    const saveInVain = async (): Promise<void> => {
      const error = new Error('The store is down.')
      errors.push(new WeakRef(error))
      fail(store, 'set', error)
      session['views'] = errors.length
      await session.save().catch(() => {})
    }
    for (let saved = 0; saved < 5; saved++) await saveInVain()
    Object.assign(store, { set: () => {} })
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(errors.filter((error) => error.deref() !== undefined)).toEqual([])
  })
})

describe('a session that was ended by another request', () => {
  test.for([{}, { rolling: true }, { resave: true }])('is not written again, with %j', async (options) => {
    const { find, store } = await openStore()
    const { beforeEnd, events, head, session } = await arrive(store, { sid: 'sid', keyIndex: 1 }, options)
    await answerOf((done) => store.destroy('sid', done))
    session['views'] = 2
    await session.save()
    session['views'] = 3
    expect(await head()).toEqual([])
    session['views'] = 4
    await beforeEnd()
    expect(await find('sid')).toBeNull()
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['gone']))
  })

  test('is no longer there to be reloaded', async () => {
    const { store } = await openStore()
    const { session } = await arrive(store, { sid: 'sid' })
    await answerOf((done) => store.destroy('sid', done))
    await expect(session.reload()).rejects.toThrow('failed to load session')
  })

  test('gets no cookie from a mere visit', async () => {
    for (const store of [new MemoryStore(), toExpressStore(memoryStore())]) {
      await answerOf((done) => store.set('sid', { cookie: new Cookie() }, done))
      const { events, head } = await arrive(store, { sid: 'sid' }, { rolling: true })
      await answerOf((done) => store.destroy('sid', done))
      expect(await head()).toEqual([])
      expect(events).toEqual([{ type: 'gone', id: 'sid' }])
    }
  })
})

describe('parallel requests', () => {
  test('lose no key of each other', async () => {
    const { find, store } = await openStore({ views: 1, old: true })
    const [one, two] = [await arrive(store, { sid: 'sid' }), await arrive(store, { sid: 'sid' })]
    one.session['first'] = 1
    delete one.session['old']
    two.session['second'] = 2
    await Promise.all([one.head(), two.head()])
    const { cookie: _, ...values } = (await find('sid'))!
    expect(values).toEqual({ views: 1, first: 1, second: 2 })
  })

  test('leave the life that one has given the session, where the store can compare', async () => {
    const store = toExpressStore(memoryStore())
    await answerOf((done) => store.set('sid', { cookie: new Cookie({ maxAge: minute }) }, done))
    const visitor = await arrive(store, { sid: 'sid' })
    const login = await arrive(store, { sid: 'sid' })
    login.session['user'] = 'ann'
    login.session.cookie.maxAge = 60 * minute
    await login.head()
    await visitor.head()
    expect((await readRecord(store, 'sid'))!.cookie.originalMaxAge).toBe(60 * minute)
  })
})

describe('a visit that changes nothing', () => {
  test('begins the life of the record anew, and tells the browser only if it rolls', async () => {
    for (const rolling of [false, true]) {
      const { find, store, writes } = await openStore({ views: 1 }, { maxAge: minute })
      vi.setSystemTime(noon + 30_000)
      const cookies = await (await arrive(store, { sid: 'sid' }, { rolling })).head()
      expect(cookies).toHaveLength(rolling ? 1 : 0)
      expect(writes).toEqual(['touch'])
      expect((await find('sid'))!.cookie.expires).toBe(new Date(noon + 90_000).toISOString())
      vi.setSystemTime(noon)
    }
  })

  test('of a cookie by an older secret gets one by the newest', async () => {
    const { store } = await openStore()
    expect(await (await arrive(store, { sid: 'sid', keyIndex: 1 })).head()).toHaveLength(1)
  })
})

describe('a store that fails', () => {
  test.for(['set', 'touch'] as const)(
    'at %s lets no head out, unless it is that of an error page',
    async (method) => {
      for (const status of [200, 404, 500]) {
        const { store } = await openStore()
        const { events, head, res, session } = await arrive(store, { sid: 'sid' }, { rolling: true })
        fail(store, method)
        if (method === 'set') session['views'] = 2
        res.statusCode = status
        if (status < 500) await expect(head()).rejects.toBe(failure)
        else expect(await head()).toEqual([])
        const error = { type: 'store-failure', operation: 'set', error: failure }
        expect(events).toEqual(status < 500 ? [] : [error])
      }
    },
  )

  test.for<[string, (req: SessionedRequest) => void]>([
    ['a session that cannot be kept', ({ session }) => void (session!['big'] = 1n)],
    ['a session that cannot be ended', (req) => void (req.session = null)],
  ])('does not hide the error page behind %s', async ([, spoil]) => {
    const { store } = await openStore()
    const { events, head, req, res } = await arrive(store, { sid: 'sid' }, { unset: 'destroy' })
    fail(store, 'destroy')
    spoil(req)
    res.statusCode = 500
    expect(await head()).toEqual([])
    expect(events).toEqual([expect.objectContaining({ type: 'store-failure' })])
  })

  test('at destroy leaves the browser its cookie', async () => {
    const { store } = await openStore()
    const { head, session } = await arrive(store, { sid: 'sid' })
    fail(store, 'destroy')
    await expect(session.destroy()).rejects.toBe(failure)
    expect(await head()).toEqual([])
  })

  test('at a save of the handler leaves the page to the handler', async () => {
    const { store } = await openStore()
    const { head, session } = await arrive(store)
    fail(store, 'set')
    session['views'] = 1
    await expect(session.save()).rejects.toBe(failure)
    expect(await head()).toEqual([])
  })

  test('and then works, when the handler tries again: the session is saved, and has its cookie', async () => {
    const { find, store } = await openStore()
    const { head, session } = await arrive(store)
    const { set } = store
    fail(store, 'set')
    session['views'] = 1
    await expect(session.save()).rejects.toBe(failure)
    store.set = set
    await session.save()
    expect(await head()).toEqual([expect.stringMatching(isFor(session.id))])
    expect(await find(session.id)).toMatchObject({ views: 1 })
  })

  test('of a logout that nobody waited for fails the head', async () => {
    const { store } = await openStore()
    const { head, session } = await arrive(store, { sid: 'sid' })
    fail(store, 'destroy')
    void session.destroy()
    await expect(head()).rejects.toBe(failure)
  })

  test('in a createSession of its own fails the reload, and not the process', async () => {
    const { store } = await openStore()
    const { req, session } = await arrive(store, { sid: 'sid' })
    store.createSession = () => {
      throw failure
    }
    await expect(session.reload()).rejects.toBe(failure)
    expect(req.session).toBe(session)
  })
})

describe('with unset', () => {
  test.for([
    ['keep', null, false],
    ['keep', undefined, false],
    ['destroy', null, true],
    ['destroy', undefined, true],
  ] as const)('%s, req.session %s: the record goes is %s', async ([unset, value, goes]) => {
    for (const moment of ['head', 'end'] as const) {
      const { find, store, writes } = await openStore()
      const { beforeEnd, head, req } = await arrive(store, { sid: 'sid' }, { unset })
      if (moment === 'end') await head()
      writes.length = 0
      req.session = value
      if (moment === 'end') await beforeEnd()
      else expect(await head()).toHaveLength(goes ? 1 : 0)
      expect(writes).toEqual(goes ? ['destroy'] : [])
      await beforeEnd()
      expect(writes).toHaveLength(goes ? 1 : 0)
      expect((await find('sid')) === null).toBe(goes)
    }
  })
})

describe('over a store in memory as it comes', () => {
  function plainStore(cookie: object = {}): MemoryStore {
    const store = new MemoryStore()
    store.set('sid', { views: 1, cookie: new Cookie(cookie) })
    return store
  }
  const stored = (store: MemoryStore, sid = 'sid'): unknown => JSON.parse(store.sessions[sid] ?? 'null')

  test.for([{}, { maxAge: minute }])('a visit is over at once: %j', async (cookie) => {
    const visits: ((opened: Opened) => void)[] = [
      () => {},
      ({ session }) => (session['views'] = 2),
      ({ req }) => (req.session = null),
    ]
    await Promise.all(
      visits.map(async (act) => {
        const opened = await arrive(plainStore(cookie), { sid: 'sid' })
        act(opened)
        expect(opened.beforeHead(opened.res)).toBeUndefined()
        expect(opened.beforeEnd()).toBeUndefined()
      }),
    )
  })

  test('a new session is in it before its cookie goes out', async () => {
    const store = plainStore()
    const { beforeHead, res, session } = await arrive(store)
    session['views'] = 5
    const setHeader = vi.spyOn(res, 'setHeader').mockImplementation(() => {
      expect(stored(store, session.id)).toMatchObject({ views: 5 })
      return res
    })
    expect(beforeHead(res)).toBeUndefined()
    expect(setHeader).toHaveBeenCalledTimes(1)
  })

  test('parallel requests lose nothing of each other', async () => {
    const store = plainStore()
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => arrive(store, { sid: 'sid' })))
    one!.session['one'] = 1
    two!.session['two'] = 2
    delete three!.session['views']
    await Promise.all([one!.head(), two!.head(), three!.head()])
    expect(stored(store)).toMatchObject({ one: 1, two: 2 })
    expect(stored(store)).not.toHaveProperty('views')
  })

  test.for([{}, { maxAge: minute }])(
    'a session that has ended meanwhile does not come back: %j',
    async (cookie) => {
      const store = plainStore(cookie)
      const arrivals = await Promise.all(
        [1, 2, 3].map(() => arrive(store, { sid: 'sid' }, { rolling: true })),
      )
      const [writing, reading, ending] = arrivals
      writing!.session['views'] = 2
      await ending!.session.destroy()
      expect(await ending!.head()).toHaveLength(1)
      expect(await writing!.head()).toEqual([])
      expect(await reading!.head()).toEqual([])
      expect(store.sessions).toEqual({})
      for (const { events } of [writing!, reading!]) expect(events).toEqual([{ type: 'gone', id: 'sid' }])
    },
  )

  test('what JSON cannot hold fails the head', async () => {
    const { beforeHead, res, session } = await arrive(plainStore(), { sid: 'sid' })
    session['big'] = 1n
    expect(() => beforeHead(res)).toThrow(/req\.session\.big/)
  })
})
