import { logout } from '@coatcheck/core'
import express from 'express'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, type Cloakroom, type Goods } from '../../../../test/support/cloakroom.ts'
import { nodeServer } from '../../../../test/support/node-server.ts'
import { visit, type Server } from '../../../../test/support/visits.ts'
import { session as expressSession } from './express.ts'
import { withSession } from './fetch.ts'
import { lazySession, session as honoSession } from './hono.ts'
import { withSession as withNodeSession } from './node.ts'

const all = { clearSiteData: true }

const mounts: Readonly<Record<string, (room: Cloakroom<Goods>) => Server>> = {
  fetch: ({ sessions }) =>
    withSession(sessions, (_, session) => {
      logout(session, all)
      return new Response('Bye')
    }),
  hono({ sessions }) {
    const app = new Hono().use(honoSession(sessions)).get('/', (c) => {
      logout(c.var.session, all)
      return c.text('Bye')
    })
    return async (request) => app.fetch(request)
  },
  'lazySession of hono'({ sessions }) {
    const app = new Hono().use(lazySession(sessions)).get('/', async (c) => {
      logout(await c.var.session(), all)
      return c.text('Bye')
    })
    return async (request) => app.fetch(request)
  },
  node: ({ sessions }) =>
    nodeServer(
      withNodeSession(sessions, (_, res, session) => {
        logout(session, all)
        res.end('Bye')
      }),
    ),
  express({ sessions }) {
    const app = express().use(expressSession(sessions))
    app.get('/', (req, res) => {
      logout(req.session, all)
      res.send('Bye')
    })
    return nodeServer(app)
  },
}

test.for(Object.entries(mounts))(
  'ASVS-7.4.4 ASVS-14.3.1 a logout ends the session, removes the cookie and clears the browser: %s',
  async ([, mount]) => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const { headers } = await visit(mount(room), browser)
    expect(await room.store.liveIds()).toEqual([])
    expect(browser.cookie).toBeNull()
    expect(headers.get('Clear-Site-Data')).toBe('"cache", "storage"')
    expect(headers.get('Cache-Control')).toBe('no-store')
  },
)

test.for(Object.entries(mounts))('a logout that fails clears nothing: %s', async ([, mount]) => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const server = mount(room)
  room.store.failWhen((operation) => (operation === 'get' ? 'none' : 'fails'))
  const response = await visit(server, new Browser(browser.origin, []), '/', {
    headers: { cookie: browser.cookie! },
  }).catch(() => new Response(null, { status: 500 }))
  expect(response.status).toBe(500)
  expect(response.headers.has('Clear-Site-Data')).toBe(false)
})
