import { createSessionManager, type SessionManager } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { etag } from 'hono/etag'
import { HTTPException } from 'hono/http-exception'
import { stream } from 'hono/streaming'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  idOf,
  openCloakroom,
  secret,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import { serverOf } from '../../../../test/support/hono-server.ts'
import { testVisits, testWaitUntil, visit, type Mount } from '../../../../test/support/visits.ts'
import { lazySession, session } from './hono.ts'

const mount: Mount = (sessions, handler) => {
  const app = new Hono().use(session(sessions)).all('*', (c) => handler(c.var.session, c.req.raw))
  // Failures are a part of the tests.
  app.onError((_, c) => c.text('Sorry', 500))
  return serverOf(app.fetch)
}

testVisits('session of hono', mount)
testWaitUntil('session of hono', mount)

/** A visitor, and an application with the session middleware. */
function open(): { room: Cloakroom<Goods>; browser: Browser; app: ReturnType<typeof appOf> } {
  const room = openCloakroom()
  return { room, browser: new Browser(), app: appOf(room.sessions) }
}

function appOf(sessions: SessionManager<Goods>) {
  return new Hono().use(session(sessions))
}

describe('a handler that throws', () => {
  const failures = {
    'an Error': () => {
      throw new Error('Out of coat hangers.')
    },
    'an HTTPException': () => {
      throw new HTTPException(403, { message: 'Not your coat.' })
    },
    'an HTTPException with a response': () => {
      const headers = { 'Cache-Control': 'public, max-age=60' }
      throw new HTTPException(403, { res: new Response('Not your coat.', { status: 403, headers }) })
    },
  }

  describe.for(Object.entries(failures))('%s', ([, fail]) => {
    test.for([true, false])(
      'commits nothing, but what depends on the session is private: with onError %s',
      async (custom) => {
        const { app, browser, room } = open()
        app.get('/', (c) => {
          c.var.session.set('views', 1)
          c.var.session.login('ann')
          return fail()
        })
        if (custom) app.onError((_, c) => c.text('Sorry', 500, { 'Cache-Control': 'public, max-age=60' }))
        else app.onError(answerQuietly)
        const response = await visit(serverOf(app.fetch), browser)
        expect(response.status).toBeGreaterThanOrEqual(400)
        expect(response.headers.getSetCookie()).toEqual([])
        expect(response.headers.get('Cache-Control')).toMatch(/^private\b/)
        expect(response.headers.get('Vary')).toBe('Cookie')
        expect(room.store.takeCalls()).toEqual([])
      },
    )

    test('leaves the response alone when the session was not looked at', async () => {
      const { app, browser } = open()
      app.get('/', () => fail())
      app.onError((_, c) => c.text('Sorry', 500, { 'Cache-Control': 'public, max-age=60' }))
      const response = await visit(serverOf(app.fetch), browser)
      expect(response.headers.get('Cache-Control')).toBe('public, max-age=60')
      expect(response.headers.has('Vary')).toBe(false)
    })

    test('seals the session', async () => {
      const { app, browser } = open()
      let leaked: { set(key: 'views', value: number): void } | undefined
      app.get('/', (c) => {
        leaked = c.var.session
        return fail()
      })
      app.onError(answerQuietly)
      await visit(serverOf(app.fetch), browser)
      expect(() => leaked!.set('views', 1)).toThrow(
        expect.objectContaining({ code: 'ERR_SESSION_COMMITTED' }),
      )
    })
  })

  test('in a part of the application with an onError of its own commits nothing either', async () => {
    const { app, browser, room } = open()
    const part = new Hono<{ Variables: { session: { set(key: 'views', value: number): void } } }>()
    part.get('/', (c) => {
      c.var.session.set('views', 1)
      throw new Error('Out of coat hangers.')
    })
    part.onError((_, c) => c.text('Sorry', 500))
    app.route('/part', part)
    const response = await visit(serverOf(app.fetch), browser, '/part')
    expect(response.status).toBe(500)
    expect(response.headers.get('Cache-Control')).toBe('private')
    expect(room.store.takeCalls()).toEqual([])
  })

  test('that throws what is no Error commits nothing', async () => {
    const { app, browser, room } = open()
    app.get('/', (c) => {
      c.var.session.set('views', 1)
      // oxlint-disable-next-line typescript/only-throw-error -- Hono treats it differently
      throw 'a word'
    })
    await expect(visit(serverOf(app.fetch), browser)).rejects.toBe('a word')
    expect(room.store.takeCalls()).toEqual([])
  })
})

describe('a commit that fails', () => {
  test('reaches onError with its code, and none of our cookies reaches the client', async () => {
    const { app, browser, room } = open()
    const errors: unknown[] = []
    app.get('/', (c) => {
      c.var.session.login('ann')
      return c.text('Welcome')
    })
    app.onError((error, c) => {
      errors.push(error)
      return c.text('Sorry', 500)
    })
    room.store.failWhen(() => 'fails')
    const response = await visit(serverOf(app.fetch), browser)
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('Sorry')
    expect(response.headers.getSetCookie()).toEqual([])
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION_STORE' })])
  })

  test('leaves nothing of the response that was given up: neither its place nor its caching', async () => {
    const { app, browser, room } = open()
    app.get('/', (c) => {
      c.var.session.login('ann')
      c.header('Cache-Control', 'public, max-age=60')
      return c.redirect('/welcome')
    })
    app.onError((_, c) => c.text('Sorry', 500))
    room.store.failWhen(() => 'fails')
    const response = await visit(serverOf(app.fetch), browser)
    expect(response.status).toBe(500)
    expect(response.headers.get('Location')).toBeNull()
    expect(response.headers.get('Cache-Control') ?? '').not.toContain('public')
  })
})

describe('beside the rest of Hono', () => {
  test('a redirect, the cookies of hono/cookie, and headers set before and after all survive', async () => {
    const { app, browser, room } = open()
    const outer = new Hono()
    outer.use(async (c, next) => {
      c.header('X-Before', '1')
      await next()
      c.header('X-After', '1')
      setCookie(c, 'outer', '1')
    })
    app.get('/', (c) => {
      setCookie(c, 'theme', 'dark')
      c.header('Set-Cookie', 'lang=de; Path=/', { append: true })
      c.var.session.login('ann')
      return c.redirect('/welcome')
    })
    outer.route('/', app)
    const response = await visit(serverOf(outer.fetch), browser)
    expect(response.status).toBe(302)
    expect(response.headers.get('Location')).toBe('/welcome')
    expect([response.headers.get('X-Before'), response.headers.get('X-After')]).toEqual(['1', '1'])
    const names = response.headers.getSetCookie().map((cookie) => cookie.split('=')[0])
    expect(new Set(names)).toEqual(new Set(['__Host-Http-sid', 'lang', 'outer', 'theme']))
    expect(names).toHaveLength(4)
    expect(await room.store.liveIds()).toHaveLength(1)
  })

  test('an error of an outer middleware, after the commit, does not take the cookie away', async () => {
    const { app, browser, room } = open()
    const outer = new Hono().use(async (_, next) => {
      await next()
      throw new Error('Out of ink.')
    })
    app.get('/', (c) => {
      c.var.session.login('ann')
      return c.text('Hi')
    })
    outer.route('/', app)
    outer.onError(answerQuietly)
    const response = await visit(serverOf(outer.fetch), browser)
    expect(response.status).toBe(500)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('its cookie reader and ours see the same request', async () => {
    const { app, browser } = open()
    app.get('/', (c) => {
      c.var.session.set('views', 1)
      return c.text(Object.keys(getCookie(c)).join())
    })
    await visit(serverOf(app.fetch), browser)
    expect(await (await visit(serverOf(app.fetch), browser)).text()).toBe('__Host-Http-sid')
  })

  test('a page that is not found commits what was set on the way', async () => {
    for (const custom of [true, false]) {
      const { app, browser, room } = open()
      app.use(async (c, next) => {
        c.var.session.set('views', 1)
        await next()
      })
      if (custom) app.notFound((c) => c.text('No such coat', 404))
      const response = await visit(serverOf(app.fetch), browser, '/nowhere')
      expect(response.status).toBe(404)
      expect(await response.text()).toBe(custom ? 'No such coat' : '404 Not Found')
      expect(await room.store.liveIds()).toEqual([idOf(browser)])
    }
  })

  test('a page that is not found costs nothing where nobody looks at the session', async () => {
    const { app, browser, room } = open()
    const response = await visit(serverOf(app.fetch), browser, '/nowhere')
    expect(response.status).toBe(404)
    expect([...response.headers.keys()]).toEqual(['content-type'])
    expect(room.store.takeCalls()).toEqual([])
  })

  test('a 304 that its etag middleware makes carries no cookie, and the session keeps its id', async () => {
    const { app, browser, room } = open()
    app.use(etag()).get('/', (c) => {
      if (c.var.session.isNew) c.var.session.login('ann')
      else c.var.session.rotate()
      return c.text('Hi')
    })
    const first = await visit(serverOf(app.fetch), browser)
    const { cookie } = browser
    const headers = { 'If-None-Match': first.headers.get('ETag') ?? '' }
    const second = await visit(serverOf(app.fetch), browser, '/', { headers })
    expect(second.status).toBe(304)
    expect(second.headers.getSetCookie()).toEqual([])
    expect(second.headers.get('Cache-Control')).toBe('private')
    expect(browser.cookie).toBe(cookie)
    expect(room.events.at(-1)).toMatchObject({ type: 'withheld', change: 'rotate' })
  })

  test('HEAD of a GET route commits', async () => {
    const { app, browser, room } = open()
    app.get('/', (c) => {
      c.var.session.set('views', 1)
      return c.text('Hi')
    })
    const response = await visit(serverOf(app.fetch), browser, '/', { method: 'HEAD' })
    expect(await response.text()).toBe('')
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('its streaming helper streams, after the record is in the store', async () => {
    const { app, browser, room } = open()
    const go = Promise.withResolvers<void>()
    app.get('/', (c) => {
      c.var.session.set('views', 1)
      return stream(c, async (out) => {
        await out.write('one')
        await go.promise
        await out.write('two')
      })
    })
    const response = await visit(serverOf(app.fetch), browser)
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader.read()).value).toBe('one')
    go.resolve()
    expect((await reader.read()).value).toBe('two')
  })
})

describe('mounted twice', () => {
  const { sessions } = openCloakroom()
  const mounts: Record<string, (app: Hono, path: string) => void> = {
    session: (app, path) => app.use(path, session(sessions)),
    lazySession: (app, path) => app.use(path, lazySession(sessions)),
    'session of another manager': (app, path) => app.use(path, session(openCloakroom().sessions)),
  }
  const pairs = Object.keys(mounts).flatMap((outer) => Object.keys(mounts).map((inner) => ({ inner, outer })))

  test.for(pairs)('$inner within $outer is an error that says so', async ({ inner, outer }) => {
    const app = new Hono()
    mounts[outer]!(app, '*')
    mounts[inner]!(app, '/part/*')
    app.get('/part/page', (c) => c.text('Hi'))
    app.onError((error, c) => c.text(error.message, 500))
    const response = await app.request('/part/page')
    expect(response.status).toBe(500)
    expect(await response.text()).toMatch(/mounted twice/)
  })
})

describe('a manager made from the bindings', () => {
  interface Env {
    readonly SECRET: string
  }

  test.for(['session', 'lazySession'])('is made once for each env: %s', async (name) => {
    const made: Env[] = []
    const make = (env: Env) => {
      made.push(env)
      return createSessionManager({ secrets: [env.SECRET], store: memoryStore() })
    }
    const app = new Hono<{ Bindings: Env }>()
    if (name === 'session') app.use(session(make))
    else app.use(lazySession(make))
    app.get('/', (c) => c.text('Hi'))
    const [one, two] = [{ SECRET: secret }, { SECRET: secret }]
    for (const env of [one, one, two, one, two]) expect((await app.request('/', {}, env)).status).toBe(200)
    expect(made).toEqual([one, two])
    expect(made[0]).toBe(one)
  })
})

/** What Hono does by itself, but its own handler prints to the console. */
function answerQuietly(error: Error): Response {
  return error instanceof HTTPException ? error.getResponse() : new Response('Sorry', { status: 500 })
}
