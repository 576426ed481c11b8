import { describe, expect, test } from 'vitest'
import { implementations } from './implementations.ts'
import { dropIn, openPages, type Opened, type Page } from './pages.ts'

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

const look: Page = (req, res) => res.json(req.session)

/** Puts something in the place of the only record, and keeps the cookie. */
async function replaceRecord({ visitor, watched }: Opened, text: string): Promise<string> {
  await visitor.read()
  const id = watched.ids[0]!
  watched.store.sessions[id] = text
  return id
}

const circular = (): unknown => {
  const value: Record<string, unknown> = {}
  value['self'] = value
  return value
}

describe.for(implementations)('records under %s', ([, session]) => {
  test('a record that cannot be read is an error of that request', async () => {
    const opened = await openPages(session, { '/': count })
    await replaceRecord(opened, '{"cookie":')
    const response = await opened.visitor.visit()
    expect(response.status).toBe(500)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(opened.errors).toEqual([expect.any(SyntaxError)])
    expect(await opened.visitor.copy().visit('/', { headers: { cookie: 'a=b' } })).toMatchObject({
      status: 200,
    })
  })

  test('an error of the store goes to the error handler, with no session', async () => {
    const opened = await openPages(session, { '/': count })
    await opened.visitor.read()
    opened.watched.failures.get = new Error('The store is down.')
    expect(await (await opened.visitor.visit()).text()).toBe('The store is down.')
    opened.watched.failures.get = Object.assign(new Error('No such file.'), { code: 'ENOENT' })
    expect(await opened.visitor.read()).toBe('1')
  })

  test('keys of a record that are names of the session itself are ignored', async () => {
    const page: Page = (req, res) => {
      const { constructor, id, name, req: own, save } = req.session
      req.session.views = 1
      res.json({
        name,
        id: id === req.sessionID,
        own: own === req,
        kinds: [typeof save, typeof constructor, typeof req.session.touch],
        polluted: 'polluted' in req.session || 'polluted' in {},
      })
    }
    const opened = await openPages(session, { '/': count, '/page': page })
    const evil = '"save":"x","constructor":"x","id":"x","req":"x","touch":1,"__proto__":{"polluted":true}'
    await replaceRecord(opened, `{"cookie":{"originalMaxAge":null,"expires":null},${evil},"name":"ann"}`)
    expect(JSON.parse(await opened.visitor.read('/page'))).toEqual({
      name: 'ann',
      id: true,
      own: true,
      kinds: ['function', 'function', 'function'],
      polluted: false,
    })
    expect(opened.watched.record()).toMatchObject({ name: 'ann', views: 1 })
  })
})

describe('records under the drop-in', () => {
  // express-session fails with each request of that client: it reads `cookie.expires` of nothing.
  test.for(['{"name":"ann"}', '{"cookie":null}', '{"cookie":"x"}', '"text"', '[]', '7'])(
    'where %s stands for a session, the client starts afresh',
    async (text) => {
      const opened = await openPages(dropIn, { '/': count })
      const id = await replaceRecord(opened, text)
      const response = await opened.visitor.visit()
      expect(await response.text()).toBe('1')
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(opened.watched.ids).not.toEqual([id])
      expect(await opened.visitor.read()).toBe('2')
    },
  )

  // express-session looks at one cookie only.
  test('a record that cannot be read, behind another cookie, ends that request and not the process', async () => {
    const opened = await openPages(dropIn, { '/': count })
    await replaceRecord(opened, '{"cookie":')
    const other = await openPages(dropIn, { '/': count })
    await other.visitor.read()
    const [unknown, corrupt] = [other, opened].map(({ visitor }) => visitor.cookies.get('connect.sid'))
    const cookie = `connect.sid=${unknown}; connect.sid=${corrupt}`
    expect(await opened.visitor.visit('/', { headers: { cookie } })).toMatchObject({ status: 500 })
    expect(opened.errors).toEqual([expect.any(SyntaxError)])
  })
})

describe.for(implementations)('data under %s', ([, session]) => {
  test('is kept as JSON keeps it', async () => {
    const page: Page = (req, res) => {
      Object.assign(req.session, {
        at: new Date(0),
        map: new Map([[1, 2]]),
        none: undefined,
        act: () => {},
        sign: Symbol('x'),
        not: NaN,
        list: [undefined, 1],
        nested: { cookie: 1, toJSON: undefined },
        custom: { toJSON: () => 'text' },
      })
      res.end()
    }
    const { visitor, watched } = await openPages(session, { '/': page, '/look': look })
    await visitor.read()
    const { cookie: _, ...data } = watched.record()
    const expected = {
      at: '1970-01-01T00:00:00.000Z',
      map: {},
      not: null,
      list: [null, 1],
      nested: { cookie: 1 },
      custom: 'text',
    }
    expect(data).toEqual(expected)
    expect(JSON.parse(await visitor.read('/look'))).toMatchObject(expected)
  })

  test('of 5 MB is kept', async () => {
    const page: Page = (req, res) => {
      req.session.name = 'x'.repeat(5_000_000)
      res.end()
    }
    const size: Page = (req, res) => res.send(`${req.session.name?.length}`)
    const { visitor } = await openPages(session, { '/': page, '/size': size })
    await visitor.read()
    expect(await visitor.read('/size')).toBe('5000000')
  })

  test('under names that every object has is kept for nobody, and harms nobody', async () => {
    const page: Page = (req, res) => {
      for (const key of ['constructor', 'hasOwnProperty', '__proto__']) req.session[key] = 'x'
      req.session.name = 'ann'
      res.end()
    }
    const { visitor } = await openPages(session, { '/': page, '/look': look })
    await visitor.read()
    const data = JSON.parse(await visitor.read('/look'))
    expect(data.name).toBe('ann')
    expect(Object.keys(data).toSorted()).toEqual(['cookie', 'name'])
  })
})

describe('data that JSON cannot hold, under the drop-in', () => {
  const values: Record<string, () => unknown> = {
    'a circle': circular,
    'a BigInt': () => 1n,
    'a toJSON that throws': () => ({
      toJSON() {
        throw new Error('no')
      },
    }),
  }

  // express-session throws within `end`, after the head has gone, or hangs.
  test.for(Object.entries(values))(
    '%s: nothing is sent or stored, the error handler answers',
    async ([, make]) => {
      const put: Page = (req, res) => {
        req.session['coat'] = make()
        res.send('fine')
      }
      const { visitor, watched, errors } = await openPages(dropIn, { '/': count, '/put': put })
      for (const views of ['1', '2']) {
        const response = await visitor.visit('/put')
        expect(response.status).toBe(500)
        expect(await response.text()).toMatch(/^req\.session\.coat /)
        expect(response.headers.getSetCookie()).toEqual([])
        expect(await visitor.read()).toBe(views)
      }
      expect(errors).toEqual([expect.any(TypeError), expect.any(TypeError)])
      expect(watched.record()).not.toHaveProperty('coat')
    },
  )

  test('an explicit save says so to whoever asked for it', async () => {
    const put: Page = async (req, res) => {
      req.session['coat'] = circular()
      const byCallback = await new Promise((resolve) => req.session.save(resolve))
      const byPromise = await req.session.save().catch((error: unknown) => error)
      delete req.session['coat']
      res.json([byCallback instanceof TypeError, byPromise instanceof TypeError])
    }
    const { visitor, watched } = await openPages(dropIn, { '/': put })
    expect(await visitor.read()).toBe('[true,true]')
    expect(watched.ids).toEqual([])
  })
})

describe.for(implementations)('req.session under %s', ([, session]) => {
  const clear: Page = (req, res) => {
    Object.assign(req, { session: null })
    res.send('cleared')
  }
  const remove: Page = (req, res) => {
    Reflect.deleteProperty(req, 'session')
    res.send('cleared')
  }
  const pages = { '/': count, '/clear': clear, '/remove': remove }

  test.for(['/clear', '/remove'])('taken away by %s: the record stays', async (path) => {
    const { visitor } = await openPages(session, pages)
    await visitor.read()
    const response = await visitor.visit(path)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await visitor.read()).toBe('2')
  })

  test.for(['/clear', '/remove'])('taken away by %s with unset destroy: the record goes', async (path) => {
    const { visitor, watched } = await openPages(session, pages, { unset: 'destroy' })
    const tab = visitor.copy()
    expect((await tab.visit(path)).headers.getSetCookie()).toEqual([])
    await visitor.read()
    const thief = visitor.copy()
    expect(await visitor.read(path)).toBe('cleared')
    expect(watched.ids).toEqual([])
    expect(await thief.read()).toBe('1')
  })

  test('without a string in req.sessionID nothing is saved, and no cookie set', async () => {
    const ids: unknown[] = [undefined, null, 42, {}, () => 'id']
    const page: Page = (req, res) => {
      req.session.views = 1
      Object.assign(req, { sessionID: ids.shift() })
      res.end()
    }
    const { visitor, watched } = await openPages(session, { '/': page }, { saveUninitialized: true })
    while (ids.length > 0) expect((await visitor.visit()).headers.getSetCookie()).toEqual([])
    expect(watched.ids).toEqual([])
  })

  test('a second session middleware leaves the session of the first alone', async () => {
    const { app, visitor, watched } = await openPages(session, {})
    app.use(session({ secret: 'other', name: 'other', resave: false, saveUninitialized: true }))
    app.get('/', count as never)
    expect((await visitor.visit()).headers.getSetCookie()).toHaveLength(1)
    expect(await visitor.read()).toBe('2')
    expect(watched.ids).toHaveLength(1)
  })
})

describe('req.session under the drop-in', () => {
  // express-session throws 'touch is not a function' within `end`.
  test.for([{}, { views: 1 }, 'text', 7])(
    'replaced by %j is an error that says what to do',
    async (value) => {
      const page: Page = (req, res) => {
        Object.assign(req, { session: value })
        res.send('fine')
      }
      const { visitor, watched } = await openPages(dropIn, { '/': count, '/replace': page })
      await visitor.read()
      const response = await visitor.visit('/replace')
      expect(response.status).toBe(500)
      expect(await response.text()).toMatch(/req\.session\.regenerate\(\)/)
      expect(watched.record()).toMatchObject({ views: 1 })
      expect(await visitor.read()).toBe('2')
    },
  )

  // express-session leaves the cookie in the browser.
  test('destroyed by unset takes the cookie away', async () => {
    const clear: Page = (req, res) => {
      Object.assign(req, { session: null })
      res.end()
    }
    const { visitor } = await openPages(dropIn, { '/': count, '/clear': clear }, { unset: 'destroy' })
    await visitor.read()
    await visitor.visit('/clear')
    expect(visitor.cookies.size).toBe(0)
  })

  // express-session sets a cookie for the junk, and saves under the right id: the session is lost.
  test('is still found after req.sessionID was changed to something else', async () => {
    const page: Page = (req, res) => {
      req.session.views = 7
      req.sessionID = 'junk'
      res.end()
    }
    const { visitor } = await openPages(dropIn, { '/': count, '/junk': page })
    await visitor.read('/junk')
    expect(await visitor.read()).toBe('8')
    await visitor.read('/junk')
    expect(await visitor.read()).toBe('8')
  })
})

describe.for(implementations)('ends of a response under %s', ([, session]) => {
  const ends: Record<string, readonly [page: Page, body: string]> = {
    twice: [(_, res) => [res.end('one'), res.end('two')], 'one'],
    'twice, without a body': [(_, res) => [res.end(), res.end()], ''],
    'with null': [(_, res) => res.end(null), ''],
    'with null after a write': [(_, res) => [res.write('one'), res.end(null)], 'one'],
    'with an empty text': [(_, res) => res.end(''), ''],
    'with an encoding': [(_, res) => res.end('6f6e65', 'hex'), 'one'],
    'with a Buffer': [(_, res) => res.end(Buffer.from('one')), 'one'],
    'with a length': [(_, res) => res.set('Content-Length', '3').end('one'), 'one'],
    'with a length of 0': [(_, res) => res.set('Content-Length', '0').end(''), ''],
    'by writes and a length': [
      (_, res) => [res.set('Content-Length', '6'), res.write('one'), res.end('two')],
      'onetwo',
    ],
  }

  test.for(Object.entries(ends))('%s: saved once, sent once', async ([, [end, body]]) => {
    const page: Page = (req, res, next) => {
      req.session.views = 7
      end(req, res, next)
    }
    const { visitor, watched, errors } = await openPages(session, { '/': count, '/end': page })
    expect(await visitor.read('/end')).toBe(body)
    expect(watched.takeWrites()).toEqual(['set'])
    expect(await visitor.read()).toBe('8')
    expect(errors).toEqual([])
  })

  test.for(['after', 'during'])('%s the destruction', async (moment) => {
    const page: Page = (req, res) => {
      req.session.destroy(() => {
        if (moment === 'after') res.end('bye')
      })
      if (moment === 'during') res.end('bye')
    }
    const { visitor, watched } = await openPages(session, { '/': count, '/bye': page })
    await visitor.read()
    expect(await visitor.read('/bye')).toBe('bye')
    expect(watched.ids).toEqual([])
    expect(await visitor.read()).toBe('1')
  })
})
