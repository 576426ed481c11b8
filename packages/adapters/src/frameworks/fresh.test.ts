import { Hono } from 'hono'
import { expect, test } from 'vitest'
import type { Browser } from '../../../../test/support/browser.ts'
import { cookieChanges, openCachedRoom } from '../../../../test/support/cached-room.ts'
import type { Cloakroom, Goods } from '../../../../test/support/cloakroom.ts'
import { visit, type Server } from '../../../../test/support/visits.ts'
import { withSession } from './fetch.ts'
import { lazySession, session } from './hono.ts'

type Mount = (room: Cloakroom<Goods>) => Server

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

async function open(mount: Mount) {
  const room = openCachedRoom()
  const server = mount(room)
  const browser = await room.welcome()
  const ask = async (from: Browser, path: string): Promise<unknown> => {
    room.store.takeCalls()
    const response = await visit(server, from, path)
    return [await response.text(), room.store.takeCalls(), cookieChanges(response)]
  }
  return { room, browser, ask }
}

test.for(Object.entries(mounts))(
  'a route takes the snapshot, and one that is fresh asks the store and renews it: %s',
  async ([, mount]) => {
    const { ask, browser } = await open(mount)
    expect(await ask(browser, '/')).toEqual(['ann', [], []])
    expect(await ask(browser, '/fresh')).toEqual(['ann', ['get'], ['set sid-cache']])
    expect(await ask(browser, '/')).toEqual(['ann', [], []])
  },
)

test.for(Object.entries(mounts))(
  'a session that was ended elsewhere is refused at once where it is fresh, and then everywhere: %s',
  async ([, mount]) => {
    const { ask, browser, room } = await open(mount)
    await room.memory.deleteByUser('ann')
    expect(await ask(browser, '/')).toEqual(['ann', [], []])
    expect(await ask(browser, '/fresh')).toEqual(['nobody', ['get'], ['remove sid-cache']])
    expect(await ask(browser, '/')).toEqual(['nobody', ['get'], []])
  },
)

test('lazySession that is fresh asks the store only when it is called', async () => {
  const room = openCachedRoom()
  const app = new Hono().use(lazySession(room.sessions, { fresh: true })).get('/', (c) => c.text('Hi'))
  const browser = await room.welcome()
  room.store.takeCalls()
  await app.fetch(browser.request())
  expect(room.store.takeCalls()).toEqual([])
})
