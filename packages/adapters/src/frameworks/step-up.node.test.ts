import { StepUpError } from '@coatcheck/core'
import express from 'express'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, type Cloakroom, type Goods } from '../../../../test/support/cloakroom.ts'
import { nodeServer } from '../../../../test/support/node-server.ts'
import { visit, type Server } from '../../../../test/support/visits.ts'
import { discardOnError, session as expressSession } from './express.ts'
import { withSession } from './fetch.ts'
import { session as honoSession } from './hono.ts'
import { withSession as withNodeSession } from './node.ts'

type Mount = (room: Cloakroom<Goods>) => Server

const mounts: Readonly<Record<string, Mount>> = {
  fetch: ({ sessions }) =>
    withSession(sessions, (_, session) => {
      session.set('views', 1)
      session.requireFresh({ maxAge: '5m' })
      return new Response('Secret')
    }),
  hono({ sessions }) {
    const app = new Hono().use(honoSession(sessions)).get('/', (c) => {
      c.var.session.set('views', 1)
      c.var.session.requireFresh({ maxAge: '5m' })
      return c.text('Secret')
    })
    return async (request) => app.fetch(request)
  },
  node: ({ sessions }) =>
    nodeServer(
      withNodeSession(sessions, (_, res, session) => {
        session.set('views', 1)
        session.requireFresh({ maxAge: '5m' })
        res.end('Secret')
      }),
    ),
  express({ sessions }) {
    const app = express().use(expressSession(sessions))
    app.get('/', (req, res) => {
      req.session.requireFresh({ maxAge: '5m' })
      res.send('Secret')
    })
    return nodeServer(app.use(discardOnError(sessions)))
  },
}

test.for(Object.entries(mounts))(
  'ASVS-7.5.1 what needs a fresh proof answers 401 without one, and keeps nothing: %s',
  async ([, mount]) => {
    const room = openCloakroom()
    const browser = new Browser()
    const response = await visit(mount(room), browser)
    expect(response.status).toBe(401)
    expect(await response.text()).not.toContain('Secret')
    expect(response.headers.getSetCookie()).toEqual([])
    expect(room.memory.size).toBe(0)
  },
)

test('an error handler of the application may send to the page that asks for the proof', async () => {
  const { sessions } = openCloakroom()
  const app = new Hono().use(honoSession(sessions)).get('/', (c) => {
    c.var.session.requireFresh({})
    return c.text('Secret')
  })
  app.onError((error, c) => (error instanceof StepUpError ? c.redirect('/confirm') : c.text('Sorry', 500)))
  const response = await visit(async (request) => app.fetch(request), new Browser())
  expect(response.headers.get('Location')).toBe('/confirm')
})
