import flash from 'connect-flash'
import express, { type Express } from 'express'
import passport from 'passport'
import { Strategy } from 'passport-local'
import { describe, expect, test, vi } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { listen } from './listen.ts'
import { answerErrors, dropIn, secret, WatchedStore } from './pages.ts'
import { Visitor } from './visitor.ts'

// connect-flash still uses this function, which newer versions of Node have no more.
vi.hoisted(() => Object.assign(process.getBuiltinModule('node:util'), { isArray: Array.isArray }))

interface User {
  readonly name: string
}

interface Gate {
  /** The slow page has been asked for, and has its session. */
  readonly entered: Promise<void>
  readonly letGo: () => void
}

interface Club {
  readonly visitor: Visitor
  readonly watched: WatchedStore
  readonly members: Set<string>
  readonly gate: Gate
}

async function openClub(
  session: Implementation,
  { keepSessionInfo = false, saveUninitialized = false } = {},
): Promise<Club> {
  const watched = new WatchedStore(session)
  const members = new Set(['ann', 'ben'])
  const app = express()
  app.use(express.urlencoded({ extended: false }))
  app.use(session({ secret, resave: false, saveUninitialized, store: watched.store }))
  app.use(flash())
  servePassport(app, members, keepSessionInfo)
  const gate = serveSlowly(app)
  answerErrors(app)
  return { visitor: new Visitor(await listen(app)), watched, members, gate }
}

function servePassport(app: Express, members: Set<string>, keepSessionInfo: boolean): void {
  const authenticator = new passport.Passport()
  authenticator.use(
    new Strategy((name, password, done) => {
      if (members.has(name) && password === 'open sesame') done(null, { name } satisfies User)
      else done(null, false, { message: `Nobody knows ${name}.` })
    }),
  )
  authenticator.serializeUser((user, done) => done(null, (user as User).name))
  authenticator.deserializeUser<string>((name, done) => done(null, members.has(name) ? { name } : false))
  app.use(authenticator.session())
  app.get('/', (req, res) => void res.json({ user: (req.user as User | undefined)?.name ?? null }))
  app.get('/cart/:item', (req, res) => {
    Object.assign(req.session, { cart: req.params.item })
    res.end()
  })
  app.get('/cart', (req, res) => void res.json((req.session as { cart?: string }).cart ?? null))
  app.get('/login', (req, res) => void res.json(req.flash('error')))
  app.get('/messages', (req, res) => void res.json((req.session as { messages?: string[] }).messages ?? []))
  const redirects = { successRedirect: '/', failureRedirect: '/login' }
  app.post(
    '/login',
    authenticator.authenticate('local', { ...redirects, failureFlash: true, keepSessionInfo }),
  )
  app.post('/login-plainly', authenticator.authenticate('local', { ...redirects, failureMessage: true }))
  app.post('/logout', (req, res, next) => {
    req.logout({ keepSessionInfo }, (error) => (error ? next(error) : res.redirect('/')))
  })
}

/** A page that changes the session only when it is let go. */
function serveSlowly(app: Express): Gate {
  const entered = Promise.withResolvers<void>()
  const letGo = Promise.withResolvers<void>()
  app.get('/slow', (req, res, next) => {
    entered.resolve()
    const answer = (): unknown => {
      Object.assign(req.session, { cart: 'slow' })
      return res.end()
    }
    letGo.promise.then(answer, next)
  })
  return { entered: entered.promise, letGo: letGo.resolve }
}

function post(visitor: Visitor, path: string, fields: Record<string, string> = {}): Promise<Response> {
  return visitor.visit(path, { method: 'POST', body: new URLSearchParams(fields) })
}

async function logIn(visitor: Visitor, username = 'ann', password = 'open sesame'): Promise<string | null> {
  return (await post(visitor, '/login', { username, password })).headers.get('location')
}

async function userOf(visitor: Visitor): Promise<string | null> {
  return JSON.parse(await visitor.read('/')).user
}

describe.for(implementations)('passport over %s', ([, session]) => {
  test('knows after the login who it is, with each request', async () => {
    const { visitor, watched } = await openClub(session)
    expect(await userOf(visitor)).toBeNull()
    expect(await logIn(visitor)).toBe('/')
    expect(await userOf(visitor)).toBe('ann')
    expect(await userOf(visitor)).toBe('ann')
    expect(watched.record()).toMatchObject({ passport: { user: 'ann' } })
  })

  test('gives a new id at login, and whoever planted the old one stays out', async () => {
    const { visitor, watched } = await openClub(session)
    await visitor.read('/cart/coat')
    const thief = visitor.copy()
    const before = watched.ids[0]
    await logIn(visitor)
    expect(watched.ids).toHaveLength(1)
    expect(watched.ids).not.toContain(before)
    expect(visitor.cookies.get('connect.sid')).not.toBe(thief.cookies.get('connect.sid'))
    expect(await userOf(thief)).toBeNull()
    expect(await userOf(visitor)).toBe('ann')
  })

  test('starts with an empty session at login', async () => {
    const { visitor } = await openClub(session)
    await visitor.read('/cart/coat')
    await logIn(visitor)
    expect(await visitor.read('/cart')).toBe('null')
  })

  test('carries the session over login and logout when told to keep it', async () => {
    const { visitor, watched } = await openClub(session, { keepSessionInfo: true })
    await visitor.read('/cart/coat')
    await logIn(visitor)
    expect(await visitor.read('/cart')).toBe('"coat"')
    expect(await userOf(visitor)).toBe('ann')
    const before = watched.ids[0]
    await post(visitor, '/logout')
    expect(await visitor.read('/cart')).toBe('"coat"')
    expect(await userOf(visitor)).toBeNull()
    expect(watched.ids).toHaveLength(1)
    expect(watched.ids).not.toContain(before)
  })

  test('says once, by flash, why a login failed', async () => {
    const { visitor } = await openClub(session)
    expect(await logIn(visitor, 'eve')).toBe('/login')
    expect(await visitor.read('/login')).toBe('["Nobody knows eve."]')
    expect(await visitor.read('/login')).toBe('[]')
    expect(await userOf(visitor)).toBeNull()
  })

  test('collects the messages of failed logins without flash', async () => {
    const { visitor } = await openClub(session)
    for (const username of ['eve', 'mallory']) {
      await post(visitor, '/login-plainly', { username, password: 'x' })
    }
    expect(await visitor.read('/messages')).toBe('["Nobody knows eve.","Nobody knows mallory."]')
  })

  test('knows nobody after the logout, whatever cookie comes', async () => {
    const { visitor, watched } = await openClub(session)
    await logIn(visitor)
    const before = visitor.copy()
    const response = await post(visitor, '/logout')
    expect(response.headers.get('location')).toBe('/')
    expect(await userOf(visitor)).toBeNull()
    expect(await userOf(before)).toBeNull()
    expect(watched.ids.map((id) => watched.record(id)['passport'])).not.toContainEqual({ user: 'ann' })
    expect(await logIn(visitor, 'ben')).toBe('/')
    expect(await userOf(visitor)).toBe('ben')
  })

  test('logs out whoever is no member any more', async () => {
    const { visitor, members, watched } = await openClub(session)
    await logIn(visitor)
    members.delete('ann')
    expect(await userOf(visitor)).toBeNull()
    expect(watched.record()['passport']).toEqual({})
    members.add('ann')
    expect(await userOf(visitor)).toBeNull()
  })

  test('works with sessions that are saved from the start', async () => {
    const { visitor, watched } = await openClub(session, { saveUninitialized: true })
    expect(await userOf(visitor)).toBeNull()
    const before = visitor.cookies.get('connect.sid')
    await logIn(visitor)
    expect(visitor.cookies.get('connect.sid')).not.toBe(before)
    await post(visitor, '/logout')
    expect(await userOf(visitor)).toBeNull()
    expect(watched.ids).toHaveLength(1)
  })
})

// express-session writes the record of the slow request again under the id that was given up, with its user.
test('the drop-in does not log in again whom a slow request still knew', async () => {
  const { visitor, watched, gate } = await openClub(dropIn)
  await logIn(visitor)
  const tab = visitor.copy()
  const slow = tab.visit('/slow')
  await gate.entered
  await post(visitor, '/logout')
  gate.letGo()
  expect((await slow).headers.getSetCookie()).toEqual([])
  expect(await userOf(tab)).toBeNull()
  expect(watched.ids.map((id) => watched.record(id)['passport'])).not.toContainEqual({ user: 'ann' })
})
