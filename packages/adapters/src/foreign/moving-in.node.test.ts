// Visitors of sites that had other libraries move in with us: their cookies are made by the libraries themselves.
import { useSession, type SessionEnv } from '@hono/session'
import { createCookieSessionStorage as createRemixStorage } from '@remix-run/node'
import type { ForeignReader } from '@coatcheck/core'
import cookieSession from 'cookie-session'
import express from 'express'
import { H3, useSession as useH3Session } from 'h3'
import { Hono } from 'hono'
import { getIronSession } from 'iron-session'
import { getIronSession as getIronSession8 } from 'iron-session8'
import { createCookieSessionStorage, type SessionStorage } from 'react-router'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, minute, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { oldSecret, setClock } from '../../../../test/support/foreign-readers.ts'
import { nodeServer } from '../../../../test/support/node-server.ts'
import { look, newSite, type Site } from '../../../../test/support/new-site.ts'
import { jarOf } from '../../../../test/support/sealed-cloakroom.ts'
import { fromCookieSession } from './from-cookie-session.ts'
import { fromH3 } from './from-h3.ts'
import { fromHonoSession } from './from-hono-session.ts'
import { fromIronSession } from './from-iron-session.ts'
import { fromReactRouter } from './from-react-router.ts'

/** When the old sites are visited: an hour before ours. */
const before = Date.UTC(2026, 10, 21, 8, 30)

beforeAll(() => setClock(before))
afterAll(() => void vi.useRealTimers())

/** What the old sites keep of somebody who signed in. */
const kept = { user: 'ann', cart: ['Jürgen’s 🧥'] }

const take = (data: unknown): { data: Partial<Goods>; userId: string } => {
  const { user, ...rest } = data as { user: string; cart: string[] }
  return { data: rest, userId: user }
}

interface OldLibrary {
  readonly site: Site
  readonly reader: ForeignReader<Goods>
  /** Whether its cookies say when the session began. */
  readonly dated: boolean
  /** Whether two visitors with the same data have different cookies, so that each can be taken over once. */
  readonly single: boolean
}

function ironSite(open: typeof getIronSession): Site {
  const app = new Hono().get('/', async (c) => {
    const response = new Response('Welcome')
    const held = await open<object>(c.req.raw, response, { cookieName: 'shop', password: oldSecret })
    Object.assign(held, kept)
    await held.save()
    return response
  })
  return (request) => app.fetch(request)
}

function h3Site(): Site {
  const app = new H3().get('/', async (event) => {
    await (await useH3Session(event, { password: oldSecret })).update(kept)
    return 'Welcome'
  })
  return (request) => app.fetch(request)
}

function honoSite(): Site {
  const app = new Hono<SessionEnv>().use(useSession({ secret: oldSecret })).get('/', async (c) => {
    await c.var.session.update(kept)
    return c.text('Welcome')
  })
  return (request) => app.fetch(request)
}

function expressSite(): Site {
  const app = express().use(cookieSession({ keys: [oldSecret] }))
  app.get('/', (req, res) => {
    Object.assign(req.session, kept)
    res.send('Welcome')
  })
  return nodeServer(app)
}

function routerSite({
  commitSession,
  getSession,
}: Pick<SessionStorage, 'commitSession' | 'getSession'>): Site {
  const app = new Hono().get('/', async (c) => {
    const held = await getSession(c.req.header('cookie'))
    for (const [key, value] of Object.entries(kept)) held.set(key, value)
    return c.text('Welcome', 200, { 'set-cookie': await commitSession(held) })
  })
  return (request) => app.fetch(request)
}

const iron = fromIronSession<Goods>({ cookieName: 'shop', password: oldSecret, take })
const router = fromReactRouter<Goods>({ cookieName: 'visit', secrets: [oldSecret], take })
const cookie = { name: 'visit', secrets: [oldSecret] }

const libraries: Readonly<Record<string, OldLibrary>> = {
  'iron-session 8': {
    site: ironSite(getIronSession8 as typeof getIronSession),
    reader: iron,
    dated: false,
    single: true,
  },
  'iron-session 9': { site: ironSite(getIronSession), reader: iron, dated: false, single: true },
  h3: { site: h3Site(), reader: fromH3<Goods>({ password: oldSecret, take }), dated: true, single: true },
  '@hono/session': {
    site: honoSite(),
    reader: fromHonoSession<Goods>({ secret: oldSecret, take }),
    dated: true,
    single: true,
  },
  'cookie-session': {
    site: expressSite(),
    reader: fromCookieSession<Goods>({ keys: [oldSecret], take }),
    dated: false,
    single: false,
  },
  'React Router': {
    site: routerSite(createCookieSessionStorage({ cookie })),
    reader: router,
    dated: false,
    single: false,
  },
  Remix: {
    site: routerSite(createRemixStorage({ cookie }) as SessionStorage),
    reader: router,
    dated: false,
    single: false,
  },
}

/** Somebody who has been to the old site. */
async function oldVisitor({ site }: OldLibrary, origin?: string): Promise<Browser> {
  const browser = new Browser(origin)
  browser.receive(await site(browser.request()))
  expect(jarOf(browser).size).toBeGreaterThan(0)
  return browser
}

const stranger = { userId: null, at: null, handle: null, id: null, cart: null }
const ann = expect.objectContaining({ userId: 'ann', cart: kept.cart })

describe.for(Object.entries(libraries))('a visitor with a session of %s', ([, library]) => {
  const { dated, reader, single } = library

  describe.for(['a store', 'cookies', 'cookies alone'] as const)(
    'moves in where sessions are in %s',
    (kind) => {
      test('signed in as before, under an id of ours, and without the old cookies', async () => {
        const shop = newSite(kind, reader)
        const browser = await oldVisitor(library)
        const old = jarOf(browser)
        const first = await look(shop, browser)
        const at = dated ? before : shop.now()
        expect(first).toMatchObject({ userId: 'ann', at, handle: expect.any(String), cart: kept.cart })
        expect([...jarOf(browser).keys()]).toEqual(['__Host-Http-sid'])
        const { id } = await look(shop, browser)
        expect(id).toMatch(/^[\w-]{43}$/)
        expect(shop.events).toEqual([
          { type: 'created', id, userId: 'ann' },
          { type: 'login', id, previous: null, userId: 'ann' },
          { type: 'imported', library: reader.library, id, userId: 'ann' },
        ])
        shop.wait(hour)
        expect(await look(shop, browser)).toEqual({ ...first, id })
        expect(shop.asked()).toBe(1)
        for (const value of old.values()) expect(JSON.stringify(shop.events)).not.toContain(value)
      })

      test('only once, when the old cookie comes back after the grace', async () => {
        const shop = newSite(kind, reader)
        const browser = await oldVisitor(library)
        const copy = browser.copy()
        await look(shop, browser)
        shop.wait(minute)
        const again = await look(shop, copy)
        const isNoted = single && kind !== 'cookies alone'
        // Nothing tells such a cookie from that of another visitor, or nothing keeps a note of it.
        expect(again).toEqual(isNoted ? stranger : ann)
        expect(jarOf(copy).size).toBe(isNoted ? 0 : 1)
        const refused = shop.events.filter(({ type }) => type === 'rejected')
        const reason = kind === 'a store' ? 'reused' : 'superseded'
        expect(refused).toEqual(isNoted ? [{ type: 'rejected', reason, id: null }] : [])
      })

      test('and out again: who leaves at once takes the old cookie along', async () => {
        const shop = newSite(kind, reader)
        const browser = await oldVisitor(library)
        const copy = browser.copy()
        browser.receive(await shop.site(browser.request('/leave')))
        expect([browser.cookie, shop.events]).toEqual([null, []])
        expect((await look(shop, copy)).userId).toBe(single && kind !== 'cookies alone' ? null : 'ann')
      })

      test('never into the session of another visitor who has the same data', async () => {
        const shop = newSite(kind, reader)
        const [one, other] = [await oldVisitor(library), await oldVisitor(library)]
        expect(one.cookie === other.cookie).toBe(!single)
        await look(shop, one)
        await look(shop, other)
        expect((await look(shop, one)).id).not.toBe((await look(shop, other)).id)
      })

      test('on localhost as well', async () => {
        const shop = newSite(kind, reader)
        const browser = await oldVisitor(library, 'http://localhost:3000')
        const old = jarOf(browser)
        expect(await look(shop, browser)).toEqual(ann)
        expect([...jarOf(browser).keys()]).toEqual(['sid'])
        expect([...old.values()]).not.toContain(browser.value('sid'))
        expect(await look(shop, browser)).toEqual(ann)
        expect(typesOf(shop.events)).toEqual(['created', 'login', 'imported'])
      })
    },
  )
})

const singles = Object.entries(libraries).filter(([, { single }]) => single)

test.for(singles)(
  '%s: a cookie sent again within the grace leads to the same session in a store',
  async ([, library]) => {
    const shop = newSite('a store', library.reader)
    const browser = await oldVisitor(library)
    const copy = browser.copy()
    await look(shop, browser)
    const { id } = await look(shop, browser)
    const { cookie } = copy
    expect(await look(shop, copy)).toEqual(await look(shop, browser))
    expect((await look(shop, copy)).id).toBe(id)
    expect(copy.cookie).toBe(cookie)
    expect(typesOf(shop.events)).toEqual(['created', 'login', 'imported'])
  },
)
