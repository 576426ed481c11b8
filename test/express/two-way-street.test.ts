import type { SessionOptions } from 'express-session'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { dropIn, openPages, type Page } from './pages.ts'
import { places, sidOf, type Place } from './stores.ts'
import type { Visitor } from './visitor.ts'

const minute = 60_000
const [[, original], [, replacement]] = implementations as [
  (typeof implementations)[0],
  (typeof implementations)[0],
]

/** Both ways. */
const ways: readonly (readonly [name: string, from: Implementation, to: Implementation])[] = [
  ['from express-session to the drop-in and back', original, replacement],
  ['from the drop-in to express-session and back', replacement, original],
]

const values = { text: 'a "coat" – €', list: [1, { deep: null }], at: '2026-01-01T00:00:00.000Z', '': 0 }

const pages: Record<string, Page> = {
  '/': (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.send(`${req.session.views}`)
  },
  '/look': (req, res) => {
    const { cookie: _, __lastAccess, ...data } = req.session
    res.json(data)
  },
  '/fill': (req, res) => {
    Object.assign(req.session, values, { at: new Date(values.at), none: undefined })
    res.end()
  },
  '/push': (req, res) => {
    ;(req.session['list'] as unknown[]).push('pushed')
    delete req.session['text']
    res.end()
  },
  '/remember': (req, res) => {
    req.session.cookie.maxAge = 10 * minute
    req.session['remembered'] = true
    res.end()
  },
  '/regenerate': (req, res, next) => {
    req.session.regenerate((error) => (error ? next(error) : res.end()))
  },
  '/logout': (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end()))
  },
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Math.ceil(Date.now() / 1000) * 1000 })
})
afterEach(() => void vi.useRealTimers())

describe.for(places)('over %s, a session goes', ([name, open]) => {
  let place: Place
  beforeAll(async () => {
    place = await open()
  })
  afterAll(() => place.close())

  async function openOrigin(
    session: Implementation,
    options: Partial<SessionOptions> = {},
  ): Promise<{ origin: string; visitor: Visitor }> {
    return openPages(session, pages, { store: await place.connect(session), ...options })
  }

  async function pass(milliseconds: number): Promise<void> {
    vi.setSystemTime(Date.now() + milliseconds)
    await place.pass(milliseconds)
  }

  describe.for(ways)('%s', ([, from, to]) => {
    test('with each change, under one cookie', async () => {
      const { origin: there, visitor: begun } = await openOrigin(from)
      const { origin: here } = await openOrigin(to)
      expect(await begun.read()).toBe('1')
      const cookies = [...begun.cookies]
      await begun.read('/fill')
      expect(JSON.parse(await begun.copy(here).read('/look'))).toEqual({ views: 1, ...values })
      expect(await begun.copy(here).read()).toBe('2')
      await begun.copy(here).read('/push')
      const { text: _, ...rest } = values
      const pushed = { ...rest, list: [...values.list, 'pushed'] }
      expect(JSON.parse(await begun.copy(there).read('/look'))).toEqual({ views: 2, ...pushed })
      expect(await begun.copy(there).read()).toBe('3')
      const last = begun.copy(here)
      expect(await last.read()).toBe('4')
      expect([...last.cookies]).toEqual(cookies)
    })

    test('and ends on both sides', async () => {
      const { origin: there, visitor: begun } = await openOrigin(from)
      const { origin: here } = await openOrigin(to)
      await begun.read()
      await begun.copy(here).read('/logout')
      expect(await place.find(sidOf(begun))).toBeNull()
      expect(await begun.copy(there).read('/look')).toBe('{}')
    })

    test('and is regenerated for both sides', async () => {
      const { origin: there, visitor: begun } = await openOrigin(from)
      const { origin: here } = await openOrigin(to)
      await begun.read()
      const moved = begun.copy(here)
      await moved.read('/regenerate')
      expect(sidOf(moved)).not.toBe(sidOf(begun))
      expect(await begun.copy(there).read('/look')).toBe('{}')
      expect(await moved.copy(there).read()).toBe('1')
      expect(await moved.read()).toBe('2')
    })

    test('and is prolonged by visits of either', async () => {
      const options = { cookie: { maxAge: minute } }
      const { origin: there, visitor: begun } = await openOrigin(from, options)
      const { origin: here } = await openOrigin(to, options)
      await begun.read()
      for (const origin of [here, there, here, there]) {
        await pass(40_000)
        expect(JSON.parse(await begun.copy(origin).read('/look'))).toEqual({ views: 1 })
      }
      expect(await begun.copy(here).read()).toBe('2')
      await pass(61_000)
      expect(await begun.copy(here).read()).toBe('1')
    })

    test('with the life that its cookie was given on the other side', async () => {
      const options = { cookie: { maxAge: minute } }
      const { origin: there, visitor: begun } = await openOrigin(from, options)
      const { origin: here } = await openOrigin(to, options)
      await begun.read('/remember')
      await pass(9 * minute)
      expect(await begun.copy(here).read()).toBe('1')
      await pass(9 * minute)
      expect(await begun.copy(there).read()).toBe('2')
      expect(JSON.parse((await place.find(sidOf(begun)))!.text)).toMatchObject({
        cookie: { originalMaxAge: 10 * minute },
      })
    })

    test('with secrets that change', async () => {
      const { visitor: begun } = await openOrigin(from, { secret: 'old' })
      const { origin: here } = await openOrigin(to, { secret: ['new', 'old'] })
      const { origin: there } = await openOrigin(from, { secret: ['new', 'old'] })
      await begun.read()
      const moved = begun.copy(here)
      expect(await moved.read()).toBe('2')
      const back = moved.copy(there)
      expect(await back.read()).toBe('3')
      expect(sidOf(back)).toBe(sidOf(begun))
      const { origin: stranger } = await openOrigin(to, { secret: 'neither' })
      expect(await back.copy(stranger).read()).toBe('1')
    })
  })

  test('with records and cookies that are the same, byte for byte', async () => {
    const traces: unknown[] = []
    for (const [, session] of implementations) {
      const options = { genid: () => 'oneAndTheSameId', rolling: true, cookie: { maxAge: minute } }
      const { visitor } = await openOrigin(session, options)
      const trace: unknown[] = []
      for (const path of ['/', '/fill', '/look', '/', '/push', '/remember', '/look', '/']) {
        const response = await visitor.visit(path)
        trace.push(await response.text(), response.headers.getSetCookie())
        const { text, until } = (await place.find('oneAndTheSameId'))!
        // The clock of Redis cannot be made to stand still.
        trace.push(text, name === 'connect-redis' ? null : until)
      }
      await visitor.read('/logout')
      traces.push(trace)
    }
    expect(traces[1]).toEqual(traces[0])
  })
})

/** What one implementation sends to a new visitor, and keeps. */
async function firstVisit(
  session: Implementation,
  options: Partial<SessionOptions>,
): Promise<{ field: string | undefined; texts: readonly string[] }> {
  const store = new session.MemoryStore() as InstanceType<Implementation['MemoryStore']> & {
    readonly sessions: Record<string, string>
  }
  const { visitor } = await openPages(session, pages, { store, ...options })
  const response = await visitor.visit('/', { headers: { 'x-forwarded-proto': 'https' } })
  await response.text()
  return { field: response.headers.getSetCookie()[0], texts: Object.values(store.sessions) }
}

const end = new Date('2038-01-19T03:14:07.000Z')

test.for<[string, Partial<SessionOptions>]>([
  ['a plain id', { genid: () => 'a' }],
  ['an id of which much must be encoded', { genid: () => 'é %;"\\,/+=.€' }],
  ['a signature with slashes and pluses', { genid: () => 'sid-14', secret: 'x' }],
  ['several secrets', { genid: () => 'a', secret: ['first', 'second'] }],
  ['a secret of bytes', { genid: () => 'a', secret: Buffer.from([0, 255, 128]) }],
  ['a secret that is no ASCII', { genid: () => 'a', secret: 'Schlüssel €' }],
  ['another name', { genid: () => 'a', name: 'app.sid' }],
  ['a life', { genid: () => 'a', cookie: { maxAge: 90 * minute } }],
  ['an end', { genid: () => 'a', cookie: { expires: end } }],
  [
    'all attributes',
    {
      genid: () => 'a',
      proxy: true,
      cookie: {
        domain: 'example.com',
        httpOnly: true,
        maxAge: minute,
        partitioned: true,
        path: '/',
        priority: 'high',
        sameSite: 'none',
        secure: true,
      },
    },
  ],
  ['nothing but the necessary', { genid: () => 'a', cookie: { httpOnly: false, sameSite: false } }],
  [
    'what the connection decides',
    { genid: () => 'a', proxy: true, cookie: { secure: 'auto', sameSite: true } },
  ],
])('cookie and record are the same, byte for byte, with %s', async ([, options]) => {
  const [judge, other] = [await firstVisit(original, options), await firstVisit(replacement, options)]
  expect(judge.field).toContain(`=${encodeURIComponent('s:')}`)
  expect(other).toEqual(judge)
})

// express-session never signs anew: a visitor whose session ends with the browser keeps the old signature for ever.
test('a cookie signed by an old secret is signed anew by the drop-in, and then holds without the old one', async () => {
  const store = new original.MemoryStore()
  const { visitor: begun } = await openPages(original, pages, { store, secret: 'old' })
  await begun.read()
  const { origin: here } = await openPages(dropIn, pages, { store, secret: ['new', 'old'] })
  const moved = begun.copy(here)
  await moved.read('/look')
  expect(moved.cookies).not.toEqual(begun.cookies)
  expect(sidOf(moved)).toBe(sidOf(begun))
  const { origin: there } = await openPages(original, pages, { store, secret: 'new' })
  expect(await moved.copy(there).read()).toBe('2')
  expect(await begun.copy(there).read()).toBe('1')
})
