import express from 'express'
import express4 from 'express4'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, type Cloakroom, type Goods } from '../../../../test/support/cloakroom.ts'
import { answer, nodeServer } from '../../../../test/support/node-server.ts'
import { testVisits, visit } from '../../../../test/support/visits.ts'
import { discardOnError, session } from './express.ts'

const frameworks = { 'Express 5': express, 'Express 4': express4 }

for (const [name, framework] of Object.entries(frameworks)) {
  testVisits(`session of ${name}`, (sessions, handler) => {
    const app = framework()
    app.disable('x-powered-by')
    app.use(session<Goods>(sessions))
    app.use((req, res, next) => {
      answer(handler, req.session as never, req, res).then(undefined, next)
    })
    app.use(discardOnError(sessions), sorry)
    return nodeServer(app)
  })
}

const sorry: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.status(500).send('Sorry')

describe.for(Object.entries(frameworks))('%s', ([, framework]) => {
  function open(): { app: express.Express; browser: Browser; room: Cloakroom<Goods> } {
    const room = openCloakroom()
    const app = framework()
    app.use(session(room.sessions))
    return { app, browser: new Browser(), room }
  }

  test('a failed commit goes to the error handler with nothing sent, and no cookie', async () => {
    const { app, browser, room } = open()
    const seen: unknown[] = []
    app.get('/', (req, res) => {
      req.session.login('ann')
      res.set('Cache-Control', 'public, max-age=60').redirect('/welcome')
    })
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
      seen.push(error, res.headersSent)
      res.send('Sorry')
    }
    app.use(onError)
    room.store.failWhen(() => 'fails')
    const response = await visit(nodeServer(app), browser)
    expect(seen).toEqual([expect.objectContaining({ code: 'ERR_SESSION_STORE' }), false])
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('Sorry')
    expect(response.headers.getSetCookie()).toEqual([])
    expect(response.headers.has('Location')).toBe(false)
    expect(response.headers.has('Cache-Control')).toBe(false)
  })

  test('what was changed before an error is saved with the error page', async () => {
    const { app, browser, room } = open()
    app.get('/', (req) => {
      req.session.set('views' as never, 1 as never)
      throw new Error('Out of coat hangers.')
    })
    app.use(sorry)
    const response = await visit(nodeServer(app), browser)
    expect(response.status).toBe(500)
    expect(await room.store.liveIds()).toHaveLength(1)
  })

  test('a request that asks nothing of its session gets its response as it is', async () => {
    const { app, browser, room } = open()
    app.get('/', (_req, res) => void res.json({ hello: 'world' }))
    const response = await visit(nodeServer(app), browser)
    expect(response.headers.has('Vary')).toBe(false)
    expect(room.store.takeCalls()).toEqual([])
  })

  test('a cached page answers 304 by its ETag, and the session is saved', async () => {
    const { app, browser, room } = open()
    app.get('/', (req, res) => {
      req.session.update('views' as never, ((views = 0) => views + 1) as never)
      res.send('The same page.')
    })
    const server = nodeServer(app)
    const first = await visit(server, browser)
    const headers = { 'If-None-Match': first.headers.get('ETag')! }
    const second = await visit(server, browser, '/', { headers })
    expect(second.status).toBe(304)
    const seen = await room.load(browser)
    expect(seen.get('views')).toBe(2)
  })

  test('mounted twice, it says so', async () => {
    const { app, browser, room } = open()
    app.use(session(room.sessions))
    const seen: unknown[] = []
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
      seen.push(error)
      res.sendStatus(500)
    }
    app.use(onError)
    await visit(nodeServer(app), browser)
    expect(seen).toEqual([expect.objectContaining({ code: 'ERR_SESSION_CONFIG' })])
  })

  test('behind a middleware that has set req.session, it says so', async () => {
    const room = openCloakroom()
    const app = framework()
    app.use((req, _res, next) => {
      Object.assign(req, { session: { views: 1 } })
      next()
    })
    app.use(session(room.sessions))
    const seen: unknown[] = []
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
      seen.push(error)
      res.sendStatus(500)
    }
    app.use(onError)
    await visit(nodeServer(app), new Browser())
    expect(seen).toEqual([expect.objectContaining({ code: 'ERR_SESSION_CONFIG' })])
  })

  test('mounted below a path, it leaves the rest of the application alone', async () => {
    const room = openCloakroom()
    const app = framework()
    app.use('/shop', session(room.sessions))
    app.get('/shop', (req, res) => void res.send(typeof req.session.get))
    app.get('/', (req, res) => void res.send(typeof req.session))
    const server = nodeServer(app)
    expect(await (await visit(server, new Browser(), '/shop')).text()).toBe('function')
    expect(await (await visit(server, new Browser())).text()).toBe('undefined')
  })
})
