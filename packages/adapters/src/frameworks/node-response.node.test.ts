import type { ServerResponse } from 'node:http'
import { Hono, type Context } from 'hono'
import { setCookie } from 'hono/cookie'
import { etag } from 'hono/etag'
import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, type Goods } from '../../../../test/support/cloakroom.ts'
import { honoNodeServer } from '../../../../test/support/hono-node-server.ts'
import { visit } from '../../../../test/support/visits.ts'
import { session, type SessionVariables } from './hono.ts'

type Env = { Bindings: { outgoing: ServerResponse }; Variables: SessionVariables<Goods> }

/** What a new visitor is sent by a handler that has counted. */
async function firstVisit(
  respond: (c: Context<Env>) => Response | Promise<Response>,
  outside: (app: Hono<Env>) => void = () => {},
): Promise<Response> {
  const app = new Hono<Env>()
  outside(app)
  app.use(session(openCloakroom().sessions)).get('/', (c) => {
    c.var.session.set('views', 1)
    return respond(c)
  })
  return visit(honoNodeServer(app.fetch), new Browser())
}

const namesOf = (response: Response): string[] =>
  response.headers.getSetCookie().map((field) => field.split('=')[0]!)
const ours = '__Host-Http-sid'

test('the cookie goes out beside those of the handler, and of middleware on either side of the session', async () => {
  const response = await firstVisit(
    (c) => {
      setCookie(c, 'handler', '1')
      return c.text('hello')
    },
    (app) =>
      app.use(async (c, next) => {
        setCookie(c, 'before', '1')
        await next()
        setCookie(c, 'after', '1')
      }),
  )
  expect(namesOf(response).toSorted()).toEqual([ours, 'after', 'before', 'handler'])
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(await response.text()).toBe('hello')
})

test.for([
  ['fields in an object', ['Fine', { 'Set-Cookie': 'mine=1', 'X-Mine': '1' }]],
  ['fields in a list', [['Set-Cookie', 'mine=1', 'X-Mine', '1']]],
] as const)('a handler that writes to the Node response itself later keeps its own: %s', async ([, args]) => {
  const response = await firstVisit((c) => {
    const { outgoing } = c.env
    setTimeout(() => {
      outgoing.writeHead(201, ...(args as unknown as [string]))
      outgoing.end('written')
    })
    return new Response(null, { headers: { 'x-hono-already-sent': '1' } })
  })
  expect([response.status, response.headers.get('x-mine'), namesOf(response)]).toEqual([
    201,
    '1',
    ['mine', ours],
  ])
  expect(await response.text()).toBe('written')
})

test('the response of the handler goes out itself, with caching rules and without the cookie', async () => {
  let made: Response | undefined
  let sent: Response | undefined
  const response = await firstVisit(
    (c) => (made = c.text('hello')),
    (app) =>
      app.use(async (c, next) => {
        await next()
        sent = c.res
      }),
  )
  expect(namesOf(response)).toEqual([ours])
  expect(sent).toBe(made)
  expect(Object.fromEntries(made!.headers)).toMatchObject({ 'cache-control': 'no-store', vary: 'Cookie' })
  expect(made!.headers.has('set-cookie')).toBe(false)
})

test('a page that is kept for everybody gives nobody the cookie of another', async () => {
  const app = new Hono()
  const { Response: runtimes, Request } = globalThis
  let page: Response | undefined
  app.use('/counted', session(openCloakroom().sessions)).get('/counted', (c) => {
    c.get('session').set('views', 1)
    return (page ??= c.text('the same for all'))
  })
  app.get('/', () => page!)
  const server = honoNodeServer(app.fetch, true)
  const cookies: string[] = []
  try {
    for (const path of ['/counted', '/counted', '/']) {
      const response = await server(new Request(`https://example.com${path}`))
      cookies.push(response.headers.getSetCookie().join())
      expect(await response.text()).toBe('the same for all')
    }
  } finally {
    Object.assign(globalThis, { Response: runtimes, Request })
  }
  expect(cookies).toEqual([expect.stringContaining(ours), expect.stringContaining(ours), ''])
  expect(cookies[0]).not.toBe(cookies[1])
})

test('a 304 that is made outside of the session carries no cookie', async () => {
  const app = new Hono().use(etag()).use(session(openCloakroom().sessions))
  app.get('/', (c) => {
    c.get('session').set('views', 1)
    return c.text('hello')
  })
  const server = honoNodeServer(app.fetch)
  const first = await server(new Request('https://example.com/'))
  const tag = first.headers.get('etag')!
  const second = await server(new Request('https://example.com/', { headers: { 'if-none-match': tag } }))
  expect([first.status, second.status]).toEqual([200, 304])
  expect([namesOf(first), namesOf(second)]).toEqual([[ours], []])
})

test('bindings that only look like those of the server are left alone', async () => {
  const app = new Hono().use(session(openCloakroom().sessions)).get('/', (c) => {
    c.get('session').set('views', 1)
    return c.text('hello')
  })
  for (const env of [undefined, null, {}, { outgoing: null }, { outgoing: {} }, { outgoing: 'mail' }]) {
    const response = await app.fetch(new Request('https://example.com/'), env as object)
    expect(namesOf(response)).toEqual([ours])
  }
})
