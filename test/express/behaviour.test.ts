import type { CookieOptions, SessionOptions } from 'express-session'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { dropIn, openPages, type Opened, type Page } from './pages.ts'

const [[, expressSession]] = implementations as unknown as [[string, Implementation]]

const second = 1000
const minute = 60 * second

/** Only dates stand still: servers need their timers. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2030, 0) }))
afterEach(() => void vi.useRealTimers())

const wait = (milliseconds: number): unknown => vi.setSystemTime(Date.now() + milliseconds)

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

const pages: Record<string, Page> = {
  '/count': count,
  '/look': (req, res) => res.json(req.session),
  '/same': (req, res) => {
    req.session.name = 'ann'
    res.end()
  },
  '/longer': (req, res) => {
    req.session.cookie.maxAge = 9 * minute
    res.end()
  },
  '/save': (req, res, next) => {
    req.session.views = 10
    req.session.save((error) => (error ? next(error) : res.end()))
  },
  '/save-then-change': (req, res, next) => {
    req.session.views = 20
    req.session.save((error) => {
      req.session.views = 21
      return error ? next(error) : res.end()
    })
  },
  '/save-untouched': (req, res) => req.session.save(() => res.end()),
  '/reload': (req, res, next) => req.session.reload((error) => (error ? next(error) : res.end())),
  '/reload-then-change': (req, res) =>
    req.session.reload(() => {
      req.session.name = `ben ${req.session.views}`
      res.end()
    }),
  '/regenerate': (req, res) => req.session.regenerate(() => res.end()),
  '/regenerate-then-change': (req, res) =>
    req.session.regenerate(() => {
      req.session.name = 'cat'
      res.end()
    }),
  '/nested': (req, res) => {
    req.session['coat'] = { cookie: req.session.views }
    res.end()
  },
  '/touch': (req, res) => {
    req.session.touch().resetMaxAge()
    res.end()
  },
  '/leave': (req, res) => {
    Reflect.deleteProperty(req, 'session')
    res.end()
  },
}

/** What one request did: to the store, and to the browser. */
async function stepOf({ visitor, watched }: Opened, path: string): Promise<unknown> {
  const response = await visitor.visit(path)
  return {
    path,
    status: response.status,
    writes: watched.takeWrites(),
    cookies: response.headers.getSetCookie().map((field) => field.replace(/=[^;]*/, '=…')),
    records: watched.ids.map((id) => watched.record(id)),
  }
}

/** A visitor's walk through all pages, with ten seconds between them; each page twice, from the second round known. */
async function walk(session: Implementation, options: Partial<SessionOptions>): Promise<unknown[]> {
  vi.setSystemTime(Date.UTC(2030, 0))
  const steps: unknown[] = []
  const opened = await openPages(session, pages, options)
  for (const path of ['/look', '/look', ...Object.keys(pages), ...Object.keys(pages)]) {
    steps.push(await stepOf(opened, path))
    wait(10 * second)
  }
  // Each page once more, for somebody who has never been there.
  for (const path of Object.keys(pages)) {
    steps.push(await stepOf(await openPages(session, pages, options), path))
  }
  return steps
}

describe('the drop-in writes and sets cookies when express-session does', () => {
  const switches = [false, true]
  const combinations = switches.flatMap((resave) =>
    switches.flatMap((saveUninitialized) =>
      switches.flatMap((rolling) =>
        [null, minute].map((maxAge) => ({ resave, saveUninitialized, rolling, maxAge })),
      ),
    ),
  )

  test.for(combinations)('with %j', async ({ maxAge, ...options }) => {
    const cookie = maxAge === null ? {} : { maxAge }
    const given = { ...options, cookie }
    expect(await walk(dropIn, given)).toEqual(await walk(expressSession, given))
  })

  test('with expires, domain, and all attributes', async () => {
    const expires = new Date(Date.UTC(2030, 1))
    const attributes = {
      expires,
      domain: '127.0.0.1',
      httpOnly: false,
      sameSite: 'strict',
      priority: 'high',
      partitioned: true,
      path: '/',
    } as const
    const given = { cookie: attributes, rolling: true }
    expect(await walk(dropIn, given)).toEqual(await walk(expressSession, given))
  })
})

describe.for(implementations)('the cookie of %s', ([, session]) => {
  const open = (cookie: CookieOptions, options: Partial<SessionOptions> = {}): Promise<Opened> =>
    openPages(session, pages, { cookie, ...options })

  test('without an age is sent once, and lasts as long as the browser', async () => {
    const { visitor } = await open({})
    const first = (await visitor.visit('/count')).headers.getSetCookie()
    expect(first).toEqual([
      expect.stringMatching(/^connect\.sid=s%3A[\w-]{32}\.[^;]{43,}; Path=\/; HttpOnly$/),
    ])
    for (const views of ['2', '3']) {
      const response = await visitor.visit('/count')
      expect(await response.text()).toBe(views)
      expect(response.headers.getSetCookie()).toEqual([])
    }
  })

  test('with an age lives on by each change, but by mere visits only in the store', async () => {
    const { visitor, watched } = await open({ maxAge: minute })
    const [first] = (await visitor.visit('/count')).headers.getSetCookie()
    expect(first).toMatch(/Expires=Tue, 01 Jan 2030 00:01:00 GMT/)
    wait(30 * second)
    expect((await visitor.visit('/look')).headers.getSetCookie()).toEqual([])
    expect(watched.record().cookie).toMatchObject({
      expires: '2030-01-01T00:01:30.000Z',
      originalMaxAge: minute,
    })
    const [second_] = (await visitor.visit('/count')).headers.getSetCookie()
    expect(second_).toMatch(/Expires=Tue, 01 Jan 2030 00:01:30 GMT/)
  })

  test('keeps its original age over many requests', async () => {
    const { visitor, watched } = await open({ maxAge: minute }, { rolling: true })
    for (let round = 0; round < 5; round += 1) {
      await visitor.read(round % 2 === 0 ? '/count' : '/look')
      expect(watched.record().cookie['originalMaxAge']).toBe(minute)
      wait(40 * second)
    }
    expect(await visitor.read('/count')).toBe('4')
    wait(minute + 1)
    expect(await visitor.read('/count')).toBe('1')
  })

  test('tells pages how long it has yet to live', async () => {
    const ages: unknown[] = []
    const page: Page = (req, res) => {
      const { cookie } = req.session
      ages.push([cookie.maxAge, cookie.originalMaxAge, cookie.expires?.toISOString()])
      count(req, res, () => {})
    }
    const { visitor } = await openPages(session, { '/': page }, { cookie: { maxAge: minute } })
    await visitor.read()
    wait(20 * second)
    await visitor.read()
    expect(ages).toEqual([
      [minute, minute, '2030-01-01T00:01:00.000Z'],
      [40 * second, minute, '2030-01-01T00:01:00.000Z'],
    ])
  })

  test('is not sent when only its age was changed, but the store learns of it', async () => {
    const { visitor, watched } = await open({ maxAge: minute })
    await visitor.read('/count')
    watched.takeWrites()
    expect((await visitor.visit('/longer')).headers.getSetCookie()).toEqual([])
    expect(watched.takeWrites()).toEqual(['touch'])
    expect(watched.record().cookie).toMatchObject({ originalMaxAge: 9 * minute })
    wait(5 * minute)
    expect(watched.record().cookie['expires']).toBe('2030-01-01T00:09:00.000Z')
  })

  test.for([
    ['expires', (date: Date) => ({ expires: date }), 2 * minute],
    ['maxAge', () => ({ maxAge: 2 * minute }), 2 * minute],
    ['no expires', () => ({ expires: null }), null],
    ['no maxAge', () => ({ maxAge: null }), null],
  ] as const)('can be changed by a page: %s', async ([, change, age]) => {
    const page: Page = (req, res) => {
      Object.assign(req.session.cookie, change(new Date(Date.now() + 2 * minute)))
      count(req, res, () => {})
    }
    const { visitor, watched } = await openPages(
      session,
      { '/': page, '/count': count },
      { cookie: { maxAge: minute } },
    )
    await visitor.read('/')
    expect(watched.record().cookie['originalMaxAge']).toBe(age)
    const response = await visitor.visit('/count')
    const expected = age === null ? [] : [expect.stringContaining('Expires=Tue, 01 Jan 2030 00:02:00 GMT')]
    expect(response.headers.getSetCookie()).toEqual(expected)
  })

  test('has attributes that a function chose for the request', async () => {
    const { visitor } = await openPages(session, pages, {
      cookie: (req) => ({
        maxAge: req.url === '/count' ? minute : 2 * minute,
        sameSite: 'strict',
        path: '/',
      }),
    })
    const [first] = (await visitor.visit('/count')).headers.getSetCookie()
    expect(first).toMatch(/Expires=Tue, 01 Jan 2030 00:01:00 GMT; HttpOnly; SameSite=Strict$/)
    const [other] = (
      await visitor.copy().visit('/same', { headers: { cookie: 'a=b' } })
    ).headers.getSetCookie()
    expect(other).toMatch(/Expires=Tue, 01 Jan 2030 00:02:00 GMT/)
  })

  test('has the path that a function chose, and no session elsewhere', async () => {
    const look: Page = (req, res) => res.send(req.session === undefined ? 'none' : 'session')
    const { visitor } = await openPages(
      session,
      { '/{*any}': look },
      {
        cookie: ({ url }) => ({ path: url.startsWith('/b') ? '/a' : '/' }),
      },
    )
    expect(await visitor.read('/b')).toBe('none')
    expect(await visitor.read('/c')).toBe('session')
  })

  test.for(['auto', true] as const)(
    'of an object follows the connection with sameSite and secure auto',
    async (proxy) => {
      const cookie = { secure: 'auto', sameSite: 'auto' } as unknown as CookieOptions
      const { visitor } = await open(cookie, { proxy: true })
      const headers: Record<string, string> = proxy === true ? { 'X-Forwarded-Proto': 'https' } : {}
      const [field] = (await visitor.visit('/count', { headers })).headers.getSetCookie()
      const expected = proxy === true ? /HttpOnly; Secure; SameSite=None$/ : /HttpOnly; SameSite=Lax$/
      expect(field).toMatch(expected)
    },
  )
})

describe('the cookie of the drop-in', () => {
  // express-session reads `auto` off the function: secure is always set then, and sameSite throws in the response.
  test('of a function follows the connection with sameSite and secure auto', async () => {
    const cookie = () => ({ secure: 'auto', sameSite: 'auto' }) as unknown as CookieOptions
    const { visitor } = await openPages(dropIn, pages, { cookie, proxy: true })
    const [plain] = (await visitor.visit('/count')).headers.getSetCookie()
    expect(plain).toMatch(/HttpOnly; SameSite=Lax$/)
    const headers = { 'X-Forwarded-Proto': 'https', Cookie: 'a=b' }
    const [secure] = (await visitor.visit('/count', { headers })).headers.getSetCookie()
    expect(secure).toMatch(/HttpOnly; Secure; SameSite=None$/)
  })

  // express-session leaves `generate` of the last one at the store: the first gives out cookies of the second.
  test('is that of its own application when two share a store', async () => {
    const { app, visitor, watched } = await openPages(dropIn, {}, { cookie: { path: '/nowhere' } })
    let made = 0
    const regenerate: Page = (req, res) => req.session.regenerate(() => count(req, res, () => {}))
    for (const name of ['a', 'b']) {
      const path = `/${name}`
      app.use(
        path,
        dropIn({
          secret: name,
          name,
          genid: () => `${name}${(made += 1)}`,
          resave: false,
          saveUninitialized: false,
          store: watched.store,
          cookie: { path, sameSite: name === 'a' ? 'lax' : 'strict' },
        }),
      )
      app.get(path, count as never)
      app.get(`${path}/regenerate`, regenerate as never)
    }
    for (const place of ['/a', '/a/regenerate']) {
      const [field] = (await visitor.visit(place)).headers.getSetCookie()
      expect(field).toMatch(/^a=s%3Aa[12]\..*; Path=\/a; HttpOnly; SameSite=Lax$/)
    }
    const [field] = (await visitor.visit('/b')).headers.getSetCookie()
    expect(field).toMatch(/^b=s%3Ab3\..*; Path=\/b; HttpOnly; SameSite=Strict$/)
  })

  // express-session leaves the cookie of an ended session in the browser.
  test('is taken away with the session, with its own path and domain', async () => {
    const destroy: Page = (req, res) => req.session.destroy(() => res.end())
    const cookie = { path: '/', domain: '127.0.0.1', maxAge: minute }
    const { visitor } = await openPages(dropIn, { ...pages, '/destroy': destroy }, { cookie })
    expect((await visitor.visit('/destroy')).headers.getSetCookie()).toEqual([])
    await visitor.read('/count')
    const [field] = (await visitor.visit('/destroy')).headers.getSetCookie()
    expect(field).toBe(
      'connect.sid=; Domain=127.0.0.1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly',
    )
    expect(visitor.cookies.size).toBe(0)
  })
})
