import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import expressSession from 'express-session'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { MemoryStore } from './memory-store.ts'
import type { Session } from './session.ts'
import { Store, type SessionRecord, type StoreCallback } from './store.ts'

const Original = expressSession.MemoryStore as unknown as typeof MemoryStore
const noon = Date.UTC(2026, 6, 1, 12)
const minute = 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: noon })
})
afterEach(() => {
  vi.useRealTimers()
})

/** What a method answers: the arguments of its callback. */
function answer(call: (callback: StoreCallback<unknown>) => void): Promise<unknown[]> {
  return new Promise((resolve) => call((...answer) => resolve(answer)))
}

const record = (data: object, life?: number): SessionRecord => ({
  cookie: { expires: life === undefined ? null : new Date(Date.now() + life), originalMaxAge: life ?? null },
  ...data,
})

describe('as express-session has it', () => {
  type Step = (store: MemoryStore) => Promise<unknown>
  const sid = fc.constantFrom('a', 'b', '__proto__', 'constructor')
  const life = fc.constantFrom(undefined, minute, 5 * minute, -1, 0)
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(sid, fc.jsonValue(), life).map(
      ([sid, value, life]): Step =>
        (store) =>
          answer((done) => store.set(sid, record({ value }, life), done)),
    ),
    fc.tuple(sid, life).map(
      ([sid, life]): Step =>
        (store) =>
          answer((done) => store.touch(sid, record({ untouched: true }, life), done)),
    ),
    sid.map(
      (sid): Step =>
        (store) =>
          answer((done) => store.get(sid, done)),
    ),
    sid.map(
      (sid): Step =>
        (store) =>
          answer((done) => store.destroy(sid, done)),
    ),
    fc.nat(3 * minute).map(
      (passed): Step =>
        async () =>
          void vi.setSystemTime(Date.now() + passed),
    ),
    fc.constantFrom<Step>(
      (store) => answer((done) => store.all(done)),
      (store) => answer((done) => store.length(done)),
      (store) => answer((done) => store.clear(done)),
    ),
  )

  test('any order of calls, and of time that passes, gets the same answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const runs: unknown[] = []
        for (const Kind of [MemoryStore, Original]) {
          vi.setSystemTime(noon)
          const store = new Kind()
          const answers: unknown[] = []
          // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
          for (const apply of [...steps, (store: MemoryStore) => answer((done) => store.all(done))]) {
            // oxlint-disable-next-line no-await-in-loop -- likewise
            answers.push(await apply(store))
          }
          runs.push(answers)
        }
        expect(runs[0]).toEqual(runs[1])
      }),
      { seed: 63, numRuns: 300 },
    )
  })

  test.for([MemoryStore, Original])(
    'the texts lie in sessions, for those who look there (%#)',
    async (Kind) => {
      const store = new Kind()
      await answer((done) => store.set('a', record({ views: 1 }), done))
      expect(store.sessions['a']).toBe('{"cookie":{"expires":null,"originalMaxAge":null},"views":1}')
      store.sessions['b'] = '{"cookie":{},"views":2}'
      expect(await answer((done) => store.get('b', done))).toEqual([null, { cookie: {}, views: 2 }])
    },
  )

  test.for([MemoryStore, Original])(
    'no callback is called before its method has returned (%#)',
    async (Kind) => {
      const store = new Kind()
      const called: string[] = []
      store.set('a', record({}), () => called.push('set'))
      store.get('a', () => called.push('get'))
      store.touch('a', record({}), () => called.push('touch'))
      store.all(() => called.push('all'))
      store.destroy('a', () => called.push('destroy'))
      store.clear(() => called.push('clear'))
      expect(called).toEqual([])
      await answer((done) => store.length(done))
      expect(called).toEqual(['set', 'get', 'touch', 'all', 'destroy', 'clear'])
    },
  )

  test.for([MemoryStore, Original])('the callbacks of writes may be left out (%#)', async (Kind) => {
    const store = new Kind()
    store.set('a', record({ views: 1 }))
    store.touch('a', record({}, minute))
    expect(await answer((done) => store.get('a', done))).toMatchObject([
      null,
      { views: 1, cookie: { originalMaxAge: minute } },
    ])
    store.destroy('a')
    store.set('b', record({}))
    store.clear()
    expect(await answer((done) => store.length(done))).toEqual([null, 0])
  })
})

test('it is a Store, also where it is called on an heir', () => {
  function Sub(this: MemoryStore): void {
    MemoryStore.call(this)
  }
  Object.setPrototypeOf(Sub.prototype, MemoryStore.prototype)
  for (const store of [
    new MemoryStore(),
    new (class extends MemoryStore {})(),
    new (Sub as never as typeof MemoryStore)(),
  ]) {
    expect(store).toBeInstanceOf(Store)
    expect(store).toBeInstanceOf(EventEmitter)
    store.set('a', record({}))
    expect(Object.keys(store.sessions)).toEqual(['a'])
  }
})

test('what is stored is a copy: later changes of the session do not reach it, nor those of what was read', async () => {
  const store = new MemoryStore()
  const session = record({ cart: ['a'] })
  store.set('a', session)
  ;(session['cart'] as string[]).push('b')
  const [, first] = (await answer((done) => store.get('a', done))) as [unknown, SessionRecord]
  expect(first['cart']).toEqual(['a'])
  ;(first['cart'] as string[]).push('c')
  expect(await answer((done) => store.get('a', done))).toMatchObject([null, { cart: ['a'] }])
})

test('a session that JSON cannot hold is an error of the callback, and nothing is stored', async () => {
  const store = new MemoryStore()
  const circular = record({})
  circular['self'] = circular
  expect(await answer((done) => store.set('a', circular, done))).toEqual([expect.any(TypeError)])
  expect(() => store.set('a', circular)).toThrow(/circular/)
  expect(await answer((done) => store.length(done))).toEqual([null, 0])
})

describe('expired sessions that nobody asks for', () => {
  test('leave as others come, so that memory does not grow', () => {
    const store = new MemoryStore()
    let most = 0
    for (let count = 0; count < 5000; count++) {
      vi.setSystemTime(noon + count * 1000)
      store.set(`visitor ${count}`, record({}, minute))
      most = Math.max(most, Object.keys(store.sessions).length)
    }
    // Sixty are alive at a time.
    expect(most).toBeLessThan(200)
  })

  test('leave by their latest deadline, not by an earlier one', async () => {
    const store = new MemoryStore()
    store.set('touched', record({}, minute))
    store.set('rewritten', record({}, minute))
    store.set('forever', record({}, minute))
    store.touch('touched', record({}, 60 * minute))
    store.set('rewritten', record({}, 60 * minute))
    store.set('forever', record({}))
    vi.setSystemTime(noon + 2 * minute)
    for (let count = 0; count < 20; count++) store.set('other', record({}))
    expect(Object.keys(store.sessions).toSorted()).toEqual(['forever', 'other', 'rewritten', 'touched'])
  })

  test('do not come back with a late touch', async () => {
    const store = new MemoryStore()
    store.set('a', record({}, minute))
    vi.setSystemTime(noon + minute)
    store.touch('a', record({}, minute))
    expect(store.sessions).toEqual({})
  })
})

describe('under express-session itself', () => {
  type Handler = (
    req: IncomingMessage & { session: Session & { views?: number } },
    res: ServerResponse,
  ) => void

  /** Counts visits over a store, by the original middleware. @returns What each visit said. */
  async function visits(store: MemoryStore, paths: readonly string[]): Promise<string[]> {
    const session = expressSession({
      secret: 'a secret',
      resave: false,
      saveUninitialized: false,
      store: store as never,
    })
    const handle: Handler = (req, res) => {
      const say = (error?: unknown): void => void res.end(`${String(error)} ${req.session?.views ?? 'none'}`)
      if (req.url === '/count') {
        req.session.views = (req.session.views ?? 0) + 1
        say()
      } else if (req.url === '/save') {
        req.session.views = 100
        req.session.save((error) => {
          req.session.views = 200
          req.session.reload(() => say(error))
        })
      } else if (req.url === '/regenerate') {
        req.session.regenerate(say)
      } else if (req.url === '/destroy') {
        req.session.destroy(say)
      } else {
        delete store.sessions[req.session.id]
        req.session.reload(say)
      }
    }
    const server: Server = createServer((req, res) => {
      session(req as never, res as never, () => handle(req as never, res))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })
    const said: string[] = []
    let cookie = ''
    for (const path of paths) {
      // oxlint-disable-next-line no-await-in-loop -- one visit after the other
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
        headers: { cookie },
      })
      cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
      // oxlint-disable-next-line no-await-in-loop -- likewise
      said.push(await response.text())
    }
    return said
  }

  test('sessions are counted, saved, reloaded, regenerated and destroyed as over its own store', async () => {
    const paths = [
      '/count',
      '/count',
      '/save',
      '/count',
      '/regenerate',
      '/count',
      '/destroy',
      '/count',
      '/gone',
    ]
    const said = await visits(new MemoryStore(), paths)
    expect(said).toEqual(await visits(new Original(), paths))
    expect(said).toEqual([
      'undefined 1',
      'undefined 2',
      'undefined 100',
      'undefined 101',
      'undefined none',
      'undefined 1',
      'undefined none',
      'undefined 1',
      'Error: failed to load session 1',
    ])
  })
})
