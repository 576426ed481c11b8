import type { CookieSessionManagerOptions } from '@coatcheck/core/cookie-session'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { newerSecret, secret, type Goods } from '../../../../test/support/cloakroom.ts'
import {
  browserWith,
  jarOf,
  openSealed,
  type SealedCloakroom,
} from '../../../../test/support/sealed-cloakroom.ts'
import { sealByHand } from '../../../../test/support/seal-twin.ts'
import { newSessionId } from '../crypto/token.ts'
import type { RejectionReason } from './events.ts'

const name = '__Host-Http-sid'
const large = 'x'.repeat(9000)

/** What a visit with these cookies comes to. */
async function come(room: SealedCloakroom<Goods>, cookies: Iterable<readonly [string, string]>) {
  const browser = browserWith(cookies)
  const { calls, events, setCookies, value } = await room.visit(browser, (session) => [
    session.isNew,
    session.userId,
  ])
  return { calls, events, setCookies, value }
}

const rejected = (reason: RejectionReason) => ({
  calls: [],
  events: [{ type: 'rejected', reason, id: null }],
  setCookies: [],
  value: [true, null],
})

const accepted = (userId: string) => ({ calls: ['get'], events: [], setCookies: [], value: [false, userId] })

/** A session of so many parts. */
async function welcomeLarge(room: SealedCloakroom<Goods>, user = 'ann'): Promise<Browser> {
  return room.welcome((session) => {
    session.login(user)
    session.set('notice', large)
  })
}

describe('parts of two', () => {
  test('sessions, of one browser or two, lead to neither', async () => {
    const room = openSealed()
    const [ann, bob] = [jarOf(await welcomeLarge(room)), jarOf(await welcomeLarge(room, 'bob'))]
    expect(ann.size).toBeGreaterThan(2)
    expect(await come(room, ann)).toEqual(accepted('ann'))
    for (const swapped of ann.keys()) {
      const mixed = new Map(ann).set(swapped, bob.get(swapped)!)
      expect(await come(room, mixed)).toEqual(rejected('malformed'))
    }
  })

  test('writes of one session lead to neither', async () => {
    const room = openSealed()
    const browser = await welcomeLarge(room)
    const before = jarOf(browser)
    await room.visit(browser, (session) => session.set('views', 1))
    const after = jarOf(browser)
    expect([...after.keys()]).toEqual([...before.keys()])
    for (const swapped of before.keys()) {
      expect(await come(room, new Map(after).set(swapped, before.get(swapped)!))).toEqual(
        rejected('malformed'),
      )
    }
    expect(await come(room, after)).toEqual(accepted('ann'))
  })

  test('of one write lead to nothing in each other’s places', async () => {
    const room = openSealed()
    const jar = jarOf(await welcomeLarge(room))
    const names = [...jar.keys()]
    for (const one of names) {
      for (const other of names.filter((each) => each !== one)) {
        const mixed = new Map(jar).set(one, jar.get(other)!).set(other, jar.get(one)!)
        expect(await come(room, mixed)).toEqual(rejected('malformed'))
      }
      const less = new Map(jar)
      less.delete(one)
      expect(await come(room, less)).toEqual(rejected('malformed'))
    }
    // The order in which a browser sends them is its own.
    expect(await come(room, [...jar].toReversed())).toEqual(accepted('ann'))
  })
})

describe('a token that was made', () => {
  const elsewhere: Readonly<Record<string, Partial<CookieSessionManagerOptions<Goods>>>> = {
    'for another application': { audience: 'blog' },
    'for another cookie name': { cookie: { name: '__Host-coat' } },
    'with other secrets': { secrets: [newerSecret] },
  }

  test.for(Object.entries(elsewhere))('%s is forged here', async ([, options]) => {
    const room = openSealed()
    for (const size of [1, 9000]) {
      const other = room.reopen(options)
      const browser = await other.welcome((session) => {
        session.login('ann')
        session.set('notice', 'x'.repeat(size))
      })
      const renamed = [...jarOf(browser)].map(
        ([key, value]) => [key.replace('__Host-coat', name), value] as const,
      )
      expect(await come(room, renamed)).toEqual(rejected('forged'))
      expect((await other.load(browser)).userId).toBe('ann')
    }
  })

  test('on a loopback host is forged on a real one, and the other way round', async () => {
    const room = openSealed()
    const local = new Browser('http://localhost')
    await room.visit(local, (session) => session.login('ann'))
    expect(await come(room, [[name, local.value()]])).toEqual(rejected('forged'))
    const real = await room.welcome()
    const stolen = new Browser('http://localhost', [['sid', real.value()]])
    expect((await room.visit(stolen, (session) => session.isNew)).events).toEqual(rejected('forged').events)
  })

  const recipe = { secret, purpose: 'cookie-session', audience: '', cookieName: name }
  const now = Date.UTC(2026, 10, 21, 9, 30)
  const content = (id: string): string =>
    `${JSON.stringify([id, 1, now, now + 3_600_000, 'ann'])}\n${JSON.stringify({ format: 1, createdAt: now, seenAt: now, authenticatedAt: now, data: {} })}`

  test('by who knows the secret counts, so that the other refusals are for their own reason', async () => {
    const token = await sealByHand(recipe, content(newSessionId()))
    expect(await come(openSealed(), [[name, token]])).toEqual(accepted('ann'))
  })

  test('for a snapshot, or any other purpose, is forged', async () => {
    for (const purpose of ['session-snapshot', 'session-token', 'csrf-token', 'key-name', '']) {
      const token = await sealByHand({ ...recipe, purpose }, content(newSessionId()))
      expect(await come(openSealed(), [[name, token]])).toEqual(rejected('forged'))
    }
  })

  test('by a version with another format is unreadable, and ends nothing', async () => {
    const valid = content(newSessionId())
    for (const text of [
      '',
      'null',
      '{}',
      valid.replace('"format":1', '"format":2'),
      valid.replace('\n', ' '),
    ]) {
      const token = await sealByHand(recipe, text)
      expect(await come(openSealed(), [[name, token]])).toEqual(rejected('unreadable'))
    }
  })

  test.for(['stale', 'a.b', `${'A'.repeat(43)}.${'A'.repeat(43)}`, '~10~', '~1~abcdefgh', '""', '%00'])(
    'of nothing that we make is malformed: %s',
    async (value) => {
      expect(await come(openSealed(), [[name, value]])).toEqual(rejected('malformed'))
    },
  )
})

describe('two cookies of our name', () => {
  test('with two valid sessions are ambiguous: both are refused, in either order', async () => {
    const room = openSealed()
    const [ann, bob] = [(await room.welcome()).value(), (await room.welcome((s) => s.login('bob'))).value()]
    for (const [one, two] of [
      [ann, bob],
      [bob, ann],
    ]) {
      const headers = { cookie: `${name}=${one}; ${name}=${two}` }
      const request = new Request('https://shop.test/', { headers })
      const { calls, events, value } = await room.visit(new Browser(), (session) => session.userId, request)
      expect([value, calls, events]).toEqual([null, [], rejected('ambiguous').events])
    }
  })

  test('one of which is rubbish, lead to the other', async () => {
    const room = openSealed()
    const ann = (await room.welcome()).value()
    for (const rubbish of ['stale', `${ann.slice(0, -4)}AAAA`]) {
      const headers = { cookie: `${name}=${rubbish}; ${name}=${ann}` }
      const request = new Request('https://shop.test/', { headers })
      expect((await room.visit(new Browser(), (session) => session.userId, request)).value).toBe('ann')
    }
  })

  test('of one session lead to the newer', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const old = browser.value()
    await room.visit(browser, (session) => session.set('views', 2))
    for (const pair of [
      [old, browser.value()],
      [browser.value(), old],
    ]) {
      const headers = { cookie: pair.map((value) => `${name}=${value}`).join('; ') }
      const request = new Request('https://shop.test/', { headers })
      expect((await room.visit(new Browser(), (session) => session.get('views'), request)).value).toBe(2)
    }
  })

  test('and more than eight of them are not looked at', async () => {
    const room = openSealed()
    const values = [(await room.welcome()).value(), ...Array.from({ length: 8 }, (_, at) => `stale${at}`)]
    const headers = { cookie: values.map((value) => `${name}=${value}`).join('; ') }
    const request = new Request('https://shop.test/', { headers })
    const { events } = await room.visit(new Browser(), () => {}, request)
    expect(events).toEqual(rejected('ambiguous').events)
  })
})

describe('a Cookie header', () => {
  test('that is longer than 16 cookies and what else a header holds is not read', async () => {
    const room = openSealed()
    const value = (await room.welcome()).value()
    const longest = 16_384 + 16 * 4096
    const own = `${name}=${value}; other=`
    for (const [length, reason] of [
      [longest, null],
      [longest + 1, 'oversized'],
    ] as const) {
      const headers = { cookie: own + 'x'.repeat(length - own.length) }
      const request = { url: 'https://shop.test/', headers: new Headers(headers) }
      const session = await room.sessions.load(request)
      expect(session.isNew).toBe(reason !== null)
      if (reason !== null) expect(room.events.at(-1)).toEqual({ type: 'rejected', reason, id: null })
    }
  })
})

describe('after a refusal', () => {
  test('a new session begins, and takes the cookie’s place', async () => {
    const room = openSealed()
    const browser = browserWith([[name, 'stale']])
    await room.visit(browser, (session) => session.set('views', 1))
    const { events, value } = await room.visit(browser, (session) => session.get('views'))
    expect([value, events]).toEqual([1, []])
  })

  test('destroy removes what was refused, parts and all', async () => {
    const room = openSealed()
    const jar = [...jarOf(await welcomeLarge(room))].slice(1)
    const browser = browserWith(jar)
    await room.visit(browser, (session) => session.destroy())
    expect(browser.cookie).toBeNull()
  })

  test('only names of ours are looked at', async () => {
    const room = openSealed()
    const value = (await room.welcome()).value()
    for (const other of [`x${name}`, `${name}x`, name.toLowerCase(), 'sid']) {
      expect(await come(room, [[other, value]])).toEqual({
        calls: [],
        events: [],
        setCookies: [],
        value: [true, null],
      })
    }
  })
})
