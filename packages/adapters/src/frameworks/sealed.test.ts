// What every adapter must do with sessions in a store, it does with sessions in the cookie, and knows no difference.
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { serverOf } from '../../../../test/support/hono-server.ts'
import { openSealed } from '../../../../test/support/sealed-cloakroom.ts'
import { inCookie, testVisits, visit, type Mount } from '../../../../test/support/visits.ts'
import { withSession } from './fetch.ts'
import { lazySession, session } from './hono.ts'

const hono: Mount = (sessions, handler) => {
  const app = new Hono().use(session(sessions)).all('*', (c) => handler(c.var.session, c.req.raw))
  // Failures are a part of the tests.
  app.onError((_, c) => c.text('Sorry', 500))
  return serverOf(app.fetch)
}

testVisits('session of hono over sealed sessions', hono, inCookie)

testVisits(
  'withSession over sealed sessions',
  (sessions, handler) => {
    const fetch = withSession(sessions, (request, given) => handler(given, request))
    return (request) => fetch(request)
  },
  inCookie,
)

test('a touch is no work for waitUntil: its cookie is in the response', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  room.wait(12 * 3_600_000)
  const waiting: unknown[] = []
  const context = { waitUntil: (promise: unknown) => void waiting.push(promise) }
  const response = await hono(room.sessions, (given) => new Response(given.userId))(
    browser.request(),
    context,
  )
  expect(await response.text()).toBe('ann')
  expect(response.headers.getSetCookie()).toHaveLength(1)
  await Promise.all(waiting)
  expect(room.events.at(-1)?.type).toBe('touched')
})

test('many cookies pass an adapter one by one', async () => {
  const room = openSealed()
  const browser = new Browser()
  const server = hono(room.sessions, (given) => {
    given.set('notice', given.get('notice') === undefined ? 'x'.repeat(9000) : 'short')
    return new Response('Hi')
  })
  expect((await visit(server, browser)).headers.getSetCookie()).toHaveLength(4)
  const { headers } = await visit(server, browser)
  expect(headers.getSetCookie().map((field) => /Max-Age=0/.test(field))).toEqual([true, true, true, false])
  expect((await room.load(browser)).get('notice')).toBe('short')
})

test('lazySession reads no cookie before it is asked', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  const app = new Hono().use(lazySession(room.sessions))
  app.get('/free', (c) => c.text('Hi'))
  app.get('/', async (c) => c.text((await c.var.session()).userId ?? 'nobody'))
  const server = serverOf(app.fetch)
  room.store.takeCalls()
  await visit(server, browser, '/free')
  expect(room.store.takeCalls()).toEqual([])
  expect(await (await visit(server, browser)).text()).toBe('ann')
  expect(room.store.takeCalls()).toEqual(['get'])
})
