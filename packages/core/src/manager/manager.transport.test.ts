import { afterEach, describe, expect, test, vi } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  idOf,
  minute,
  newerSecret,
  openCloakroom,
  secret,
  typesOf,
} from '../../../../test/support/cloakroom.ts'
import { createSessionManager } from '../index.ts'
import { memoryStore } from '../memory-store.ts'

/** A cookie in a request that says of itself how it came. */
function requestTo(url: string, headers: Record<string, string> = {}, browser?: Browser): Request {
  const cookie = browser?.cookie
  return new Request(url, { headers: { ...headers, ...(cookie == null ? {} : { cookie }) } })
}

describe('plain http on a host that is not loopback', () => {
  test.for([
    'http://shop.test/',
    'http://localhost.shop.test/',
    'http://127.0.0.1.shop.test/',
    'http://10.0.0.1/',
    'http://[::2]/',
    'http://shop.test/?https://shop.test',
  ])('NIST-5.1-end NIST-5.1.1 writes nothing and sets no cookie, and says why: %s', async (url) => {
    const room = openCloakroom()
    const { calls, events, response, setCookie } = await room.visit(
      new Browser(),
      (session) => {
        session.set('views', 1)
        session.login('ann')
      },
      requestTo(url),
    )
    expect(calls).toEqual([])
    expect(setCookie).toBeNull()
    expect(response.headers.get('Cache-Control')).toBe('private')
    expect(events).toEqual([
      { type: 'insecure', reason: 'plain-http', remedy: expect.stringContaining('https') },
    ])
  })

  test('NIST-5.1-end does not look at a cookie that came all the same', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const { calls, events, value } = await room.visit(
      new Browser(),
      (session) => session.userId,
      requestTo('http://shop.test/', {}, browser),
    )
    expect(value).toBeNull()
    expect(calls).toEqual([])
    expect(typesOf(events)).toEqual(['insecure'])
  })

  test('says nothing of a visitor who has no session and wants none', async () => {
    const room = openCloakroom()
    const { events } = await room.visit(
      new Browser(),
      (session) => session.userId,
      requestTo('http://shop.test/'),
    )
    expect(events).toEqual([])
  })

  test('does not destroy what the cookie names', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const { setCookie } = await room.visit(
      new Browser(),
      (session) => session.destroy(),
      requestTo('http://shop.test/', {}, browser),
    )
    expect(setCookie).toBeNull()
    expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
  })
})

describe('plain http on a loopback host', () => {
  test.for([
    'http://localhost:8787',
    'http://shop.localhost',
    'http://127.0.0.1',
    'http://127.1.2.3:3000',
    'http://[::1]:3000',
  ])('has a cookie without prefix and Secure: %s', async (origin) => {
    const room = openCloakroom()
    const browser = new Browser(origin)
    const { setCookie } = await room.visit(browser, (session) => session.set('views', 1))
    expect(setCookie).toMatch(/^sid=[\w-]{43}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
    await room.visit(browser, (session) => session.destroy())
    expect(browser.cookie).toBeNull()
  })

  test('a cookie of development is worth nothing over https, and the other way round', async () => {
    const room = openCloakroom()
    const secure = await room.welcome()
    const local = new Browser('http://localhost')
    await room.visit(local, (session) => session.login('ann'))
    for (const [browser, origin, name] of [
      [local, 'https://shop.test', '__Host-Http-sid'],
      [secure, 'http://localhost', 'sid'],
    ] as const) {
      const moved = new Browser(origin, [[name, browser.value()]])
      const { events, value } = await room.visit(moved, (session) => session.userId)
      expect(value).toBeNull()
      expect(events).toEqual([{ type: 'rejected', reason: 'forged', id: null }])
    }
  })

  test.for(['x-forwarded-proto', 'x-forwarded-for', 'forwarded'])(
    'is no loopback behind a proxy on the same machine: %s',
    async (header) => {
      const room = openCloakroom()
      const { calls, events, setCookie } = await room.visit(
        new Browser(),
        (session) => session.set('views', 1),
        requestTo('http://localhost:3000/', { [header]: 'https' }),
      )
      expect(calls).toEqual([])
      expect(setCookie).toBeNull()
      expect(events).toEqual([
        { type: 'insecure', reason: 'untrusted-proxy', remedy: expect.stringContaining('trustProxy') },
      ])
    },
  )
})

describe('behind proxies', () => {
  test('ASVS-4.1.3 a forwarding header that nobody vouches for does not make a request secure', async () => {
    const room = openCloakroom()
    const { setCookie } = await room.visit(
      new Browser(),
      (session) => session.set('views', 1),
      requestTo('http://shop.test/', { 'x-forwarded-proto': 'https' }),
    )
    expect(setCookie).toBeNull()
  })

  test.for([
    { trustProxy: 1, forwarded: 'https', secure: true },
    { trustProxy: 1, forwarded: 'HTTPS', secure: true },
    { trustProxy: 1, forwarded: 'http', secure: false },
    { trustProxy: 1, forwarded: 'https, http', secure: false },
    { trustProxy: 1, forwarded: 'http, https', secure: true },
    { trustProxy: 2, forwarded: 'https, http', secure: true },
    { trustProxy: 2, forwarded: 'https, http, https', secure: false },
    { trustProxy: 2, forwarded: 'https', secure: true },
    { trustProxy: 1, forwarded: '', secure: false },
  ])(
    'ASVS-4.1.3 $trustProxy trusted, "$forwarded" announced: secure is $secure',
    async ({ trustProxy, forwarded, secure }) => {
      const room = openCloakroom({ trustProxy })
      const { events, setCookie } = await room.visit(
        new Browser(),
        (session) => session.set('views', 1),
        requestTo('http://shop.test/', { 'x-forwarded-proto': forwarded }),
      )
      expect(setCookie !== null).toBe(secure)
      expect(typesOf(events)).toEqual([secure ? 'created' : 'insecure'])
      if (secure) expect(setCookie).toMatch(/^__Host-Http-sid=.*; Secure;/)
    },
  )

  test('a trusted proxy that was spoken to over http makes an https hop insecure', async () => {
    const room = openCloakroom({ trustProxy: 1 })
    const request = requestTo('https://shop.test/', { 'x-forwarded-proto': 'http' })
    const { setCookie } = await room.visit(new Browser(), (session) => session.set('views', 1), request)
    expect(setCookie).toBeNull()
  })
})

describe('without an onEvent hook', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('the console says once why there is no cookie, and is silent about everything else', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const sessions = createSessionManager<{ views: number }>({ secrets: [secret], store: memoryStore() })
    for (const url of ['https://shop.test/', 'http://shop.test/', 'http://shop.test/']) {
      await sessions.handle(
        new Request(url, { headers: { cookie: '__Host-Http-sid=malformed' } }),
        (session) => {
          session.set('views', 1)
          return new Response('Welcome')
        },
      )
    }
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^coatcheck: no session cookie.*plain-http.*https/s)],
    ])
    expect(error).not.toHaveBeenCalled()
  })
})

describe('a status that cannot carry a cookie', () => {
  test.for([304, 101])(
    'RFC9111-4.3.4 %i: a new session is not begun, and an event says so',
    async (status) => {
      const room = openCloakroom()
      const browser = new Browser()
      const session = await room.load(browser)
      session.set('views', 1)
      const { calls, events, setCookie } = await room.commit(browser, session, { status })
      expect(calls).toEqual([])
      expect(setCookie).toBeNull()
      expect(events).toEqual([{ type: 'withheld', id: null, change: 'create' }])
    },
  )

  test.for([304, 101])(
    'RFC9111-4.3.4 %i: a login is not carried out, and the visitor stays who he was',
    async (status) => {
      const room = openCloakroom()
      const browser = await room.welcome((session) => session.set('views', 1))
      const session = await room.load(browser)
      session.login('ann')
      const { calls, events, setCookie } = await room.commit(browser, session, { status })
      expect(calls).toEqual([])
      expect(setCookie).toBeNull()
      expect(events).toEqual([{ type: 'withheld', id: idOf(browser), change: 'login' }])
      const { value } = await room.visit(browser, (visit) => [visit.userId, visit.get('views')])
      expect(value).toEqual([null, 1])
    },
  )

  test.for([304, 101])('%i: the id stays, but what was changed is written', async (status) => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const session = await room.load(browser)
    session.rotate()
    session.set('views', 1)
    const { events, setCookie } = await room.commit(browser, session, { status })
    expect(setCookie).toBeNull()
    expect(events).toEqual([
      { type: 'withheld', id: idOf(browser), change: 'rotate' },
      { type: 'updated', id: idOf(browser), keys: ['views'] },
    ])
    expect((await room.visit(browser, (visit) => visit.get('views'))).value).toBe(1)
  })

  test.for([304, 101])('%i: changes, visits and ends are written', async (status) => {
    const room = openCloakroom({ lifetime: { idle: '10m', absolute: '1h' } })
    const browser = await room.welcome()
    const changed = await room.load(browser)
    changed.set('views', 1)
    expect(typesOf((await room.commit(browser, changed, { status })).events)).toEqual(['updated'])
    room.wait(5 * minute)
    const seen = await room.load(browser)
    expect(typesOf((await room.commit(browser, seen, { status })).events)).toEqual(['touched'])
    const ended = await room.load(browser)
    ended.destroy()
    const { events, setCookie } = await room.commit(browser, ended, { status })
    expect(typesOf(events)).toEqual(['destroyed'])
    expect(setCookie).toBeNull()
    expect(room.memory.size).toBe(0)
  })

  test('a cookie of an older secret is renewed by the next response that can', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const later = room.reopen({ secrets: [newerSecret, secret] })
    const session = await later.load(browser)
    expect((await later.commit(browser, session, { status: 304 })).setCookie).toBeNull()
    expect((await later.visit(browser, (visit) => visit.userId)).setCookie).not.toBeNull()
  })

  test('RFC9111-4.3.4 a 304 that depends on the session is private all the same', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const response = await room.sessions.handle(browser.request(), (session) => {
      expect(session.userId).toBe('ann')
      return new Response(null, {
        status: 304,
        headers: { ETag: '"1"', 'Cache-Control': 'public, max-age=60' },
      })
    })
    expect(response.status).toBe(304)
    expect(response.headers.get('Cache-Control')).toBe('private, max-age=60')
    expect(response.headers.get('ETag')).toBe('"1"')
  })
})
