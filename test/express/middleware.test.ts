import compression from 'compression'
import flash from 'connect-flash'
import cookieParser from 'cookie-parser'
import { csrfSync } from 'csrf-sync'
import express, { type Express, type RequestHandler } from 'express'
import helmet from 'helmet'
import multer from 'multer'
import { describe, expect, test } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { answerErrors, secret, WatchedStore, type Page } from './pages.ts'
import { listen } from './listen.ts'
import { Visitor } from './visitor.ts'

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

/** An application with other middleware before and behind the session's. */
async function openBetween(
  session: Implementation,
  before: readonly RequestHandler[],
  behind: readonly RequestHandler[],
  serve: (app: Express) => void,
): Promise<{ visitor: Visitor; watched: WatchedStore }> {
  const watched = new WatchedStore(session)
  const app = express()
  for (const middleware of before) app.use(middleware)
  app.use(session({ secret, resave: false, saveUninitialized: false, store: watched.store }))
  for (const middleware of behind) app.use(middleware)
  serve(app)
  answerErrors(app)
  return { visitor: new Visitor(await listen(app)), watched }
}

describe.for(implementations)('connect-flash over %s', ([, session]) => {
  const serve = (app: Express): void => {
    app.get('/keep', (req, res) => {
      req.flash('info', '%s was kept', 'The coat')
      req.flash('info', '%s was kept', 'The hat')
      req.flash('error', 'No %s', 'umbrella')
      res.redirect('/read')
    })
    app.get('/read', (req, res) => void res.json(req.flash('info')))
    app.get('/all', (req, res) => void res.json(req.flash()))
  }

  test('keeps messages over a redirect, until they are read', async () => {
    const { visitor } = await openBetween(session, [], [flash()], serve)
    expect((await visitor.visit('/keep')).status).toBe(302)
    expect(JSON.parse(await visitor.read('/read'))).toEqual(['The coat was kept', 'The hat was kept'])
    expect(JSON.parse(await visitor.read('/read'))).toEqual([])
    expect(JSON.parse(await visitor.read('/all'))).toEqual({ error: ['No umbrella'] })
    expect(JSON.parse(await visitor.read('/all'))).toEqual({})
  })

  test('keeps the messages of visitors apart', async () => {
    const { visitor } = await openBetween(session, [], [flash()], serve)
    const other = visitor.copy()
    await visitor.visit('/keep')
    expect(JSON.parse(await other.read('/read'))).toEqual([])
    expect(JSON.parse(await visitor.read('/read'))).toHaveLength(2)
  })
})

describe.for(implementations)('cookie-parser before %s', ([, session]) => {
  const parsers = { 'the same secret': cookieParser(secret), 'another secret': cookieParser('other') }

  test.for(Object.entries(parsers))('leaves the session alone with %s', async ([, parser]) => {
    const { visitor, watched } = await openBetween(session, [parser], [], (app) => {
      app.get('/', count as unknown as RequestHandler)
      app.get('/theme', (req, res) => {
        res.cookie('theme', 'dark', { signed: true }).cookie('size', { width: 3 })
        res.end()
      })
      app.get('/seen', (req, res) => {
        const { size, ...rest } = req.cookies as Record<string, unknown>
        res.json({ theme: req.signedCookies['theme'], size, others: Object.keys(rest) })
      })
    })
    expect(await visitor.read()).toBe('1')
    await visitor.read('/theme')
    expect(await visitor.read()).toBe('2')
    expect(watched.ids).toHaveLength(1)
    expect(JSON.parse(await visitor.read('/seen'))).toEqual({ theme: 'dark', size: { width: 3 }, others: [] })
  })
})

describe.for(implementations)('csrf-sync over %s', ([, session]) => {
  async function openForm(): Promise<Visitor> {
    const { csrfSynchronisedProtection, generateToken, revokeToken } = csrfSync({
      getTokenFromRequest: (req) => (req.body as { token?: string } | undefined)?.token,
    })
    const parse = express.urlencoded({ extended: false })
    const { visitor } = await openBetween(session, [parse], [], (app) => {
      app.get('/form', (req, res) => void res.send(generateToken(req)))
      app.get('/new-form', (req, res) => void res.send(generateToken(req, true)))
      app.get('/revoke', (req, res) => {
        revokeToken(req)
        res.end()
      })
      app.post('/', csrfSynchronisedProtection, (_, res) => void res.send('done'))
    })
    return visitor
  }

  const send = async (visitor: Visitor, fields: Record<string, string>): Promise<string> =>
    (await visitor.visit('/', { method: 'POST', body: new URLSearchParams(fields) })).text()

  test('takes what was sent with the token of the session', async () => {
    const visitor = await openForm()
    const token = await visitor.read('/form')
    expect(await visitor.read('/form')).toBe(token)
    expect(await send(visitor, { token })).toBe('done')
    expect(await send(visitor, { token })).toBe('done')
  })

  test('refuses what comes without, with an old one, or with that of another session', async () => {
    const visitor = await openForm()
    const other = visitor.copy()
    const token = await visitor.read('/form')
    const foreign = await other.read('/form')
    expect(foreign).not.toBe(token)
    expect(await send(visitor, {})).toBe('invalid csrf token')
    expect(await send(visitor, { token: foreign })).toBe('invalid csrf token')
    expect(await send(visitor, { token: await visitor.read('/new-form') })).toBe('done')
    expect(await send(visitor, { token })).toBe('invalid csrf token')
    const last = await visitor.read('/form')
    await visitor.read('/revoke')
    expect(await send(visitor, { token: last })).toBe('invalid csrf token')
  })
})

describe.for(implementations)('helmet around %s', ([, session]) => {
  test.for(['before', 'behind'])('sets its headers beside the cookie when mounted %s', async (place) => {
    const [before, behind] = place === 'before' ? [[helmet()], []] : [[], [helmet()]]
    const { visitor } = await openBetween(session, before, behind, (app) => {
      app.get('/', count as unknown as RequestHandler)
    })
    const response = await visitor.visit()
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('x-powered-by')).toBeNull()
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await visitor.read()).toBe('2')
  })
})

describe.for(implementations)('compression around %s', ([, session]) => {
  const text = 'A coat on a hanger. '.repeat(500)

  const serve = (app: Express): void => {
    app.get('/', count as unknown as RequestHandler)
    app.get('/long', (req, res) => {
      Object.assign(req.session, { name: 'ann' })
      res.type('text').send(text)
    })
    app.get('/stream', (req, res) => {
      Object.assign(req.session, { name: 'ann' })
      res.type('text')
      for (const part of text.match(/.{1,999}/g)!) res.write(part)
      res.flush()
      res.end()
    })
    app.get('/raw', (req, res) => {
      Object.assign(req.session, { name: 'ann' })
      res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': text.length }).end(text)
    })
  }

  describe.for(['before', 'behind'])('mounted %s', (place) => {
    const open = () => {
      const [before, behind] = place === 'before' ? [[compression()], []] : [[], [compression()]]
      return openBetween(session, before, behind, serve)
    }

    test.for(['/long', '/stream', '/raw'])('compresses %s whole, with the cookie', async (path) => {
      const { visitor, watched } = await open()
      const response = await visitor.visit(path, { headers: { 'Accept-Encoding': 'gzip' } })
      expect(response.headers.get('content-encoding')).toBe('gzip')
      expect(response.headers.has('content-length')).toBe(false)
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(await response.text()).toBe(text)
      expect(watched.record()).toMatchObject({ name: 'ann' })
      expect(await visitor.read()).toBe('1')
      expect(watched.record()).toMatchObject({ name: 'ann', views: 1 })
    })

    test('leaves short pages and HEAD alone', async () => {
      const { visitor } = await open()
      const response = await visitor.visit('/')
      expect(response.headers.get('content-encoding')).toBeNull()
      expect(await response.text()).toBe('1')
      const head = await visitor.visit('/long', { method: 'HEAD' })
      expect(head.status).toBe(200)
      expect(await head.text()).toBe('')
      expect(await visitor.read()).toBe('2')
    })
  })
})

describe.for(implementations)('multer behind %s', ([, session]) => {
  const serve = (app: Express): void => {
    const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 200_000 } })
    app.post('/', upload.single('picture'), (req, res) => {
      const held = req.session as { names?: string[] }
      held.names = [...(held.names ?? []), `${req.file!.originalname}: ${req.file!.size}`]
      res.json({ names: held.names, title: req.body.title })
    })
  }

  const form = (size: number): FormData => {
    const data = new FormData()
    data.set('title', 'My coat')
    data.set('picture', new Blob([new Uint8Array(size)]), `coat-${size}.png`)
    return data
  }

  test('notes in the session what was uploaded, however long it took', async () => {
    const { visitor } = await openBetween(session, [], [], serve)
    const send = async (size: number): Promise<unknown> =>
      JSON.parse(await visitor.read('/', { method: 'POST', body: form(size) }))
    expect(await send(10)).toEqual({ names: ['coat-10.png: 10'], title: 'My coat' })
    expect(await send(150_000)).toEqual({
      names: ['coat-10.png: 10', 'coat-150000.png: 150000'],
      title: 'My coat',
    })
  })

  test('keeps the session when an upload is refused', async () => {
    const { visitor, watched } = await openBetween(session, [], [], serve)
    await visitor.read('/', { method: 'POST', body: form(10) })
    const response = await visitor.visit('/', { method: 'POST', body: form(300_000) })
    expect(await response.text()).toBe('File too large')
    expect(watched.record()).toMatchObject({ names: ['coat-10.png: 10'] })
  })
})
