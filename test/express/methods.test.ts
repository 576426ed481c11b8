import { describe, expect, test } from 'vitest'
import { implementations } from './implementations.ts'
import { dropIn, openPages, type Page } from './pages.ts'

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

describe.for(implementations)('of the methods of a session of %s', ([, session]) => {
  test('reload takes what is stored in the place of what was changed', async () => {
    const page: Page = (req, res, next) => {
      const before = req.session
      before.views = 99
      before.reload((error) => {
        if (error) return next(error)
        res.json([req.session !== before, req.session.id === before.id, req.session.views])
      })
    }
    const { visitor } = await openPages(session, { '/': count, '/reload': page })
    await visitor.read()
    expect(await visitor.read('/reload')).toBe('[true,true,1]')
    expect(await visitor.read()).toBe('2')
  })

  test('reload of a record that has gone is an error, and of one that cannot be read', async () => {
    const messages: string[] = []
    const page: Page = (req, res) => {
      watched.store.clear()
      req.session.reload((gone) => {
        watched.failures.get = new Error('The store is down.')
        req.session.reload((down) => {
          messages.push(...[gone, down].map((error) => (error as Error).message))
          Reflect.deleteProperty(req, 'session')
          res.end()
        })
      })
    }
    const { visitor, watched } = await openPages(session, { '/': count, '/reload': page })
    await visitor.read()
    await visitor.read('/reload')
    expect(messages).toEqual(['failed to load session', 'The store is down.'])
  })

  test('regenerate gives a new, empty session under another id, also when the old one could not be destroyed', async () => {
    const page: Page = (req, res) => {
      const { id } = req.session
      req.session.regenerate((error) => {
        const { session: now } = req
        res.json([error instanceof Error, now.id === id, now.id === req.sessionID, now.views ?? null])
      })
    }
    const { visitor, watched } = await openPages(session, { '/': count, '/new': page })
    await visitor.read()
    const [before] = watched.ids
    expect(await visitor.read('/new')).toBe('[false,false,true,null]')
    expect(watched.ids).toHaveLength(1)
    expect(watched.ids).not.toContain(before)
    watched.failures.destroy = new Error('The store is down.')
    expect(await visitor.read('/new')).toBe('[true,false,true,null]')
    expect(await visitor.read()).toBe('1')
  })

  test('a failure of save is for the page to answer', async () => {
    const page: Page = (req, res) => {
      req.session.views = 7
      req.session.save((error) => res.status(503).send(error instanceof Error ? 'Come back later.' : 'saved'))
    }
    const { visitor, watched, errors } = await openPages(session, { '/': count, '/page': page })
    await visitor.read()
    watched.failures.set = new Error('The store is down.')
    const response = await visitor.visit('/page')
    expect([response.status, await response.text()]).toEqual([503, 'Come back later.'])
    expect(errors).toEqual([])
  })

  test.for([
    ['save', 'set'],
    ['reload', 'get'],
    ['destroy', 'destroy'],
  ] as const)(
    'a failure of %s that the page hands on comes to the error handler once',
    async ([method, call]) => {
      const failure = new Error('The store is down.')
      const page: Page = (req, res, next) => {
        req.session.views = 7
        watched.failures[call] = failure
        req.session[method]((error) => (error ? next(error) : res.send('done')))
      }
      const { visitor, watched, errors } = await openPages(session, { '/': count, '/page': page })
      await visitor.read()
      const response = await visitor.visit('/page')
      expect([response.status, await response.text()]).toEqual([500, 'The store is down.'])
      expect(errors).toEqual([failure])
    },
  )
})

describe('the methods of a session of the drop-in', () => {
  const methods = ['save', 'reload', 'regenerate', 'destroy'] as const

  // express-session has callbacks only, and fails without one for all but save.
  test.for(methods)('%s gives a promise, or calls back', async (method) => {
    const page: Page = async (req, res) => {
      const { session } = req
      const promise: unknown = session[method]()
      const result = await promise
      const next = req.session ?? session
      const called = await new Promise((resolve) => {
        if (method === 'destroy') resolve([])
        else next[method]((...args: unknown[]) => resolve(args))
      })
      res.json([promise instanceof Promise, result === undefined, called])
    }
    const { visitor } = await openPages(dropIn, { '/': count, '/page': page })
    await visitor.read()
    expect(await visitor.read('/page')).toBe('[true,true,[]]')
  })

  test.for([
    ['save', 'set'],
    ['reload', 'get'],
    ['regenerate', 'destroy'],
    ['destroy', 'destroy'],
  ] as const)('%s tells of a failure whoever asks, and nobody has to ask', async ([method, call]) => {
    const failure = new Error('The store is down.')
    const page: Page = async (req, res) => {
      watched.failures[call] = failure
      const { session } = req
      session.views = 2
      // Nobody looks at this one: that must not end the process.
      void session[method]()
      const byPromise: unknown = await session[method]().catch((error: unknown) => error)
      const byCallback = await new Promise((resolve) => session[method](resolve))
      delete watched.failures[call]
      res.json([byPromise === failure, byCallback === failure])
    }
    const { visitor, watched } = await openPages(dropIn, { '/': count, '/page': page })
    await visitor.read()
    expect(await visitor.read('/page')).toBe('[true,true]')
  })

  test('destroy takes the session off the request at once', async () => {
    const page: Page = async (req, res) => {
      const promise = req.session.destroy()
      const gone = req.session === undefined
      await promise
      res.json([gone, watched.ids.length])
    }
    const { visitor, watched } = await openPages(dropIn, { '/': count, '/page': page })
    await visitor.read()
    expect(await visitor.read('/page')).toBe('[true,0]')
  })

  // express-session throws in the callback of the store, and the process ends.
  test('reload tells of a record that cannot be made a session', async () => {
    const page: Page = async (req, res) => {
      watched.store.sessions[req.session.id] = '{"cookie":{"maxAge":"soon"}}'
      const byPromise: unknown = await req.session.reload().catch((error: unknown) => error)
      const byCallback = await new Promise((resolve) => req.session.reload(resolve))
      res.json([byPromise instanceof Error, byCallback instanceof Error])
    }
    const { visitor, watched } = await openPages(dropIn, { '/': count, '/page': page })
    await visitor.read()
    expect(await visitor.read('/page')).toBe('[true,true]')
  })
})
