import { expect, test } from 'vitest'
import express from 'express'
import express4 from 'express4'
import { Browser } from '../../../../test/support/browser.ts'
import type { Goods } from '../../../../test/support/cloakroom.ts'
import { answer, nodeServer } from '../../../../test/support/node-server.ts'
import { openSealed } from '../../../../test/support/sealed-cloakroom.ts'
import { inCookie, testVisits, visit, type Mount } from '../../../../test/support/visits.ts'
import { discardOnError, session } from './express.ts'
import { withSession } from './node.ts'

const node: Mount = (sessions, handler) =>
  nodeServer(
    withSession(sessions, (req, res, given) => answer(handler, given, req, res), {
      // Failures are a part of the tests.
      onError(_, __, res) {
        res.statusCode = 500
        res.end('Sorry')
      },
    }),
  )

testVisits('withSession of node over sealed sessions', node, inCookie)

const sorry: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.status(500).send('Sorry')

for (const [name, framework] of Object.entries({ 'Express 5': express, 'Express 4': express4 })) {
  const mount: Mount = (sessions, handler) => {
    const app = framework()
    app.disable('x-powered-by')
    app.use(session<Goods>(sessions))
    app.use((req, res, next) => {
      answer(handler, req.session as never, req, res).then(undefined, next)
    })
    app.use(discardOnError(sessions), sorry)
    return nodeServer(app)
  }
  testVisits(`session of ${name} over sealed sessions`, mount, inCookie)

  test(`${name} sends an error page, and no cookie, for a session that is too large`, async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const { cookie } = browser
    const server = mount(room.sessions, (given) => {
      given.set('notice', 'x'.repeat(100_000))
      return new Response('Saved')
    })
    const response = await visit(server, browser)
    expect([response.status, await response.text()]).toEqual([500, 'Sorry'])
    expect(response.headers.getSetCookie()).toEqual([])
    expect(browser.cookie).toBe(cookie)
  })
}

test('node:http carries many parts, as far as its limit of all headers goes', async () => {
  const room = openSealed()
  const browser = new Browser()
  const server = node(room.sessions, (given) => {
    given.update('notice', (notice) => notice ?? 'x'.repeat(8000))
    return new Response(String(given.get('notice')?.length))
  })
  expect((await visit(server, browser)).headers.getSetCookie()).toHaveLength(3)
  expect(await (await visit(server, browser)).text()).toBe('8000')
})
