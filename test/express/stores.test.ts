import { createHmac } from 'node:crypto'
import type { SessionOptions } from 'express-session'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { dropIn, openPages, secret, type Opened, type Page } from './pages.ts'
import { places, sidOf, type Place } from './stores.ts'
import { Visitor } from './visitor.ts'

const minute = 60_000

const count: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

const look: Page = (req, res) => {
  // session-file-store keeps its notes among the data.
  const { cookie: _, __lastAccess, ...data } = req.session
  res.json(data)
}

const login: Page = (req, res, next) => {
  req.session.regenerate((error) => {
    if (error) return next(error)
    req.session.name = 'ann'
    req.session.save((failure) => (failure ? next(failure) : res.redirect('/look')))
  })
}

const logout: Page = (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.redirect('/look')))
}

const regenerate: Page = (req, res, next) => {
  req.session.regenerate((error) => (error ? next(error) : res.json(Object.keys(req.session))))
}

const pages = { '/': count, '/login': login, '/logout': logout, '/look': look, '/regenerate': regenerate }

/** An application in a process of its own: its store object knows nothing of others over the same place. */
async function openOver(
  place: Place,
  session: Implementation,
  options: Partial<SessionOptions> = {},
  more: Record<string, Page> = {},
): Promise<Opened> {
  return openPages(session, { ...pages, ...more }, { store: await place.connect(session), ...options })
}

function sign(sid: string, key = secret): string {
  return `s:${sid}.${createHmac('sha256', key).update(sid).digest('base64').replace(/=+$/, '')}`
}

// A visit is over with the last byte: of express-session's, the head says nothing about what has been saved.
describe.for(places)('%s', ([name, open]) => {
  let place: Place
  beforeAll(async () => {
    place = await open()
  })
  afterAll(() => place.close())

  /** Puts the clock of this process, and that of the server where it has one, forward. */
  async function pass(milliseconds: number): Promise<void> {
    vi.setSystemTime(Date.now() + milliseconds)
    await place.pass(milliseconds)
  }
  beforeEach(() => {
    // The clock stands still at a whole second, since some places keep no smaller ones.
    vi.useFakeTimers({ toFake: ['Date'], now: Math.ceil(Date.now() / 1000) * 1000 })
  })
  afterEach(() => void vi.useRealTimers())

  describe.for(implementations)('under %s', ([, session]) => {
    test('counts the visits of each visitor', async () => {
      const { visitor } = await openOver(place, session)
      const other = visitor.copy()
      expect([await visitor.read(), await visitor.read(), await visitor.read()]).toEqual(['1', '2', '3'])
      expect(await other.read()).toBe('1')
      expect(await visitor.read()).toBe('4')
    })

    test('keeps a login until the logout, for whoever has the cookie', async () => {
      const { visitor } = await openOver(place, session)
      await visitor.read()
      expect((await visitor.visit('/login')).status).toBe(302)
      expect(JSON.parse(await visitor.read('/look'))).toEqual({ name: 'ann' })
      const thief = visitor.copy()
      const sid = sidOf(visitor)
      expect((await visitor.visit('/logout')).status).toBe(302)
      expect(await place.find(sid)).toBeNull()
      expect(JSON.parse(await visitor.read('/look'))).toEqual({})
      expect(JSON.parse(await thief.read('/look'))).toEqual({})
      expect(await place.find(sid)).toBeNull()
    })

    test('regenerates with nothing of the old session, under another id', async () => {
      const { visitor } = await openOver(place, session)
      await visitor.read()
      const before = visitor.copy()
      expect(JSON.parse(await visitor.read('/regenerate'))).toEqual(['cookie'])
      expect(sidOf(visitor)).toMatch(/^[\w-]{32}$/)
      expect(sidOf(visitor)).not.toBe(sidOf(before))
      expect(await place.find(sidOf(before))).toBeNull()
      expect(await visitor.read()).toBe('1')
      expect(JSON.parse(await before.read('/look'))).toEqual({})
    })

    test('prolongs a session by a visit that changes nothing', async () => {
      const { visitor } = await openOver(place, session, { cookie: { maxAge: minute } })
      await visitor.read()
      const sid = sidOf(visitor)
      await pass(40_000)
      expect((await place.find(sid))!.until).toBeLessThanOrEqual(Date.now() + 20_000)
      const response = await visitor.visit('/look')
      expect(await response.json()).toEqual({ views: 1 })
      // Without rolling, the browser keeps to the end that it was told first.
      expect(response.headers.getSetCookie()).toEqual([])
      expect((await place.find(sid))!.until).toBeGreaterThan(Date.now() + 50_000)
      await pass(40_000)
      expect(await visitor.read()).toBe('2')
      expect(sidOf(visitor)).toBe(sid)
    })

    test('ends a session that nobody visits', async () => {
      const { visitor } = await openOver(place, session, { cookie: { maxAge: minute } })
      await visitor.read()
      const sid = sidOf(visitor)
      await pass(61_000)
      expect(await visitor.read()).toBe('1')
      expect(sidOf(visitor)).not.toBe(sid)
    })

    test('with rolling, tells the browser the new end at each visit', async () => {
      const { visitor } = await openOver(place, session, { cookie: { maxAge: minute }, rolling: true })
      for (const path of ['/', '/look', '/look', '/']) {
        const response = await visitor.visit(path)
        await response.text()
        const end = new Date(Date.now() + minute).toUTCString()
        expect(response.headers.getSetCookie()).toEqual([expect.stringContaining(`; Expires=${end};`)])
        await pass(40_000)
      }
      expect(await visitor.read()).toBe('3')
    })

    test('finds a session again after the server was started anew', async () => {
      const { visitor } = await openOver(place, session)
      await visitor.read()
      const anew = visitor.copy((await openOver(place, session)).origin)
      expect(await anew.read()).toBe('2')
      expect(sidOf(anew)).toBe(sidOf(visitor))
      expect(await visitor.read()).toBe('3')
    })

    test('gives an id that it does not know, though signed, a new session of another id', async () => {
      const { origin } = await openOver(place, session)
      const sid = 'anIdThatNobodyHasBeenGivenSoFar_'
      const visitor = new Visitor(origin, [['connect.sid', encodeURIComponent(sign(sid))]])
      expect(await visitor.read()).toBe('1')
      expect(sidOf(visitor)).toMatch(/^[\w-]{32}$/)
      expect(sidOf(visitor)).not.toBe(sid)
      expect(await place.find(sid)).toBeNull()
    })

    test('writes the record, its end and the cookie that packages and tools expect', async () => {
      const { visitor } = await openOver(place, session, { cookie: { maxAge: minute, sameSite: 'lax' } })
      const end = new Date(Date.now() + minute)
      const response = await visitor.visit()
      await response.text()
      const sid = sidOf(visitor)
      expect(response.headers.getSetCookie()).toEqual([
        `connect.sid=${encodeURIComponent(sign(sid))}; Path=/; Expires=${end.toUTCString()}; HttpOnly; SameSite=Lax`,
      ])
      const kept = (await place.find(sid))!
      const cookie = `{"originalMaxAge":60000,"expires":"${end.toISOString()}","httpOnly":true,"path":"/","sameSite":"lax"}`
      const note = name === 'session-file-store' ? `,"__lastAccess":${Date.now()}` : ''
      expect(kept.text).toBe(`{"cookie":${cookie},"views":1${note}}`)
      if (name === 'connect-redis') expect(kept.until).toBeLessThanOrEqual(end.valueOf())
      else expect(kept.until).toBe(end.valueOf())
      expect(kept.until).toBeGreaterThan(Date.now())
    })

    test('keeps a session that ends with the browser as long as the package says', async () => {
      const { visitor } = await openOver(place, session)
      const response = await visitor.visit()
      await response.text()
      expect(response.headers.getSetCookie()).toEqual([
        `connect.sid=${encodeURIComponent(sign(sidOf(visitor)))}; Path=/; HttpOnly`,
      ])
      const { text, until } = (await place.find(sidOf(visitor)))!
      expect(text).toContain('"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}')
      if (place.browserLife === null) return expect(until).toBeNull()
      expect(until).toBeLessThanOrEqual(Date.now() + place.browserLife)
      return expect(until).toBeGreaterThan(Date.now() + place.browserLife - minute)
    })
  })

  describe('under the drop-in only', () => {
    // express-session calls back only: there, what is awaited is the session itself, and nothing has been done yet.
    test('save() can be awaited', async () => {
      const found: unknown[] = []
      const save: Page = async (req, res) => {
        req.session.name = 'ann'
        expect(await req.session.save()).toBeUndefined()
        // What a store notes in the record is not for the session.
        expect(Object.keys(req.session)).toEqual(['cookie', 'name'])
        found.push(JSON.parse((await place.find(req.sessionID))?.text ?? 'null'))
        res.end()
      }
      const { visitor } = await openOver(place, dropIn, {}, { '/save': save })
      await visitor.read('/save')
      expect(found).toEqual([expect.objectContaining({ name: 'ann' })])
    })

    // In express-session, `req.session` is still the old session after this await.
    test('regenerate() can be awaited', async () => {
      const promote: Page = async (req, res) => {
        const old = req.sessionID
        await req.session.regenerate()
        expect(req.sessionID).not.toBe(old)
        expect(await place.find(old)).toBeNull()
        req.session.name = 'ann'
        res.end()
      }
      const { visitor } = await openOver(place, dropIn, {}, { '/promote': promote })
      await visitor.read()
      await visitor.read('/promote')
      expect(JSON.parse(await visitor.read('/look'))).toEqual({ name: 'ann' })
    })

    // express-session sends nothing: the browser keeps the cookie of a session that is no more.
    test('destroy() can be awaited, and takes the cookie out of the browser', async () => {
      const leave: Page = async (req, res) => {
        await req.session.destroy()
        expect(req.session).toBeUndefined()
        expect(await place.find(req.sessionID)).toBeNull()
        res.end()
      }
      const { visitor } = await openOver(place, dropIn, { cookie: { maxAge: minute } }, { '/leave': leave })
      await visitor.read()
      const response = await visitor.visit('/leave')
      expect(response.headers.getSetCookie()).toEqual([
        'connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly',
      ])
      expect([...visitor.cookies]).toEqual([])
    })
  })
})
