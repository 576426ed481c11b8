import { createCsrf, type CsrfOptions } from '@coatcheck/core/csrf'
import express from 'express'
import express4 from 'express4'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  openCloakroom,
  secret,
  typesOf,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import { nodeServer } from '../../../../test/support/node-server.ts'
import { visit, type Server } from '../../../../test/support/visits.ts'
import { csrf, csrfRequest } from './csrf-express.ts'
import { session } from './express.ts'

const frameworks = { 'Express 5': express, 'Express 4': express4 }
const elsewhere = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' }
const tokens = { mode: 'token', secrets: [secret], onEvent: () => {} } satisfies CsrfOptions

interface Shop {
  readonly room: Cloakroom<Goods>
  readonly browser: Browser
  readonly server: Server
}

describe.for(Object.entries(frameworks))('%s', ([, framework]) => {
  /** A shop that says what it was asked for, unless the request is refused. */
  function open(options: CsrfOptions, ...before: express.RequestHandler[]): Shop {
    const room = openCloakroom()
    const protection = createCsrf({ onEvent: (event) => room.events.push(event), ...options })
    const app = framework()
    app.use(session(room.sessions), ...before, csrf(protection))
    app.get('/token', (req, res, next) => {
      protection.token(req.session).then((token) => res.send(token), next)
    })
    app.post('/login', (req, res, next) => {
      req.session.login('ann')
      protection.token(req.session).then((token) => res.send(token), next)
    })
    app.use((req, res) => void res.send(`${req.method} ${req.originalUrl} ${JSON.stringify(req.body)}`))
    return { room, browser: new Browser(), server: nodeServer(app) }
  }

  test('ASVS-3.5.1 a login that another site causes is refused before the route sees it', async () => {
    const { browser, room, server } = open({ secrets: [secret] })
    const response = await visit(server, browser, '/login', { method: 'POST', headers: elsewhere })
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('Forbidden')
    expect(response.headers.get('Cache-Control')).toContain('no-store')
    expect(browser.cookie).toBeNull()
    expect(typesOf(room.events)).toEqual(['csrf-denied'])
    const own = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } }
    expect((await visit(server, browser, '/login', own)).status).toBe(200)
  })

  test('the whole origin is compared, and the path of the whole URL', async () => {
    const { browser, server } = open({ exempt: ['/hooks/stripe'] })
    const status = async (path: string, origin: string): Promise<number> =>
      (await visit(server, browser, path, { method: 'POST', headers: { origin } })).status
    expect(await status('/', 'https://shop.test')).toBe(200)
    expect(await status('/', 'http://shop.test')).toBe(403)
    expect(await status('/', 'https://shop.test:8443')).toBe(403)
    expect(await status('/hooks/stripe?id=1', 'https://evil.test')).toBe(200)
    expect(await status('/?/hooks/stripe', 'https://evil.test')).toBe(403)
  })

  test('below a path, routes still go by the whole one', async () => {
    const room = openCloakroom()
    const app = framework()
    app.use(session(room.sessions))
    app.use('/api', csrf({ exempt: ['/api/hooks'], onEvent: () => {} }))
    app.use((_req, res) => void res.send('Done'))
    const server = nodeServer(app)
    const status = async (path: string): Promise<number> =>
      (await visit(server, new Browser(), path, { method: 'POST', headers: elsewhere })).status
    expect(await status('/api/hooks')).toBe(200)
    expect(await status('/api/orders')).toBe(403)
    expect(await status('/orders')).toBe(200)
  })

  test('NIST-5.1-csrf the form in the response to a login works, the one before it no more', async () => {
    const { browser, server } = open(tokens)
    const before = await (await visit(server, browser, '/token')).text()
    const headers = (token: string): RequestInit => ({ method: 'POST', headers: { 'x-csrf-token': token } })
    const after = await (await visit(server, browser, '/login', headers(before))).text()
    expect((await visit(server, browser, '/', headers(after))).status).toBe(200)
    expect((await visit(server, browser, '/', headers(before))).status).toBe(403)
  })

  /** A body parser that has been there before, as `express.urlencoded` is. */
  const parsed =
    (body: unknown): express.RequestHandler =>
    (req, _res, next) => {
      req.body = body
      next()
    }

  test('a token in a parsed form is found', async () => {
    const body: Record<string, unknown> = { item: 'hat' }
    const { browser, server } = open(tokens, parsed(body))
    const token = await (await visit(server, browser, '/token')).text()
    expect((await visit(server, browser, '/', { method: 'POST' })).status).toBe(403)
    for (const wrong of [[token, token], { toString: () => token }, '', 7, null, `${token} `]) {
      body['csrf'] = wrong
      expect((await visit(server, browser, '/', { method: 'POST' })).status).toBe(403)
    }
    body['csrf'] = token
    const response = await visit(server, browser, '/', { method: 'POST' })
    expect(await response.text()).toContain('"item":"hat"')
  })

  test.for([undefined, null, 'csrf', 7])('a body of %j has no token', async (body) => {
    const { server } = open(tokens, parsed(body))
    const browser = new Browser()
    await visit(server, browser, '/token')
    expect((await visit(server, browser, '/', { method: 'POST' })).status).toBe(403)
  })

  test('without the session middleware in front, it says so', async () => {
    const app = framework().use(csrf())
    const errors: unknown[] = []
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
      errors.push(error)
      res.status(500).send('Sorry')
    }
    app.use(onError)
    expect((await visit(nodeServer(app), new Browser(), '/', { method: 'POST' })).status).toBe(500)
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION_CONFIG' })])
  })

  test('what goes wrong in a check goes to the error handlers, and lets nobody in', async () => {
    const room = openCloakroom()
    const failure = new Error('Out of ink.')
    const app = framework()
    app.use(session(room.sessions))
    app.use(
      csrf({
        exempt: () => {
          throw failure
        },
      }),
    )
    app.use((_req, res) => void res.send('Done'))
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) =>
      void res.status(error === failure ? 500 : 501).send('Sorry')
    app.use(onError)
    expect((await visit(nodeServer(app), new Browser(), '/', { method: 'POST' })).status).toBe(500)
  })
})

describe('a request of Node, seen as others', () => {
  const socket = { encrypted: true } as never

  test.for([
    [{ url: '/chat?room=1', headers: { host: 'shop.test' } }, 'https://shop.test/chat?room=1'],
    [{ url: '//evil.test/', headers: { host: 'shop.test' } }, 'https://shop.test//evil.test/'],
    [{ url: 'https://evil.test/a', headers: { host: 'shop.test' } }, 'https://shop.test/https://evil.test/a'],
    [{ url: '*', headers: { host: 'shop.test' } }, 'https://shop.test/*'],
    [{ url: '/', headers: { ':authority': 'shop.test', host: 'evil.test' } }, 'https://shop.test/'],
    [{ url: '/', headers: { host: 'shop.test', 'x-forwarded-host': 'evil.test' } }, 'https://shop.test/'],
  ] as const)('%j is at %s', ([{ headers, url }, expected]) => {
    expect(csrfRequest({ url, headers, socket, method: 'GET' })).toHaveProperty('url', expected)
  })

  test('without encryption it came over http', () => {
    expect(csrfRequest({ headers: { host: 'shop.test' }, socket: {} as never }).url).toBe('http://shop.test/')
  })

  test('ASVS-4.4.2 an upgrade is judged with its session', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const protection = createCsrf({ onEvent: () => {} })
    const ask = async (origin?: string): Promise<boolean> => {
      const headers = {
        host: 'shop.test',
        cookie: browser.cookie!,
        upgrade: 'websocket',
        ...(origin && { origin }),
      }
      const request = csrfRequest({ url: '/chat', headers, socket, method: 'GET' })
      const loaded = await room.sessions.load(request)
      expect(loaded.userId).toBe('ann')
      return (await protection.verifyUpgrade(request, loaded)).allowed
    }
    expect(await ask('https://shop.test')).toBe(true)
    expect(await ask('http://shop.test')).toBe(false)
    expect(await ask('https://evil.test')).toBe(false)
    expect(await ask()).toBe(false)
  })
})
