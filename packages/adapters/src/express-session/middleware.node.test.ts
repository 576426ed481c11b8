import { AsyncLocalStorage } from 'node:async_hooks'
import { createServer, ServerResponse, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Cookie } from './cookie.ts'
import { MemoryStore } from './memory-store.ts'
import { createMiddleware } from './middleware.ts'
import { readOptions, type SessionOptions } from './options.ts'
import type { SessionedRequest } from './request.ts'
import { sign } from './signature.ts'
import type { ExpressStore, SessionRecord, StoreCallback } from './store.ts'

const secret = 'keyboard cat'
const failure = new Error('The store is down.')
const cookie = `connect.sid=${encodeURIComponent(`s:${sign('sid', secret)}`)}`

function middlewareOf(options: SessionOptions = {}): ReturnType<typeof createMiddleware> {
  return createMiddleware(readOptions({ secret, resave: false, saveUninitialized: false, ...options }))
}

function request(fields: object = {}): SessionedRequest {
  return { headers: {}, method: 'GET', socket: {}, url: '/', ...fields } as unknown as SessionedRequest
}

/** Runs the middleware. @returns With what `next` was called, each time, once nothing more can come. */
async function pass(
  req: SessionedRequest,
  session: ReturnType<typeof createMiddleware>,
): Promise<readonly unknown[][]> {
  const calls: unknown[][] = []
  session(req, new ServerResponse(req), (...args) => void calls.push(args))
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  return calls
}

function storeWith(get: (sid: string, done: StoreCallback<SessionRecord>) => unknown): ExpressStore {
  return Object.assign(new MemoryStore(), { get }) as ExpressStore
}

describe('a request', () => {
  test('without a cookie has its session at once', () => {
    const req = request()
    const next = vi.fn()
    middlewareOf()(req, new ServerResponse(req), next)
    expect(next.mock.calls).toEqual([[]])
    expect(req.session!.id).toBe(req.sessionID)
  })

  test.for<[string, object, SessionOptions]>([
    ['that has a session', { session: { own: true } }, {}],
    ['outside of the path', { url: '/foobar' }, { cookie: { path: '/foo' } }],
    ['outside of the path of its own', { url: '/foobar' }, { cookie: () => ({ path: '/foo' }) }],
  ])('%s is left as it is', async ([, fields, options]) => {
    const req = request(fields)
    const before = { ...req }
    expect(await pass(req, middlewareOf(options))).toEqual([[]])
    expect(req).toEqual(before)
  })

  test.for<[string, SessionOptions]>([
    ['cookie', { cookie: () => raise(failure) }],
    ['genid', { genid: () => raise(failure) }],
  ])('for which the option %s throws goes to the error handlers', async ([, options]) => {
    for (const headers of [{}, { cookie }]) {
      expect(await pass(request({ headers }), middlewareOf(options))).toEqual([[failure]])
    }
  })

  test('keeps the context that it came in, whatever that of the store is', async () => {
    const context = new AsyncLocalStorage<string>()
    const [give, given] = [Promise.withResolvers<() => void>(), Promise.withResolvers<unknown>()]
    const store = storeWith((_, done) => give.resolve(() => done(null, null)))
    const req = request({ headers: { cookie } })
    context.run('of the request', () =>
      middlewareOf({ store })(req, new ServerResponse(req), () => given.resolve(context.getStore())),
    )
    const answer = await give.promise
    context.run('of the connection', answer)
    expect(await given.promise).toBe('of the request')
  })
})

function raise(error: Error): never {
  throw error
}

describe('the next handler', () => {
  const record = { cookie: new Cookie(), views: 1 } as unknown as SessionRecord

  test.for<[string, Parameters<typeof storeWith>[0], unknown[]]>([
    ['answers twice', (_, done) => (done(null, record), done(null, record)), []],
    ['answers, and then with an error', (_, done) => (done(null, record), done(failure)), []],
    ['answers, and then rejects', (_, done) => (done(null, record), Promise.reject(failure)), []],
    ['fails twice', (_, done) => (done(failure), done(failure)), [failure]],
    ['throws', () => raise(failure), [failure]],
    ['rejects', () => Promise.reject(failure), [failure]],
  ])('is called once when the store %s', async ([, get, expected]) => {
    expect(await pass(request({ headers: { cookie } }), middlewareOf({ store: storeWith(get) }))).toEqual([
      expected,
    ])
  })

  test('is never called from inside the store', async () => {
    let inside = false
    const store = storeWith((_, done) => {
      inside = true
      done(null, record)
      inside = false
    })
    const req = request({ headers: { cookie } })
    const wasInside = await new Promise((resolve) => {
      middlewareOf({ store })(req, new ServerResponse(req), () => resolve(inside))
    })
    expect(wasInside).toBe(false)
  })
})

test('what the next handler throws is an uncaught exception, whatever the store would make of it', async () => {
  const caught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
  const req = request({ headers: { cookie } })
  const store = storeWith((_, done) => done(null, null))
  middlewareOf({ store })(req, new ServerResponse(req), () => raise(failure))
  expect(await caught).toBe(failure)
  process.setUncaughtExceptionCaptureCallback(null)
})

test('over a store in memory the request goes on at once, and what the next handler throws goes to the caller', () => {
  const store = new MemoryStore()
  store.set('sid', { cookie: {}, views: 1 })
  const req = request({ headers: { cookie } })
  const next = vi.fn(() => raise(failure))
  expect(() => middlewareOf({ store })(req, new ServerResponse(req), next)).toThrow(failure)
  expect(next).toHaveBeenCalledTimes(1)
  expect(req.session).toMatchObject({ id: 'sid', views: 1 })
})

test.for<[string, (store: MemoryStore) => ExpressStore]>([
  ['at once', (store) => store],
  ['later', (store) => Object.assign(store, { get: store.get.bind(store) })],
])('a session that is not there does not hide the next that is named: %s', async ([, as]) => {
  const store = new MemoryStore()
  store.set('sid', { cookie: {}, views: 1 })
  const planted = `connect.sid=${encodeURIComponent(`s:${sign('planted', secret)}`)}`
  const req = request({ headers: { cookie: `${planted}; ${cookie}` } })
  expect(await pass(req, middlewareOf({ store: as(store) }))).toEqual([[]])
  expect(req.session).toMatchObject({ id: 'sid', views: 1 })
})

test('a record that is no JSON goes to the error handlers', async () => {
  const store = new MemoryStore()
  store.sessions['sid'] = '{'
  const calls = await pass(request({ headers: { cookie } }), middlewareOf({ store }))
  expect(calls).toEqual([[expect.any(SyntaxError)]])
})

describe('one store under two middlewares', () => {
  test('makes the sessions of each request by its own', async () => {
    const store = new MemoryStore()
    const [one, two] = ['/one', '/two'].map((path) => middlewareOf({ store, cookie: { path } }))
    for (const [middleware, path] of [
      [one!, '/one'],
      [two!, '/two'],
      [one!, '/one'],
    ] as const) {
      const req = request({ url: path })
      await pass(req, middleware)
      store.generate!(req)
      expect(req.session!.cookie.path).toBe(path)
    }
  })

  test('makes no session for a request that neither has seen', () => {
    const store = new MemoryStore()
    middlewareOf({ store })
    expect(() => store.generate!(request())).toThrow('This request has not passed the session middleware.')
  })
})

// express-session serves such a page too. What throws at the head would cut the connection.
test.for([true, false])(
  'behind what has sent the head, it saves what it can: returning %j',
  async (returning) => {
    const store = new MemoryStore()
    store.set('sid', { cookie: new Cookie(), views: 1 })
    const session = middlewareOf({ store, saveUninitialized: true, onEvent: () => {}, rolling: true })
    const errors: unknown[] = []
    const page: RequestListener = (req: SessionedRequest, res) => {
      res.flushHeaders()
      session(req, res, (error) => {
        if (error) errors.push(error)
        res.write('one, ')
        req.session!['views'] = 2
        res.end('two')
      })
    }
    const response = await fetch(await listen(page), { headers: returning ? { cookie } : {} })
    expect([response.status, await response.text()]).toEqual([200, 'one, two'])
    expect(errors).toEqual([])
    expect(Object.keys(store.sessions)).toEqual(['sid'])
    expect(JSON.parse(store.sessions['sid']!)).toMatchObject({ views: returning ? 2 : 1 })
  },
)

async function listen(page: RequestListener): Promise<string> {
  const server = createServer(page)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
