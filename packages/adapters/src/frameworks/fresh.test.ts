import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { openCachedRoom } from '../../../../test/support/cached-room.ts'
import { testFresh, type Mount } from '../../../../test/support/fresh-routes.ts'
import { withSession } from './fetch.ts'
import { lazySession, session } from './hono.ts'

/** Each has a route that takes what a snapshot says, and one that does not. */
const mounts: Readonly<Record<string, Mount>> = {
  'session of Hono'({ sessions }) {
    const app = new Hono()
    app.get('/', session(sessions), (c) => c.text(c.var.session.userId ?? 'nobody'))
    app.get('/fresh', session(sessions, { fresh: true }), (c) => c.text(c.var.session.userId ?? 'nobody'))
    return async (request) => app.fetch(request)
  },
  'lazySession of Hono'({ sessions }) {
    const app = new Hono()
    app.get('/', lazySession(sessions), async (c) => c.text((await c.var.session()).userId ?? 'nobody'))
    app.get('/fresh', lazySession(sessions, { fresh: true }), async (c) =>
      c.text((await c.var.session()).userId ?? 'nobody'),
    )
    return async (request) => app.fetch(request)
  },
  'fetch, by the manager'({ sessions }) {
    const plain = withSession(sessions, (_, { userId }) => new Response(userId ?? 'nobody'))
    return async (request) => {
      if (!request.url.endsWith('/fresh')) return plain(request)
      const loaded = await sessions.load(request, { fresh: true })
      const response = new Response(loaded.userId ?? 'nobody')
      return (await sessions.commit(loaded)).applied(response)
    }
  },
  'fetch, by handle'({ sessions }) {
    return (request) =>
      sessions.handle(request, ({ userId }) => new Response(userId ?? 'nobody'), {
        fresh: request.url.endsWith('/fresh'),
      })
  },
}

testFresh(mounts)

test('lazySession that is fresh asks the store only when it is called', async () => {
  const room = openCachedRoom()
  const app = new Hono().use(lazySession(room.sessions, { fresh: true })).get('/', (c) => c.text('Hi'))
  const browser = await room.welcome()
  room.store.takeCalls()
  await app.fetch(browser.request())
  expect(room.store.takeCalls()).toEqual([])
})
