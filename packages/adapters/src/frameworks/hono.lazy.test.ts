import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, openCloakroom, typesOf } from '../../../../test/support/cloakroom.ts'
import { serverOf } from '../../../../test/support/hono-server.ts'
import { testVisits, testWaitUntil, visit, type Mount } from '../../../../test/support/visits.ts'
import { lazySession } from './hono.ts'

const mount: Mount = (sessions, handler) => {
  const app = new Hono()
    .use(lazySession(sessions))
    .all('*', async (c) => handler(await c.var.session(), c.req.raw))
  app.onError((_, c) => c.text('Sorry', 500))
  return serverOf(app.fetch)
}

testVisits('lazySession of hono', mount)
testWaitUntil('lazySession of hono', mount)

/** A visit that counts how often the Cookie header is looked at. */
function watched(browser: Browser): { request: Request; looks: () => number } {
  let looks = 0
  const request = browser.request()
  const { headers } = request
  const get = headers.get.bind(headers)
  headers.get = (name) => {
    if (name.toLowerCase() === 'cookie') looks++
    return get(name)
  }
  Object.defineProperty(request, 'headers', { value: headers })
  return { request, looks: () => looks }
}

function openLazy() {
  const room = openCloakroom()
  return { room, app: new Hono().use(lazySession(room.sessions)) }
}

test('a lazy session touches neither cookie nor store nor response until it is called', async () => {
  const { app, room } = openLazy()
  const response = new Response('Hi', { headers: { 'Cache-Control': 'public, max-age=60' } })
  app.get('/', () => response)
  const browser = await room.welcome()
  room.wait(20 * hour)
  room.store.takeCalls()
  const { request, looks } = watched(browser)
  const answer = await app.fetch(request)
  expect(answer).toBe(response)
  expect(looks()).toBe(0)
  expect(room.store.takeCalls()).toEqual([])
})

test('a lazy session is looked up once it is called: the counter of this test counts', async () => {
  const { app, room } = openLazy()
  app.get('/', async (c) => c.text((await c.var.session()).userId ?? 'nobody'))
  const { request, looks } = watched(await room.welcome())
  expect(await (await app.fetch(request)).text()).toBe('ann')
  expect(looks()).toBeGreaterThan(0)
})

test('a lazy session is loaded once by calls at the same time and one after the other', async () => {
  const { app, room } = openLazy()
  app.get('/', async (c) => {
    const [one, two] = await Promise.all([c.var.session(), c.var.session()])
    expect(one).toBe(two)
    expect(await c.var.session()).toBe(one)
    return c.text('Hi')
  })
  const browser = await room.welcome()
  room.store.takeCalls()
  await visit(serverOf(app.fetch), browser)
  expect(room.store.takeCalls()).toEqual(['get'])
})

test('a lazy session that is first called while the body streams can be read, and says that it is too late to write', async () => {
  const { app, room } = openLazy()
  let outcome: unknown
  app.get('/', (c) =>
    stream(c, async (out) => {
      await Promise.resolve()
      const late = await c.var.session()
      try {
        late.set('views', 1)
      } catch (error) {
        outcome = error
      }
      await out.write(late.userId ?? 'nobody')
    }),
  )
  const response = await visit(serverOf(app.fetch), await room.welcome())
  expect(await response.text()).toBe('ann')
  expect(outcome).toMatchObject({ code: 'ERR_SESSION_COMMITTED' })
  expect(response.headers.getSetCookie()).toEqual([])
})

test('a lazy session that cannot be loaded is an error for the handler, and no anonymous visit', async () => {
  const { app, room } = openLazy()
  app.get('/', async (c) => c.text((await c.var.session()).userId ?? 'nobody'))
  app.onError((error, c) => c.text(String('code' in error && error.code), 500))
  const browser = await room.welcome()
  room.store.failWhen(() => 'fails')
  const response = await visit(serverOf(app.fetch), browser)
  expect(response.status).toBe(500)
  expect(await response.text()).toBe('ERR_SESSION_STORE')
})

test('a lazy session that cannot be loaded can be done without', async () => {
  const { app, room } = openLazy()
  app.get('/', async (c) => {
    const found = await c.var.session().catch(() => null)
    return c.text(found === null ? 'Without' : 'With')
  })
  const browser = await room.welcome()
  room.store.failWhen(() => 'fails')
  const response = await visit(serverOf(app.fetch), browser)
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('Without')
})

test('a lazy session that a throwing handler had called is not committed, and the response is private', async () => {
  const { app, room } = openLazy()
  app.get('/', async (c) => {
    const loaded = await c.var.session()
    loaded.set('views', 1)
    throw new Error('Out of coat hangers.')
  })
  app.onError((_, c) => c.text('Sorry', 500))
  const response = await visit(serverOf(app.fetch), new Browser())
  expect(response.headers.get('Cache-Control')).toBe('private')
  expect(typesOf(room.events)).toEqual([])
  expect(room.store.takeCalls()).toEqual([])
})
