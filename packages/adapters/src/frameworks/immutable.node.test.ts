import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, openCloakroom } from '../../../../test/support/cloakroom.ts'
import { withSession } from './fetch.ts'
import { lazySession, session } from './hono.ts'

const { sessions, store } = openCloakroom()

/** A response from elsewhere: its headers cannot be changed. */
async function fetched(): Promise<Response> {
  const response = await fetch('data:text/plain,from%20elsewhere')
  expect(() => response.headers.set('X-Mine', '1')).toThrow(TypeError)
  return response
}

const servers: Record<string, (request: Request) => Response | Promise<Response>> = {
  'session of hono': new Hono().use(session(sessions)).get('/', async (c) => {
    c.var.session.set('views', 1)
    return fetched()
  }).fetch,
  'lazySession of hono': new Hono().use(lazySession(sessions)).get('/', async (c) => {
    const loaded = await c.var.session()
    loaded.set('views', 1)
    return fetched()
  }).fetch,
  withSession: withSession(sessions, async (_, session) => {
    session.set('views', 1)
    return fetched()
  }),
}

test.for(Object.entries(servers))(
  'a fetched response can be passed on with our cookie: %s',
  async ([, server]) => {
    const browser = new Browser()
    const response = browser.receive(await server(browser.request()))
    expect(await response.text()).toBe('from elsewhere')
    expect(await store.liveIds()).toContain(idOf(browser))
  },
)
