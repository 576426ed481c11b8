import { pipeline, Readable } from 'node:stream'
import type { SessionData, SessionOptions } from 'express-session'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { dropIn, openPages, type Page } from './pages.ts'

afterEach(() => void vi.useRealTimers())

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

const look: Page = (req, res) => res.json(req.session)

type Done = (error?: unknown) => void

/** A store as simple as they come: it answers before it returns, and cannot touch. */
function simpleStore(session: Implementation, log: string[] = []) {
  const records = new Map<string, string>()
  class SimpleStore extends session.Store {
    readonly records = records
    override get(sid: string, done: (error: unknown, data?: SessionData | null) => void): void {
      log.push('get')
      done(null, JSON.parse(records.get(sid) ?? 'null'))
    }
    override set(sid: string, data: SessionData, done?: Done): void {
      log.push('set')
      records.set(sid, JSON.stringify(data))
      done?.()
    }
    override destroy(sid: string, done?: Done): void {
      log.push('destroy')
      records.delete(sid)
      done?.()
    }
  }
  return new SimpleStore()
}

describe.for(implementations)('saving under %s', ([, session]) => {
  test('by the page itself is not done again at the end', async () => {
    const save: Page = (req, res, next) => {
      req.session.views = 5
      req.session.save((error) => (error ? next(error) : res.end()))
    }
    const { visitor, watched } = await openPages(session, { '/': save }, { resave: true })
    await visitor.read()
    expect(watched.takeWrites()).toEqual(['set'])
    await visitor.read()
    expect(watched.takeWrites()).toEqual(['set', 'touch'])
  })

  test('by the page itself is done again for what was changed afterwards, also after a reload', async () => {
    const save: Page = (req, res) => {
      req.session.views = 5
      req.session.save(() =>
        req.session.reload(() => {
          if (req.query['change']) req.session.views = 6
          res.end()
        }),
      )
    }
    const { visitor, watched } = await openPages(session, { '/': save, '/look': look })
    await visitor.read()
    expect(watched.takeWrites()).toEqual(['set'])
    await visitor.read('/?change=1')
    expect(watched.takeWrites()).toEqual(['set', 'set'])
    expect(JSON.parse(await visitor.read('/look'))).toMatchObject({ views: 6 })
  })

  test('works over a store that answers at once and cannot touch', async () => {
    const store = simpleStore(session)
    const { visitor } = await openPages(session, { '/': count, '/look': look }, { store })
    expect(await visitor.read()).toBe('1')
    expect(await visitor.read()).toBe('2')
    expect(JSON.parse(await visitor.read('/look'))).toMatchObject({ views: 2 })
    expect(store.records.size).toBe(1)
  })

  test('happens for HEAD, and for a page that has not changed since', async () => {
    const page: Page = (req, res) => {
      req.session.views = (req.session.views ?? 0) + 1
      res.send('The same text.')
    }
    const { visitor, watched } = await openPages(session, { '/': page })
    const etag = (await visitor.visit('/', { method: 'HEAD' })).headers.get('etag')!
    expect(visitor.cookies.size).toBe(1)
    // Without Cache-Control fetch would ask for a fresh page.
    const headers = { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' }
    const response = await visitor.visit('/', { headers })
    expect(response.status).toBe(304)
    expect(watched.record()).toMatchObject({ views: 2 })
  })

  test('keeps what a page has changed before it threw', async () => {
    const page: Page = async (req) => {
      req.session.name = 'ann'
      await Promise.reject(new Error('Out of hangers.'))
    }
    const { visitor, watched } = await openPages(session, { '/': page })
    const response = await visitor.visit()
    expect([response.status, await response.text()]).toEqual([500, 'Out of hangers.'])
    expect(watched.record()).toMatchObject({ name: 'ann' })
    expect(visitor.cookies.size).toBe(1)
  })

  test('works for pages that are piped, with back-pressure', async () => {
    const parts = Array.from({ length: 64 }, (_, index) => `${index % 10}`.repeat(65_536))
    const page: Page = (req, res, next) => {
      req.session.name = 'ann'
      pipeline(Readable.from(parts), res, (error) => (error ? next(error) : undefined))
    }
    const { visitor, watched } = await openPages(session, { '/': page })
    // No matcher: it would print megabytes.
    expect((await visitor.read()) === parts.join('')).toBe(true)
    expect(watched.record()).toMatchObject({ name: 'ann' })
    expect(watched.takeWrites()).toEqual(['set'])
  })

  test('works for files that are sent', async () => {
    const page: Page = (req, res) => {
      req.session.name = 'ann'
      res.sendFile(import.meta.filename)
    }
    const { visitor, watched } = await openPages(session, { '/': page })
    expect(await visitor.read()).toContain('works for files that are sent')
    expect(watched.record()).toMatchObject({ name: 'ann' })
    const { status } = await visitor.visit('/', { headers: { Range: 'bytes=0-9' } })
    expect(status).toBe(206)
  })

  test('is done for a client that has hung up', async () => {
    const entered = Promise.withResolvers<void>()
    const page: Page = (req, res) => {
      entered.resolve()
      res.on('close', () => count(req, res, () => {}))
    }
    const { visitor, watched } = await openPages(session, { '/': count, '/slow': page })
    await visitor.read()
    const controller = new AbortController()
    const pending = visitor.visit('/slow', { signal: controller.signal })
    await entered.promise
    controller.abort()
    await expect(pending).rejects.toThrow('aborted')
    await vi.waitFor(() => expect(watched.record()).toMatchObject({ views: 2 }))
  })

  test('can be done by the page after the response was sent', async () => {
    const saved = Promise.withResolvers<unknown>()
    const page: Page = (req, res) => {
      res.on('finish', () => {
        req.session.views = 7
        req.session.save(saved.resolve)
      })
      res.end()
    }
    const { visitor, watched } = await openPages(session, { '/': count, '/late': page })
    await visitor.read()
    await visitor.read('/late')
    expect((await saved.promise) ?? null).toBeNull()
    expect(watched.record()).toMatchObject({ views: 7 })
  })

  test('an error when touching goes to the error handler', async () => {
    const { visitor, watched, errors } = await openPages(session, { '/': count, '/look': look })
    await visitor.read()
    watched.failures.touch = new Error('The store is down.')
    await visitor.visit('/look')
    await vi.waitFor(() => expect(errors).toEqual([watched.failures.touch]))
  })

  test.for([
    ['an object', { 'Set-Cookie': 'inside=1', 'X-Inside': 'yes' }, ['inside=1']],
    [
      'an object with a list',
      { 'Set-Cookie': ['inside=1', 'more=2'], 'X-Inside': 'yes' },
      ['inside=1', 'more=2'],
    ],
    ['a flat list', ['Set-Cookie', 'inside=1', 'X-Inside', 'yes'], ['inside=1']],
  ] as const)('leaves the cookies of the page, given to writeHead as %s', async ([, fields, expected]) => {
    const page: Page = (req, res) => {
      req.session.views = 1
      res.writeHead(201, 'Made', fields as never)
      res.end('made')
    }
    const { visitor } = await openPages(session, { '/': page })
    const response = await visitor.visit()
    expect([response.status, response.statusText, response.headers.get('x-inside')]).toEqual([
      201,
      'Made',
      'yes',
    ])
    expect(response.headers.getSetCookie()).toEqual([...expected, expect.stringMatching(/^connect\.sid=/)])
  })

  test('leaves the cookies that were set before, as a text and as a list', async () => {
    const page: Page = (req, res) => {
      req.session.views = 1
      if (req.query['list']) res.cookie('a', '1').cookie('b', '2').end()
      else res.setHeader('Set-Cookie', 'a=1').end()
    }
    const { origin } = await openPages(session, { '/': page })
    const ours = expect.stringMatching(/^connect\.sid=/)
    expect((await fetch(origin)).headers.getSetCookie()).toEqual(['a=1', ours])
    expect((await fetch(`${origin}?list=1`)).headers.getSetCookie()).toEqual([
      'a=1; Path=/',
      'b=2; Path=/',
      ours,
    ])
  })
})

describe('saving under the drop-in', () => {
  /** A store whose writes take their time. */
  function slowStore(log: string[]): Partial<SessionOptions> {
    const store = simpleStore(dropIn)
    const set = store.set.bind(store)
    store.set = (sid, data, done) => {
      setTimeout(() => {
        set(sid, data, () => {
          log.push('stored')
          done?.()
        })
      }, 100)
    }
    return { store }
  }

  // express-session sends the head first, and saves while it is on its way.
  test.for(['/redirect', '/write', '/flush', '/end'])(
    'is over before the client sees anything of %s',
    async (path) => {
      const log: string[] = []
      const ways: Record<string, Page> = {
        '/redirect': (_, res) => res.redirect('/'),
        '/write': (_, res) => [res.write('x'), res.end()],
        '/flush': (_, res) => [res.flushHeaders(), res.end()],
        '/end': (_, res) => res.end('x'),
      }
      const page: Page = (req, res, next) => {
        req.session.views = 1
        ways[path]!(req, res, next)
      }
      const { visitor } = await openPages(dropIn, { [path]: page }, slowStore(log))
      await visitor.visit(path)
      log.push('received')
      expect(log).toEqual(['stored', 'received'])
    },
  )

  // express-session has nothing in the store until the end.
  test('of a stream happens before its first byte, and at its end for what changed since', async () => {
    const goOn = Promise.withResolvers<void>()
    const page: Page = async (req, res) => {
      req.session.name = 'first'
      res.write('one')
      await goOn.promise
      if (req.query['change']) req.session.name = 'last'
      res.end('two')
    }
    const { visitor, watched } = await openPages(dropIn, { '/': page })
    const response = await visitor.visit('/?change=1')
    expect(watched.record()).toMatchObject({ name: 'first' })
    goOn.resolve()
    expect(await response.text()).toBe('onetwo')
    expect(watched.record()).toMatchObject({ name: 'last' })
    expect(watched.takeWrites()).toEqual(['set', 'set'])
    await visitor.read('/')
    expect(watched.takeWrites()).toEqual(['set'])
  })

  // express-session keeps a record that nobody has the cookie of.
  test('of a session first changed after the head has gone is left, with a warning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const page: Page = (req, res) => {
      res.write('one')
      count(req, { send: () => res.end() } as never, () => {})
    }
    const { visitor, watched } = await openPages(dropIn, { '/': page, '/count': count })
    await visitor.read()
    expect(watched.ids).toEqual([])
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/^coatcheck: .*after the head/)]])
    await visitor.read('/count')
    await visitor.read()
    expect(watched.record()).toMatchObject({ views: 2 })
    expect(warn).toHaveBeenCalledTimes(1)
    warn.mockRestore()
  })

  // express-session sends the page with status 200 and the cookie, and then reports the error.
  test.for(['set', 'destroy'] as const)(
    'that fails with an error of %s sends that error alone',
    async (method) => {
      const change: Page = (req, res) => {
        if (method === 'set') req.session.views = 7
        else Object.assign(req, { session: null })
        res.set('X-Page', 'yes').send('fine')
      }
      const pages = { '/': count, '/change': change }
      const { visitor, watched, errors } = await openPages(dropIn, pages, { unset: 'destroy' })
      await visitor.read()
      const failure = new Error('The store is down.')
      watched.failures[method] = failure
      const response = await visitor.visit('/change')
      expect([response.status, await response.text()]).toEqual([500, 'The store is down.'])
      expect(response.headers.getSetCookie()).toEqual([])
      delete watched.failures[method]
      expect(await visitor.read()).toBe('2')
      expect(errors).toEqual([failure])
    },
  )

  // express-session leaves the requests between the two events without any session.
  test('goes on when the store says that it is disconnected', async () => {
    const { visitor, watched } = await openPages(dropIn, { '/': count })
    watched.store.emit('disconnect')
    expect(await visitor.read()).toBe('1')
    expect(await visitor.read()).toBe('2')
    watched.failures.get = new Error('The store is down.')
    expect((await visitor.visit()).status).toBe(500)
  })

  // express-session stores the age that the session had left.
  test('by the page itself begins the life of the record anew', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2030, 0) })
    const expiries: unknown[] = []
    const page: Page = async (req, res) => {
      count(req, { send: () => {} } as never, () => {})
      await req.session.save()
      expiries.push(watched.record().cookie['expires'])
      res.end()
    }
    const { visitor, watched } = await openPages(dropIn, { '/': page }, { cookie: { maxAge: 60_000 } })
    await visitor.read()
    vi.setSystemTime(Date.UTC(2030, 0, 1, 0, 0, 30))
    await visitor.read()
    expect(expiries).toEqual(['2030-01-01T00:01:00.000Z', '2030-01-01T00:01:30.000Z'])
  })

  // express-session writes the whole session of the slower request over what the other did.
  test.for([
    ['a change', '/count', [{ name: 'slow', views: 2 }]],
    ['an end', '/end', []],
  ] as const)('of a slow request leaves %s that came in between', async ([, path, expected]) => {
    const entered = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const slow: Page = async (req, res) => {
      entered.resolve()
      await goOn.promise
      req.session.name = 'slow'
      res.end()
    }
    const end: Page = (req, res) => req.session.destroy(() => res.end())
    const pages = { '/count': count, '/slow': slow, '/end': end }
    const { visitor, watched } = await openPages(dropIn, pages, { rolling: true })
    await visitor.read('/count')
    const pending = visitor.copy().visit('/slow')
    await entered.promise
    await visitor.read(path)
    goOn.resolve()
    expect((await pending).headers.getSetCookie()).toHaveLength(expected.length)
    expect(watched.ids.map((id) => watched.record(id))).toMatchObject(expected)
  })
})
