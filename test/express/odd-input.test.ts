import { createServer } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import cookieParser from 'cookie-parser'
import express, { type Express } from 'express'
import type { SessionOptions } from 'express-session'
import { describe, expect, test } from 'vitest'
import { implementations } from './implementations.ts'
import { listen } from './listen.ts'
import { dropIn, openPages, secret, type Opened, type Page } from './pages.ts'
import { Visitor } from './visitor.ts'

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

/** The session in the cookie of a visitor who has been there once. */
async function visitedOnce({ visitor, watched }: Opened): Promise<{ value: string; id: string }> {
  await visitor.read()
  return { value: visitor.cookies.get('connect.sid')!, id: watched.ids[0]! }
}

const withCookie = (cookie: string): RequestInit => ({ headers: { cookie } })

/** Sends a request byte by byte, for what `fetch` would put in order. @returns The response as it came. */
async function send(origin: string, lines: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  socket.end([...lines, 'Connection: close', '', ''].join('\r\n'))
  return text(socket)
}

describe.for(implementations)('what clients send to %s: cookies', ([, session]) => {
  test.for([
    'connect.sid=',
    'connect.sid=%',
    'connect.sid=%E0%A4%A',
    'connect.sid=s%3A',
    'connect.sid=s%3A.',
    'connect.sid=s%3Aabc',
    'connect.sid=s%3Aabc.%%%',
    'connect.sid=s:abc.def; connect.sid; =; ;;;',
    'connect.sid="s%3Aabc.def"',
    'connect.sid=j:{"a":1}',
    '__proto__=1; constructor=2; connect.sid=\xff\xfe',
    '%; =%; connect.sid%3D=1',
  ])('%j leads to a new session, and the store is not asked', async (cookie) => {
    const { visitor, watched } = await openPages(session, { '/': count })
    watched.failures.get = new Error('asked')
    const response = await visitor.visit('/', withCookie(cookie))
    expect(await response.text()).toBe('1')
    expect(response.headers.getSetCookie()).toHaveLength(1)
    delete watched.failures.get
    expect(await visitor.read()).toBe('2')
  })

  test('an id without signature, or with that of another secret, is not adopted', async () => {
    const opened = await openPages(session, { '/': count })
    const { id, value } = await visitedOnce(opened)
    const other = await openPages(session, { '/': count }, { secret: 'other', store: opened.watched.store })
    for (const forged of [id, `s%3A${id}`, `s%3A${id}.`, value.slice(0, -2), `${value}A`]) {
      const response = await opened.visitor.copy().visit('/', withCookie(`connect.sid=${forged}`))
      expect(await response.text()).toBe('1')
    }
    expect(await opened.visitor.copy(other.origin).read()).toBe('1')
    expect(await opened.visitor.read()).toBe('2')
  })

  test('an id that the store does not know is not adopted', async () => {
    const opened = await openPages(session, { '/': count })
    const { id } = await visitedOnce(opened)
    opened.watched.store.clear()
    expect(await opened.visitor.read()).toBe('1')
    expect(opened.watched.ids).not.toContain(id)
    expect(await opened.visitor.read()).toBe('2')
  })

  test('cookies of 15 KiB beside ours do no harm', async () => {
    const opened = await openPages(session, { '/': count })
    const { value } = await visitedOnce(opened)
    const cookie = `junk=${'x'.repeat(15_000)}; connect.sid=${value}`
    expect(await opened.visitor.read('/', withCookie(cookie))).toBe('2')
  })

  test('a server that takes longer headers finds the session behind 100 KiB of cookies', async () => {
    const opened = await openPages(session, { '/': count })
    const { value } = await visitedOnce(opened)
    const visitor = new Visitor(await listen(createServer({ maxHeaderSize: 500_000 }, opened.app)))
    const junk = Array.from({ length: 25 }, (_, index) => `c${index}=${'x'.repeat(4000)}`).join('; ')
    expect(await visitor.read('/', withCookie(`${junk}; connect.sid=${value}`))).toBe('2')
    expect(await visitor.read('/', withCookie(`connect.sid=s%3A${'x'.repeat(100_000)}.abc`))).toBe('1')
  })

  test('of two cookies with sessions the first counts', async () => {
    const opened = await openPages(session, { '/': count })
    const { value: first } = await visitedOnce(opened)
    const { value: second } = await visitedOnce({ ...opened, visitor: new Visitor(opened.origin) })
    const both = `connect.sid=${first}; connect.sid=${second}`
    expect(await opened.visitor.read('/', withCookie(both))).toBe('2')
    expect(await opened.visitor.read('/', withCookie(`connect.sid=${second}`))).toBe('2')
    expect(await opened.visitor.read('/', withCookie(`connect.sid=${first}; connect.sid=bogus`))).toBe('3')
  })

  test('a session signed with an older secret goes on', async () => {
    const opened = await openPages(session, { '/': count }, { secret: 'old' })
    await opened.visitor.read()
    const options = { secret: ['new', 'old'], store: opened.watched.store }
    const { origin } = await openPages(session, { '/': count }, options)
    expect(await opened.visitor.copy(origin).read()).toBe('2')
  })
})

describe('what clients send to the drop-in: cookies', () => {
  // express-session looks at the first cookie of the name only.
  test('a bogus cookie does not hide the valid one behind it', async () => {
    const opened = await openPages(dropIn, { '/': count })
    const { value } = await visitedOnce(opened)
    const gone = await openPages(dropIn, { '/': count })
    const { value: unknown } = await visitedOnce(gone)
    const cookie = `connect.sid=%; connect.sid=s%3Ax.y; connect.sid=${unknown}; connect.sid=${value}`
    const response = await opened.visitor.visit('/', withCookie(cookie))
    expect(await response.text()).toBe('2')
    expect(response.headers.getSetCookie()).toEqual([])
  })

  // express-session accepts old signatures for ever and never renews them.
  test('a cookie signed with an older secret is signed anew, once', async () => {
    const opened = await openPages(dropIn, { '/': count, '/look': (_, res) => res.end() }, { secret: 'old' })
    await opened.visitor.read()
    const pages = { '/': count, '/look': ((_, res) => res.end()) satisfies Page }
    const { store } = opened.watched
    const both = await openPages(dropIn, pages, { secret: ['new', 'old'], store })
    const visitor = opened.visitor.copy(both.origin)
    expect((await visitor.visit('/look')).headers.getSetCookie()).toHaveLength(1)
    expect((await visitor.visit('/look')).headers.getSetCookie()).toEqual([])
    const { origin } = await openPages(dropIn, pages, { secret: 'new', store })
    expect(await visitor.copy(origin).read()).toBe('2')
    expect(await opened.visitor.copy(origin).read()).toBe('1')
  })
})

describe.for(implementations)('what clients send to %s: proxies', ([, session]) => {
  const https = 'https'
  type Row = readonly [proxy: boolean | undefined, trust: boolean, forwarded: string | null, secure: boolean]
  const rows: readonly Row[] = [
    [undefined, false, null, false],
    [undefined, false, https, false],
    [undefined, true, https, true],
    [undefined, true, null, false],
    [undefined, true, 'http', false],
    [false, false, https, false],
    [false, true, https, false],
    [true, false, null, false],
    [true, false, https, true],
    [true, false, 'HTTPS , http', true],
    [true, false, 'http, https', false],
    [true, true, 'httpsx', false],
    [true, false, '', false],
  ]

  test.for(rows)('proxy %s, trust proxy %s, X-Forwarded-Proto %j: secure is %s', async (row) => {
    const [proxy, trust, forwarded, secure] = row
    const headers: Record<string, string> = forwarded === null ? {} : { 'X-Forwarded-Proto': forwarded }
    const trusting = (app: Express): unknown => app.set('trust proxy', trust)
    const answer = async (option: boolean | 'auto'): Promise<string | undefined> => {
      const options: Partial<SessionOptions> = { cookie: { secure: option } }
      if (proxy !== undefined) options.proxy = proxy
      const { visitor } = await openPages(session, { '/': count }, options, trusting)
      const response = await visitor.visit('/', { headers })
      expect(await response.text()).toBe('1')
      return response.headers.getSetCookie()[0]
    }
    if (secure) expect(await answer(true)).toMatch(/; Secure/)
    else expect(await answer(true)).toBeUndefined()
    expect(/; Secure/.test((await answer('auto'))!)).toBe(secure)
  })
})

describe.for(implementations)('what clients send to %s: targets', ([, session]) => {
  const look: Page = (req, res) => res.send(req.session === undefined ? 'none' : 'session')
  const scope = { cookie: { path: '/admin' } }

  test.for([
    ['/admin', 'session'],
    ['/admin/', 'session'],
    ['/admin/x/y', 'session'],
    ['/admin?x=/', 'session'],
    ['/', 'none'],
    ['/adm', 'none'],
    ['/x/admin', 'none'],
    ['/?/admin', 'none'],
    ['/Admin', 'none'],
  ] as const)('a cookie for /admin: %s has %s', async ([path, found]) => {
    const { visitor } = await openPages(session, { '/{*any}': look }, scope)
    expect(await visitor.read(path)).toBe(found)
  })

  test.for([
    ['GET http://example.org/admin/x HTTP/1.1', 'session'],
    ['GET HTTP://example.org:80/admin?x HTTP/1.1', 'session'],
    ['GET http://example.org/other HTTP/1.1', 'none'],
    ['GET http://example.org HTTP/1.1', 'none'],
    ['GET http://admin/ HTTP/1.1', 'none'],
    ['OPTIONS * HTTP/1.1', 'none'],
  ] as const)('a cookie for /admin: %s has %s', async ([line, found]) => {
    const { origin } = await openPages(session, {}, scope, (app) => {
      // Routes do not know each of these targets.
      app.use((req, res, next) => {
        session({ secret, resave: false, saveUninitialized: false, ...scope })(req, res, (error) =>
          error ? next(error) : look(req as never, res, next),
        )
      })
    })
    expect(await send(origin, [line, 'Host: example.org'])).toMatch(new RegExp(`\\r\\n\\r\\n${found}$`))
  })

  test('an application that is mounted, with the cookie for its place', async () => {
    const inner = express()
    const opened = await openPages(session, {}, { cookie: { path: '/nowhere' } }, (app) => {
      inner.use(session({ secret, resave: false, saveUninitialized: false, ...scope }))
      inner.get('/{*any}', count as never)
      app.use('/admin', inner)
    })
    const { visitor } = opened
    const response = await visitor.visit('/admin/x')
    expect(response.headers.getSetCookie()[0]).toMatch(/; Path=\/admin;/)
    expect(await visitor.read('/admin')).toBe('2')
    expect((await visitor.visit('/')).status).toBe(404)
  })

  test.for(['', '/', '//example.org/x', '/%', '/%2e%2e/', '?x=1'])(
    'a target %j, without Express',
    async (url) => {
      const middleware = session({ secret, resave: false, saveUninitialized: true })
      const origin = await listen((req, res) => {
        req.url = url
        middleware(req as never, res as never, (error) =>
          res.end(error ? 'error' : typeof (req as never)['session']),
        )
      })
      expect(await new Visitor(origin).read()).toBe('object')
    },
  )
})

describe('what clients send to the drop-in: targets', () => {
  // express-session compares beginnings: there a cookie for /admin is also sent with /administrator.
  test('a cookie for /admin has no session at /administrator', async () => {
    const look: Page = (req, res) => res.send(req.session === undefined ? 'none' : 'session')
    const { visitor } = await openPages(dropIn, { '/{*any}': look }, { cookie: { path: '/admin' } })
    expect(await visitor.read('/administrator')).toBe('none')
    expect(await visitor.read('/admin-x')).toBe('none')
    expect(await visitor.read('/admin.html')).toBe('none')
  })
})

describe.for(implementations)('what cookie-parser hands to %s', ([, session]) => {
  const lost = (parser: ReturnType<typeof cookieParser>) => (app: Express) =>
    app.use(parser, (req, _, next) => {
      delete req.headers.cookie
      next()
    })

  test.for([
    ['signed cookies', cookieParser(secret)],
    ['plain cookies', cookieParser()],
  ] as const)('is taken from its %s when the header has gone', async ([, parser]) => {
    const { visitor } = await openPages(session, { '/': count }, {}, lost(parser))
    expect(await visitor.read()).toBe('1')
    expect(await visitor.read()).toBe('2')
    const forged = withCookie('connect.sid=s%3Aabc.def')
    expect(await visitor.read('/', forged)).toBe('1')
  })

  test('is taken when it was signed with the secret of cookie-parser', async () => {
    const other = await openPages(session, { '/': count }, { secret: 'other' })
    await other.visitor.read()
    const { store } = other.watched
    const { origin } = await openPages(session, { '/': count }, { store }, (app) =>
      app.use(cookieParser('other')),
    )
    expect(await other.visitor.copy(origin).read()).toBe('2')
  })

  test('is its secret, where there is no other', async () => {
    const options = { secret: undefined as never }
    const { visitor } = await openPages(session, { '/': count }, options, (app) =>
      app.use(cookieParser('it')),
    )
    expect(await visitor.read()).toBe('1')
    expect(await visitor.read()).toBe('2')
    const none = await openPages(session, { '/': count }, options)
    expect(await (await none.visitor.visit()).text()).toBe('secret option required for sessions')
  })
})

// express-session has no such option.
test('the drop-in with compat 2 takes nothing from cookie-parser', async () => {
  const options = { compat: 2 } as Partial<SessionOptions>
  const { visitor } = await openPages(dropIn, { '/': count }, options, (app) =>
    app.use(cookieParser(secret), (req, _, next) => {
      delete req.headers.cookie
      next()
    }),
  )
  expect(await visitor.read()).toBe('1')
  expect(await visitor.read()).toBe('1')
})
