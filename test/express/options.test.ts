import type { SessionOptions } from 'express-session'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { implementations } from './implementations.ts'
import { dropIn, openPages, secret, WatchedStore, type Page, type PageRequest } from './pages.ts'

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

const look: Page = (req, res) => res.json(req.session)

/** What is said to be deprecated from now on. */
function deprecations(): string[] {
  const said: string[] = []
  const note = ({ namespace, message }: Error & { namespace?: string }): void => {
    said.push(`${namespace}: ${message}`)
  }
  const events: NodeJS.EventEmitter = process
  events.on('deprecation', note)
  onTestFinished(() => void events.off('deprecation', note))
  return said
}

describe.for(implementations)('options of %s', ([, session]) => {
  const make = session as (options?: object) => unknown

  test.for([
    ['genid option must be a function', { genid: 'x' }],
    ['unset option must be "destroy" or "keep"', { unset: 'x' }],
    ['secret option array must contain one or more strings', { secret: [] }],
  ] as const)('are refused at once: %s', ([message, options]) => {
    expect(() => make({ resave: false, saveUninitialized: false, secret, ...options })).toThrow(message)
    expect(() => make({ resave: false, saveUninitialized: false, secret, ...options })).toThrow(TypeError)
  })

  test('without resave, saveUninitialized and secret are deprecated, with the old defaults', async () => {
    const said = deprecations()
    const { store } = new WatchedStore(session)
    const middleware = make({ store })
    expect(middleware).toBeTypeOf('function')
    expect(said).toEqual([
      'express-session: undefined resave option; provide resave option',
      'express-session: undefined saveUninitialized option; provide saveUninitialized option',
      'express-session: req.secret; provide secret option',
    ])
  })

  test('without resave and saveUninitialized save everything', async () => {
    deprecations()
    const options = { resave: undefined, saveUninitialized: undefined } as unknown as SessionOptions
    const { visitor, watched } = await openPages(session, { '/': look }, options)
    expect((await visitor.visit()).headers.getSetCookie()).toHaveLength(1)
    expect(watched.takeWrites()).toEqual(['set'])
    await visitor.read()
    expect(watched.takeWrites()).toEqual(['set'])
  })

  test.for([
    [{ name: 'coat' }, 'coat'],
    [{ key: 'coat' }, 'coat'],
    [{ name: 'coat', key: 'hat' }, 'coat'],
    [{ name: '' }, 'connect.sid'],
  ] as const)('%j names the cookie %s', async ([options, name]) => {
    const { visitor } = await openPages(session, { '/': count }, options as { name: string })
    await visitor.read()
    expect([...visitor.cookies.keys()]).toEqual([name])
    expect(await visitor.read()).toBe('2')
  })

  test('a secret may be bytes, and one of several', async () => {
    const { visitor, watched } = await openPages(session, { '/': count }, { secret: Buffer.from('old') })
    await visitor.read()
    const { store } = watched
    const { origin } = await openPages(session, { '/': count }, { secret: ['new', 'old'], store })
    expect(await visitor.copy(origin).read()).toBe('2')
  })

  test('cookie options may change while the application runs', async () => {
    const cookie = { maxAge: 60_000 }
    const { visitor } = await openPages(session, { '/': look }, { cookie, saveUninitialized: true })
    cookie.maxAge = 120_000
    // In express-session it may have lost a millisecond on the way.
    expect(JSON.parse(await visitor.read()).cookie.originalMaxAge).toBeGreaterThan(60_000)
  })

  test('the store in memory warns in production', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.stubEnv('NODE_ENV', 'production')
    onTestFinished(() => void vi.unstubAllEnvs())
    onTestFinished(() => warn.mockRestore())
    make({ secret, resave: false, saveUninitialized: false, store: undefined })
    // express-session has read NODE_ENV when it was loaded.
    const heard = warn.mock.calls.map(([text]) => String(text).split('\n')[0])
    const expected = session === dropIn ? ['Warning: connect.session() MemoryStore is not'] : []
    expect(heard).toEqual(expected)
  })
})

describe('options of the drop-in', () => {
  const withCompat = (compat: 1 | 2): Partial<SessionOptions> =>
    ({ compat, resave: undefined, saveUninitialized: undefined }) as unknown as SessionOptions

  test('compat 2 saves nothing that was not changed, without a warning', async () => {
    const said = deprecations()
    const { visitor, watched } = await openPages(dropIn, { '/': look, '/count': count }, withCompat(2))
    expect((await visitor.visit()).headers.getSetCookie()).toEqual([])
    expect(watched.takeWrites()).toEqual([])
    await visitor.read('/count')
    await visitor.read()
    expect(watched.takeWrites()).toEqual(['set', 'touch'])
    expect(said).toEqual([])
  })

  test('compat 2 wants a secret at once, and compat is 1 or 2', () => {
    const make = dropIn as (options: object) => unknown
    expect(() => make({ compat: 2 })).toThrow(/secret/)
    expect(() => make({ compat: 2, secret })).not.toThrow()
    expect(() => make({ compat: 3, secret })).toThrow(/compat/)
  })

  // express-session keeps quiet about it.
  test('secure cookies over plain http are missed aloud, once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    onTestFinished(() => warn.mockRestore())
    const { visitor } = await openPages(dropIn, { '/': count }, { cookie: { secure: true } })
    await visitor.read()
    await visitor.read()
    expect(warn.mock.calls).toEqual([[expect.stringContaining('cookie.secure')]])
  })
})

describe.for(implementations)('the store of %s', ([, session]) => {
  const all = (store: WatchedStore['store']): Promise<unknown> =>
    new Promise((resolve) => store.all((_, found) => resolve(found)))

  test('in memory lists, counts and clears what it has', async () => {
    const { visitor, watched } = await openPages(session, { '/': count })
    const { store } = watched
    await visitor.read()
    await visitor.copy().visit('/', { headers: { cookie: 'a=b' } })
    expect(Object.values((await all(store)) as object)).toMatchObject([{ views: 1 }, { views: 1 }])
    expect(await new Promise((resolve) => store.length((_, length) => resolve(length)))).toBe(2)
    await new Promise((resolve) => store.clear(resolve))
    expect(Object.keys((await all(store)) as object)).toEqual([])
    expect(await visitor.read()).toBe('1')
  })

  test('in memory forgets what has expired', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { visitor, watched } = await openPages(session, { '/': count }, { cookie: { maxAge: 1000 } })
    await visitor.read()
    vi.setSystemTime(Date.now() + 1001)
    expect(Object.keys((await all(watched.store)) as object)).toEqual([])
  })

  test('loads a session outside of any request', async () => {
    // express-session reads the clock twice for originalMaxAge, and may come out a millisecond short.
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { visitor, watched } = await openPages(session, { '/': count }, { cookie: { maxAge: 1000 } })
    await visitor.read()
    const load = (id: string): Promise<unknown> =>
      new Promise((resolve, reject) => {
        watched.store.load(id, (error, found) => (error ? reject(error) : resolve(found)))
      })
    const found = await load(watched.ids[0]!)
    expect(found).toBeInstanceOf(session.Session)
    expect(found).toMatchObject({ id: watched.ids[0], views: 1, cookie: { originalMaxAge: 1000 } })
    expect(await load('nobody')).toBeUndefined()
  })

  test('regenerates the session of a request', async () => {
    const page: Page = (req, res, next) => {
      req.sessionStore.regenerate(req as never, (error) => (error ? next(error) : count(req, res, next)))
    }
    const { visitor, watched } = await openPages(session, { '/': page })
    await visitor.read()
    const [before] = watched.ids
    expect(await visitor.read()).toBe('1')
    expect(watched.ids).toHaveLength(1)
    expect(watched.ids).not.toContain(before)
  })
})

test.for(implementations)(
  'a page under %s sees its data and the cookie, and nothing else',
  async ([, session]) => {
    const page: Page = (req, res) => {
      req.session.views = 1
      const keys: string[] = []
      for (const key in req.session) keys.push(key)
      res.json([
        keys,
        Object.keys(req.session),
        JSON.stringify(req.session.cookie),
        Object.is(req.sessionStore, watched.store),
      ])
    }
    const { visitor, watched } = await openPages(session, { '/': page })
    expect(JSON.parse(await visitor.read())).toEqual([
      ['cookie', 'views'],
      ['cookie', 'views'],
      '{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}',
      true,
    ])
  },
)

describe.for(implementations)('genid under %s', ([, session]) => {
  test.for([
    'a b;c,d="e"',
    '%00%',
    '../../etc',
    's:x.y',
    'a.b.',
    '\n\r\t',
    '😀é\u0000',
    '__proto__',
    'x'.repeat(900),
  ])('may make %j', async (id) => {
    const opened = await openPages(session, { '/': count }, { genid: () => id })
    expect(await opened.visitor.read()).toBe('1')
    expect(opened.watched.ids).toEqual([id])
    expect(await opened.visitor.read()).toBe('2')
  })

  test('gets the request', async () => {
    const genid = (req: unknown): string => `id of ${(req as PageRequest).path}`
    const { visitor, watched } = await openPages(session, { '/x': count }, { genid })
    await visitor.read('/x')
    expect(watched.ids).toEqual(['id of /x'])
  })

  const broken: Record<string, Partial<SessionOptions>> = {
    genid: {
      genid: () => {
        throw new Error('broken')
      },
    },
    'the cookie function': {
      cookie: () => {
        throw new Error('broken')
      },
    },
  }

  test.for(Object.entries(broken))('%s may throw: that is an error of the request', async ([, options]) => {
    const whole = await openPages(session, { '/': count })
    await whole.visitor.read()
    const opened = await openPages(session, { '/': count }, options)
    expect(await (await opened.visitor.visit()).text()).toBe('broken')
    // A cookie that names no record: now the store has been asked first.
    expect(await (await whole.visitor.copy(opened.origin).visit()).text()).toBe('broken')
  })
})

describe('genid under the drop-in', () => {
  // express-session goes on, and silently saves nothing.
  test.for([42, undefined, '', null, {}])('must not return %j', async (id) => {
    const whole = await openPages(dropIn, { '/': count })
    await whole.visitor.read()
    const { origin, visitor, errors } = await openPages(dropIn, { '/': count }, { genid: () => id as never })
    expect((await visitor.visit()).status).toBe(500)
    expect((await whole.visitor.copy(origin).visit()).status).toBe(500)
    expect(errors).toEqual([expect.any(TypeError), expect.any(TypeError)])
  })
})
