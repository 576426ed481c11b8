import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { day, hour, minute, newerSecret, secret, type Goods } from '../../../../test/support/cloakroom.ts'
import {
  browserWith,
  jarOf,
  openSealed,
  type SealedCloakroom,
} from '../../../../test/support/sealed-cloakroom.ts'
import { sealByHand } from '../../../../test/support/seal-twin.ts'
import { newSessionId } from '../crypto/token.ts'
import type { Explanation } from './explanation.ts'

const name = '__Host-Http-sid'

function text({ sentences }: Explanation): string {
  return sentences.join('\n')
}

/** Explains a request, and expects that nobody and nothing but the store's reader noticed. */
async function explain(room: SealedCloakroom<Goods>, browser: Browser): Promise<Explanation> {
  const events = room.events.length
  const before = await room.store.dump()
  room.store.takeCalls()
  const explanation = await room.sessions.explain(browser.request())
  expect(room.store.takeCalls().filter((call) => call !== 'get')).toEqual([])
  expect(await room.store.dump()).toEqual(before)
  expect(room.events.slice(events)).toEqual([])
  return explanation
}

test('a live session', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  const { id } = await room.load(browser)
  const explanation = await explain(room, browser)
  const short = id!.slice(0, 8)
  expect(explanation).toMatchObject({
    cookie: {
      name,
      sealed: true,
      refused: null,
      elsewhere: null,
      candidates: [
        { verdict: 'valid', id: short, keyIndex: 0, looksLike: null, length: browser.value().length },
      ],
    },
    session: {
      verdict: 'live',
      id: short,
      viaGrace: false,
      signedIn: true,
      expiresAt: new Date(room.now() + day),
      limit: 'idle',
      error: null,
    },
    response: {
      plan: 'nothing',
      reissue: false,
      setCookie: `${name}=…; Path=/; Secure; HttpOnly; SameSite=Lax`,
    },
  })
  expect(text(explanation)).toContain(`Cookie 1 is valid: it names session ${short}`)
  expect(text(explanation)).toContain(`Session ${short} is live: somebody is signed in`)
})

test('what a commit would do: a touch, a renewal, a migration', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  room.wait(12 * hour)
  expect((await explain(room, browser)).response.plan).toBe('touch')
  const renewing = room.reopen({ lifetime: { renewEvery: '1h' } })
  expect((await explain(renewing, browser)).response.plan).toBe('rotate')
  const image = browser.request('/', { headers: { 'sec-fetch-dest': 'image' } })
  expect((await renewing.sessions.explain(image)).response.plan).toBe('touch')
})

test('no cookie, a stranger’s and a torn one', async () => {
  const room = openSealed()
  expect(text(await explain(room, new Browser()))).toContain('the request has no Cookie header')
  const strange = await explain(room, browserWith([['theme', 'dark']]))
  expect([strange.cookie.candidates, strange.cookie.refused, strange.session.verdict]).toEqual([
    [],
    null,
    'none',
  ])
  const stale = await explain(room, browserWith([[name, 'stale']]))
  expect(stale.cookie).toMatchObject({
    refused: 'malformed',
    candidates: [{ verdict: 'malformed', length: 5 }],
  })
  expect(text(stale)).toContain(
    'Cookie 1 is refused as malformed: its 5 characters are not a sealed session.',
  )
  const whole = await room.welcome((session) => session.set('notice', 'x'.repeat(9000)))
  for (const lost of jarOf(whole).keys()) {
    const jar = jarOf(whole)
    jar.delete(lost)
    const torn = await explain(room, browserWith(jar))
    expect(torn.cookie.refused).toBe('malformed')
    expect(torn.cookie.candidates.map(({ verdict }) => verdict)).toEqual([...jar].map(() => 'malformed'))
    expect(text(torn)).toContain('is refused as malformed')
  }
  expect((await explain(room, whole)).cookie.candidates).toHaveLength(1)
})

test('a cookie of others, and two at once', async () => {
  const room = openSealed()
  const ann = await room.welcome()
  const forged = await explain(room.reopen({ secrets: [newerSecret] }), ann)
  expect(forged.cookie).toMatchObject({ refused: 'forged', candidates: [{ verdict: 'forged', id: null }] })
  const audience = await explain(room.reopen({ audience: 'blog' }), ann)
  expect(audience.cookie.refused).toBe('forged')
  const bob = await room.welcome((session) => session.login('bob'))
  const headers = { cookie: `${name}=${ann.value()}; ${name}=${bob.value()}` }
  const both = await room.sessions.explain(new Request('https://shop.test/', { headers }))
  expect([both.cookie.refused, both.cookie.candidates.length, both.session.verdict]).toEqual([
    'ambiguous',
    2,
    'none',
  ])
  const many = Array.from({ length: 9 }, (_, at) => `${name}=stale${at}`).join('; ')
  const crowd = await room.sessions.explain(new Request('https://shop.test/', { headers: { cookie: many } }))
  expect([crowd.cookie.refused, crowd.cookie.candidates.length]).toEqual(['ambiguous', 9])
  const long = await explain(room, browserWith([[name, 'x'.repeat(90_000)]]))
  expect([long.cookie.refused, long.cookie.candidates]).toEqual(['oversized', []])
})

test('an older secret', async () => {
  const old = openSealed()
  const browser = await old.welcome()
  const room = old.reopen({ secrets: [newerSecret, secret] })
  const { cookie, response } = await explain(room, browser)
  expect([cookie.candidates[0]!.keyIndex, response.reissue]).toEqual([1, true])
})

test('why a session has ended', async () => {
  const room = openSealed({ strict: true })
  const verdictOf = async (browser: Browser) => (await explain(room, browser)).session.verdict
  const [revoked, superseded, reused, replayed] = [
    await room.welcome(),
    await room.welcome(),
    await room.welcome(),
    await room.welcome(),
  ]
  await room.visit(revoked.copy(), (session) => session.destroy())
  await room.visit(superseded.copy(), (session) => session.login('bob'))
  await room.visit(reused.copy(), (session) => session.rotate())
  await room.visit(replayed.copy(), (session) => session.set('views', 1))
  expect(await explain(room, reused)).toMatchObject({ session: { verdict: 'live', viaGrace: true } })
  expect(await explain(room, replayed)).toMatchObject({ session: { verdict: 'live', viaGrace: true } })
  room.wait(minute)
  expect(await verdictOf(revoked)).toBe('revoked')
  expect(await verdictOf(superseded)).toBe('superseded')
  expect(await verdictOf(reused)).toBe('reused')
  expect(await verdictOf(replayed)).toBe('replayed')
  expect(text(await explain(room, replayed))).toContain(
    'is refused as replayed: a newer cookie of the session was set',
  )
  room.wait(day)
  expect((await explain(room, revoked)).session).toMatchObject({ verdict: 'expired', limit: 'idle' })
})

test('which limit ends it: that of today, or that of when it was sealed', async () => {
  const room = openSealed({ lifetime: { idle: '1h', absolute: '2h' } })
  const browser = await room.welcome()
  const limitsOf = async (where: SealedCloakroom<Goods>) => {
    const { expiresAt, limit, verdict } = (await explain(where, browser)).session
    return { in: (expiresAt!.getTime() - began) / hour, limit, verdict }
  }
  const began = room.now()
  const longer = room.reopen({ lifetime: { idle: '30d', absolute: '30d' } })
  const shorter = room.reopen({ lifetime: { idle: '1h', absolute: '1h' } })
  expect(await limitsOf(room)).toEqual({ in: 1, limit: 'idle', verdict: 'live' })
  expect(await limitsOf(shorter)).toEqual({ in: 1, limit: 'absolute', verdict: 'live' })
  expect(await limitsOf(longer)).toEqual({ in: 2, limit: 'stored', verdict: 'live' })
  room.wait(2 * hour)
  expect(await limitsOf(longer)).toEqual({ in: 2, limit: 'stored', verdict: 'expired' })
})

test('data that do not fit the schema, and a text of another version', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  const validate = () => ({ issues: [{ message: 'no' }] })
  const schema = { '~standard': { version: 1 as const, vendor: 'test', validate } }
  expect((await explain(room.reopen({ schema }), browser)).session.verdict).toBe('schema')
  const recipe = { secret, purpose: 'cookie-session', audience: '', cookieName: name }
  const token = await sealByHand(recipe, `["${newSessionId()}",1]\n{"format":2}`)
  const newer = await explain(room, browserWith([[name, token]]))
  expect([newer.cookie.refused, newer.session.verdict]).toEqual(['unreadable', 'unreadable'])
})

test('a store that fails is told, and to nobody else', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  room.store.failWhen(() => 'fails')
  const events = room.events.length
  const { session, sentences } = await room.sessions.explain(browser.request())
  expect(session).toMatchObject({ verdict: 'store-failure', error: 'Error: The disk is on fire.' })
  expect(sentences.join('\n')).toContain('a real request would fail, and not go on as a stranger')
  expect(room.events.slice(events)).toEqual([])
})

test('revocation none asks no store', async () => {
  const room = openSealed({ revocation: 'none' })
  const browser = await room.welcome()
  room.store.takeCalls()
  expect((await room.sessions.explain(browser.request())).session.verdict).toBe('live')
  expect(room.store.takeCalls()).toEqual([])
})

test('ASVS-16.2.5 no token, secret, user or data is in it', async () => {
  const room = openSealed()
  const browser = await room.welcome((session) => {
    session.login('ann-of-the-green-house')
    session.set('notice', 'plaintext'.repeat(1000))
  })
  const copy = browser.copy()
  await room.visit(browser, (session) => session.rotate())
  const shown = JSON.stringify([await explain(room, browser), await explain(room, copy)])
  const hidden = [...jarOf(browser).values(), ...jarOf(copy).values()].flatMap((value) => value.split(/[.~]/))
  for (const each of [...hidden.filter((piece) => piece.length > 12), 'ann-of', 'plaintext', secret])
    expect(shown).not.toContain(each)
})
