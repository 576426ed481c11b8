import { createCsrf, type CsrfOptions } from '@coatcheck/core/csrf'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, openCloakroom, secret, typesOf } from '../../../../test/support/cloakroom.ts'
import { serverOf } from '../../../../test/support/hono-server.ts'
import { visit } from '../../../../test/support/visits.ts'
import { csrf } from './csrf-hono.ts'
import { lazySession, session } from './hono.ts'

const elsewhere = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' }

function open(options: CsrfOptions = {}) {
  const room = openCloakroom()
  const onEvent = (event: (typeof room.events)[number]): void => void room.events.push(event)
  const protection = createCsrf({ onEvent, ...options })
  const app = new Hono().use(session(room.sessions)).use(csrf(protection))
  return { app, browser: new Browser(), protection, room, server: serverOf(app.fetch) }
}

const tokens = { mode: 'token', secrets: [secret] } satisfies CsrfOptions

test('ASVS-3.5.1 a login that another site causes is refused before the route sees it', async () => {
  const { app, browser, room, server } = open()
  app.post('/login', (c) => {
    c.var.session.login('mallory')
    return c.text('Welcome')
  })
  const init = { method: 'POST', headers: elsewhere }
  const response = await visit(server, browser, '/login', init)
  expect(response.status).toBe(403)
  expect(await response.text()).toBe('Forbidden')
  expect(browser.cookie).toBeNull()
  expect(typesOf(room.events)).toEqual(['csrf-denied'])
  const own = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } }
  expect((await visit(server, browser, '/login', own)).status).toBe(200)
})

test('ASVS-4.4.2 a WebSocket that another site opens is refused', async () => {
  const { app, browser, server } = open()
  app.get('/chat', (c) => c.text('a socket'))
  const ask = async (origin: string): Promise<number> => {
    const headers = { upgrade: 'websocket', connection: 'Upgrade', origin }
    return (await visit(server, browser, '/chat', { headers })).status
  }
  expect(await ask('https://evil.test')).toBe(403)
  expect(await ask('https://shop.test')).toBe(200)
})

test('one line is enough', async () => {
  const { sessions } = openCloakroom()
  const app = new Hono().use(session(sessions)).use(csrf())
  app.all('/', (c) => c.text('Hello'))
  const server = serverOf(app.fetch)
  expect((await visit(server, new Browser(), '/', { method: 'POST', headers: elsewhere })).status).toBe(403)
  expect((await visit(server, new Browser(), '/', { headers: elsewhere })).status).toBe(200)
})

test('options may be given in its place', async () => {
  const { sessions } = openCloakroom()
  const options = { trustedOrigins: ['https://partner.test'], exempt: ['/hooks/*'], onEvent: () => {} }
  const app = new Hono().use(session(sessions)).use(csrf(options))
  app.all('*', (c) => c.text('Hello'))
  const server = serverOf(app.fetch)
  const status = async (path: string, headers: Record<string, string>): Promise<number> =>
    (await visit(server, new Browser(), path, { method: 'POST', headers })).status
  expect(await status('/', elsewhere)).toBe(403)
  expect(await status('/', { ...elsewhere, origin: 'https://partner.test' })).toBe(200)
  expect(await status('/hooks/stripe', elsewhere)).toBe(200)
})

test('without the session middleware in front, it says so', async () => {
  const app = new Hono().use(csrf())
  const errors: unknown[] = []
  app.onError((error, c) => {
    errors.push(error)
    return c.text('Sorry', 500)
  })
  expect((await app.request('/', { method: 'POST' })).status).toBe(500)
  expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION_CONFIG' })])
})

describe('with a lazy session', () => {
  test('a request that needs no session loads none', async () => {
    const room = openCloakroom()
    const app = new Hono().use(lazySession(room.sessions)).use(csrf({ onEvent: () => {} }))
    app.all('/', (c) => c.text('Hello'))
    const browser = await room.welcome()
    room.store.takeCalls()
    const headers = { 'sec-fetch-site': 'same-origin' }
    await visit(serverOf(app.fetch), browser, '/', { method: 'POST', headers })
    expect(room.store.takeCalls()).toEqual([])
  })

  test('a program without our cookie may post, one with it may not', async () => {
    const room = openCloakroom()
    const app = new Hono().use(lazySession(room.sessions)).use(csrf({ onEvent: () => {} }))
    app.all('/', (c) => c.text('Hello'))
    const server = serverOf(app.fetch)
    expect((await visit(server, new Browser(), '/', { method: 'POST' })).status).toBe(200)
    expect((await visit(server, await room.welcome(), '/', { method: 'POST' })).status).toBe(403)
  })

  test('tokens work', async () => {
    const room = openCloakroom()
    const protection = createCsrf({ ...tokens, onEvent: () => {} })
    const app = new Hono().use(lazySession(room.sessions)).use(csrf(protection))
    app.get('/', async (c) => c.text(await protection.token(await c.var.session())))
    app.post('/', (c) => c.text('Done'))
    const server = serverOf(app.fetch)
    const browser = new Browser()
    const token = await (await visit(server, browser)).text()
    const headers = { 'x-csrf-token': token }
    expect((await visit(server, browser, '/', { method: 'POST', headers })).status).toBe(200)
  })
})

describe('NIST-5.1-csrf in mode token', () => {
  function shop() {
    const opened = open(tokens)
    const { app, protection } = opened
    app.get('/', async (c) => c.text(await protection.token(c.var.session)))
    app.post('/login', async (c) => {
      c.var.session.login('ann')
      return c.text(await protection.token(c.var.session))
    })
    app.post('/parsed', async (c) => c.json((await c.req.parseBody())['item']))
    app.post('/raw', async (c) => c.json((await c.req.raw.formData()).get('item')))
    app.post('/text', async (c) => c.text(await c.req.text()))
    return opened
  }

  const post = (token: string, item = 'hat'): RequestInit => ({
    method: 'POST',
    body: new URLSearchParams({ csrf: token, item }),
  })

  test('a form logs in, and the form in the response to it works', async () => {
    const { browser, server } = shop()
    const token = await (await visit(server, browser)).text()
    const anonymous = idOf(browser)
    const login = await visit(server, browser, '/login', post(token))
    expect(login.status).toBe(200)
    expect(idOf(browser)).not.toBe(anonymous)
    const next = await login.text()
    expect((await visit(server, browser, '/parsed', post(next))).status).toBe(200)
    expect((await visit(server, browser, '/parsed', post(token))).status).toBe(403)
  })

  test('the handler gets the body however it reads it', async () => {
    const { browser, server } = shop()
    const token = await (await visit(server, browser)).text()
    const answer = async (path: string): Promise<string> =>
      (await visit(server, browser, path, post(token))).text()
    expect(await answer('/parsed')).toBe('"hat"')
    expect(await answer('/raw')).toBe('"hat"')
    expect(await answer('/text')).toBe(`csrf=${token}&item=hat`)
  })

  test('a body that another middleware has read is read from Hono', async () => {
    const room = openCloakroom()
    const protection = createCsrf({ ...tokens, onEvent: () => {} })
    const app = new Hono().use(session(room.sessions))
    app.use(async (c, next) => {
      await c.req.parseBody()
      await next()
    })
    app.use(csrf(protection)).get('/', async (c) => c.text(await protection.token(c.var.session)))
    app.post('/', async (c) => c.json((await c.req.parseBody())['item']))
    const server = serverOf(app.fetch)
    const browser = new Browser()
    const token = await (await visit(server, browser)).text()
    expect(await (await visit(server, browser, '/', post(token))).json()).toBe('hat')
    const twice = new URLSearchParams([
      ['csrf', token],
      ['csrf', token],
    ])
    expect((await visit(server, browser, '/', { method: 'POST', body: twice })).status).toBe(403)
    expect((await visit(server, browser, '/', post(''))).status).toBe(403)
  })
})
