import { EventEmitter } from 'node:events'
import { inherits } from 'node:util'
import expressSession from 'express-session'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Cookie } from './cookie.ts'
import { Session, type SessionOwner } from './session.ts'
import {
  createSessionOf,
  isSessionRecord,
  Store,
  type ExpressStore,
  type SessionRecord,
  type StoreCallback,
} from './store.ts'

const OriginalStore = expressSession.Store as unknown as typeof Store
const OriginalCookie = expressSession.Cookie as unknown as typeof Cookie
type Concrete = Store & ExpressStore

/** The methods that a store adds to what it inherits. */
function records(kept: Record<string, SessionRecord> = {}): Pick<ExpressStore, 'get' | 'set' | 'destroy'> {
  return {
    get: (sid, callback) => callback(null, kept[sid] ?? null),
    set: (sid, session, callback) => {
      kept[sid] = session
      callback?.()
    },
    destroy: (sid, callback) => {
      delete kept[sid]
      callback?.()
    },
  }
}

function storeOf(Kind: new () => Store, methods: object = records()): Concrete {
  return Object.assign(new Kind(), methods) as Concrete
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 6, 1) })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a store inherits in each way that is in use', () => {
  const ways: [string, () => Store][] = [
    ['class', () => new (class extends Store {})()],
    [
      'util.inherits',
      () => {
        function Sub(this: Store, options: object): void {
          Store.call(this, options)
        }
        inherits(Sub, Store)
        return new (Sub as unknown as new (options: object) => Store)({ ttl: 5 })
      },
    ],
    [
      '__proto__',
      () => {
        function Sub(this: Store): void {
          Store.call(this)
        }
        Reflect.set(Sub.prototype, '__proto__', Store.prototype)
        return new (Sub as unknown as new () => Store)()
      },
    ],
  ]

  test.for(ways)('%s', ([, make]) => {
    const store = make()
    expect(store).toBeInstanceOf(Store)
    expect(store).toBeInstanceOf(EventEmitter)
    const heard: string[] = []
    store.on('disconnect', () => heard.push('disconnect'))
    expect(store.emit('disconnect')).toBe(true)
    expect(heard).toEqual(['disconnect'])
    expect([store.createSession, store.load, store.regenerate].map((method) => typeof method)).toEqual(
      Array.from({ length: 3 }, () => 'function'),
    )
  })

  test('two stores hear only their own events', () => {
    const [one, other] = [new Store(), new Store()]
    one.on('connect', () => {})
    expect([one.listenerCount('connect'), other.listenerCount('connect')]).toEqual([1, 0])
  })
})

describe('createSession', () => {
  const cookie = fc.record(
    {
      originalMaxAge: fc.constantFrom(null, 60_000, 1, false as const),
      expires: fc.oneof(
        fc
          .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
          .map((date) => date.toISOString()),
        fc.constantFrom(null, false as const, 'no date'),
      ),
      secure: fc.boolean(),
      httpOnly: fc.boolean(),
      path: fc.constantFrom('/', '/a'),
      domain: fc.constant('a.b'),
      sameSite: fc.constantFrom('lax', true, false),
    },
    { requiredKeys: [] },
  )
  const record = fc
    .tuple(fc.dictionary(fc.string(), fc.jsonValue()), cookie)
    .map(([data, cookie]) => ({ ...data, cookie }))

  test('makes of a record what express-session makes of it', () => {
    fc.assert(
      fc.property(record, (record) => {
        const text = JSON.stringify(record)
        const sessions = [Store, OriginalStore].map((Kind) => {
          const req: SessionOwner = { sessionID: 'abc' }
          const session = new Kind().createSession(req, JSON.parse(text) as SessionRecord)
          expect(req.session).toBe(session)
          const { cookie } = session
          const touched = (): string => JSON.stringify(session.touch())
          return [
            JSON.stringify(session),
            session.id,
            Object.keys(cookie),
            cookie.data,
            cookie.maxAge,
            touched(),
          ]
        })
        expect(sessions[0]).toEqual(sessions[1])
      }),
      { seed: 62, numRuns: 500 },
    )
  })

  test('leaves the record as it is, since a store may still hold it', () => {
    const record = { cookie: { expires: '2026-08-01T00:00:00.000Z', originalMaxAge: 5 }, views: 1 }
    const before = structuredClone(record)
    const session = new Store().createSession({ sessionID: 'abc' }, record)
    expect(record).toEqual(before)
    expect(session.cookie).toBeInstanceOf(Cookie)
    expect(session.cookie.expires).toEqual(new Date('2026-08-01'))
    expect(session.cookie.originalMaxAge).toBe(5)
  })

  test.for([{ views: 1 }, { cookie: null, views: 1 }, { cookie: 'x', views: 1 }])(
    'a record without a cookie gets a new one: %j',
    (record) => {
      const session = new Store().createSession({ sessionID: 'abc' }, record as unknown as SessionRecord)
      expect(JSON.stringify(session.cookie)).toBe(JSON.stringify(new Cookie()))
      expect(session['views']).toBe(1)
    },
  )

  test.for([Cookie, OriginalCookie])(
    'a live cookie, which some stores give, is copied to the millisecond (%#)',
    (Kind) => {
      const cookie = new Kind({ maxAge: 60_000, secure: true })
      const clock = vi.spyOn(Date, 'now')
      let now = Date.UTC(2026, 6, 1)
      clock.mockImplementation(() => now++)
      const session = new Store().createSession({ sessionID: 'abc' }, { cookie })
      clock.mockRestore()
      expect(session.cookie).not.toBe(cookie)
      expect(JSON.stringify(session.cookie)).toBe(JSON.stringify(cookie))
    },
  )
})

describe.for([
  ['ours', Store],
  ['of express-session', OriginalStore],
] as const)('regenerate and load, %s', ([, Kind]) => {
  test('regenerate destroys, then generates, then calls back', () => {
    const order: unknown[] = []
    const store = storeOf(Kind, {
      destroy: (sid: string, callback: StoreCallback) => (order.push(['destroy', sid]), callback()),
      generate: (req: object) => order.push(['generate', req]),
    })
    const req = { sessionID: 'abc' }
    store.regenerate(req, (error) => order.push(['done', error]))
    expect(order).toEqual([
      ['destroy', 'abc'],
      ['generate', req],
      ['done', undefined],
    ])
  })

  test('regenerate gives a new session although the old one could not be destroyed, and tells', () => {
    const fault = new Error('the store is away')
    const generate = vi.fn()
    const store = storeOf(Kind, {
      destroy: (_sid: string, callback: StoreCallback) => callback(fault),
      generate,
    })
    const callback = vi.fn()
    store.regenerate({ sessionID: 'abc' }, callback)
    expect(generate).toHaveBeenCalledOnce()
    expect(callback).toHaveBeenCalledExactlyOnceWith(fault)
  })

  test('load makes the session of a record, outside of any request', () => {
    const store = storeOf(Kind, records({ abc: { cookie: {}, views: 3 } }))
    const callback = vi.fn()
    store.load('abc', callback)
    const [error, session] = callback.mock.calls[0] as [unknown, Session]
    expect(error).toBeNull()
    expect(session).toMatchObject({ id: 'abc', views: 3, req: { sessionStore: store } })
  })

  test('load gives nothing where there is no record, and the error of the store', () => {
    const callback = vi.fn()
    storeOf(Kind).load('abc', callback)
    const fault = new Error('the store is away')
    storeOf(Kind, { get: (_sid: string, callback: StoreCallback) => callback(fault) }).load('abc', callback)
    expect(callback.mock.calls).toEqual([[], [fault]])
  })
})

test('a session from load saves itself into its store', async () => {
  const kept: Record<string, SessionRecord> = { abc: { cookie: {}, views: 3 } }
  const store = storeOf(Store, records(kept))
  const session = await new Promise<Session>((resolve) =>
    store.load('abc', (_error, session) => resolve(session!)),
  )
  session['views'] = 4
  await session.save()
  expect(kept['abc']).toMatchObject({ views: 4 })
})

test('a record that makes no session is an error of load, and its callback is called once', () => {
  const store = storeOf(Store, records({ abc: { cookie: { maxAge: {} } as object } }))
  const callback = vi.fn()
  store.load('abc', callback)
  expect(callback.mock.calls).toEqual([[expect.any(TypeError)]])
})

test('regenerate of a store that no middleware has says what to do', () => {
  const callback = vi.fn()
  storeOf(Store).regenerate({ sessionID: 'abc' }, callback)
  expect(callback.mock.calls).toEqual([
    [expect.objectContaining({ message: expect.stringContaining('give it to session()') as string })],
  ])
})

describe('createSessionOf', () => {
  const data = (): SessionRecord => ({ cookie: { originalMaxAge: 5 }, views: 3 })

  test.for([
    ['has none', records()],
    ['inherits ours', storeOf(Store)],
    ["inherits express-session's", storeOf(OriginalStore)],
    ['makes nothing', { ...records(), createSession: () => {} }],
  ] as const)('is ours for a store that %s', ([, store]) => {
    const req: SessionOwner = { sessionID: 'abc' }
    // As in a reload, where the request has a session already.
    const former = new Session(req, { views: 1 })
    req.session = former
    const session = createSessionOf(store as ExpressStore)(req, data())
    expect(session).toBeInstanceOf(Session)
    expect(session).not.toBe(former)
    expect(session).toMatchObject({ id: 'abc', views: 3, cookie: { originalMaxAge: 5 } })
    expect(req.session).toBe(session)
  })

  test.for([Store, OriginalStore])(
    'is what the author of the store wrote, and its session is ours all the same (%#)',
    (Base) => {
      class Own extends Base {
        override createSession(req: SessionOwner, data: SessionRecord): Session {
          const session = super.createSession(req, data)
          session['seen'] = true
          return session
        }
      }
      const req: SessionOwner = { sessionID: 'abc' }
      const session = createSessionOf(storeOf(Own))(req, data())
      expect(session).toBeInstanceOf(Session)
      expect(session).toMatchObject({ id: 'abc', views: 3, seen: true, cookie: { originalMaxAge: 5 } })
      expect(session.cookie).toBeInstanceOf(Cookie)
      expect(req.session).toBe(session)
    },
  )

  test('one that is put on the instance, and returns nothing, is asked too', () => {
    const store = storeOf(Store)
    class Own extends Session {}
    store.createSession = (req, data) => {
      req.session = new Own(req, { ...data, cookie: new Cookie(), seen: true })
      return undefined as never
    }
    const req: SessionOwner = { sessionID: 'abc' }
    const session = createSessionOf(store)(req, data())
    expect(session).toMatchObject({ seen: true, id: 'abc' })
    expect(session).toBeInstanceOf(Own)
    expect(req.session).toBe(session)
  })
})

test.for([
  [{ cookie: {} }, true],
  [{ cookie: new Cookie(), views: 1 }, true],
  [{ views: 1 }, false],
  [{ cookie: null }, false],
  [{ cookie: 'x' }, false],
  ['cookie', false],
  [null, false],
  [undefined, false],
] as const)('whether %j is a record: %s', ([value, expected]) => {
  expect(isSessionRecord(value)).toBe(expected)
})
