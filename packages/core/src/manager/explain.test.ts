import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  day,
  hour,
  minute,
  newerSecret,
  openCloakroom,
  secret,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import { play, rejections } from '../../../../test/support/scenes.ts'
import type { Explanation } from './explanation.ts'

type Fields = Readonly<Record<string, string>>

function explain(room: Cloakroom<Goods>, browser: Browser, headers: Fields = {}): Promise<Explanation> {
  return room.sessions.explain(browser.request('/', { headers }))
}

function text({ sentences }: Explanation): string {
  return sentences.join('\n')
}

/** Who comes with this as the Cookie header. */
async function withCookie(room: Cloakroom<Goods>, cookie: string): Promise<Explanation> {
  return room.sessions.explain(new Request('https://shop.test/', { headers: { cookie } }))
}

test.for<{ url: string; headers: Fields; trustProxy: number; verdict: string; says: string }>([
  { url: 'https://shop.test', headers: {}, trustProxy: 0, verdict: 'secure', says: 'over https' },
  { url: 'http://localhost:3000', headers: {}, trustProxy: 0, verdict: 'loopback', says: 'for development' },
  { url: 'http://shop.test', headers: {}, trustProxy: 0, verdict: 'plain-http', says: 'need https' },
  {
    url: 'http://shop.test',
    headers: { 'x-forwarded-proto': 'https' },
    trustProxy: 0,
    verdict: 'untrusted-proxy',
    says: 'X-Forwarded-Proto says "https"; trustProxy is 0, so that does not count',
  },
  {
    url: 'http://shop.test',
    headers: { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' },
    trustProxy: 1,
    verdict: 'secure',
    says: 'It has x-forwarded-proto, x-forwarded-for, and X-Forwarded-Proto says "https"; trustProxy is 1',
  },
  {
    url: 'http://shop.test',
    headers: { 'x-forwarded-proto': 'http' },
    trustProxy: 1,
    verdict: 'plain-http',
    says: 'need https',
  },
])(
  '$url with $headers and trustProxy $trustProxy: $verdict',
  async ({ url, headers, trustProxy, verdict, says }) => {
    const explanation = await explain(openCloakroom({ trustProxy }), new Browser(url), headers)
    expect(explanation.transport.verdict).toBe(verdict)
    expect(text(explanation)).toContain(says)
    expect(text(explanation)).toContain(
      `The request came to ${new URL(url).host} over ${new URL(url).protocol.slice(0, -1)}`,
    )
    // An address is nobody's business here.
    expect(JSON.stringify(explanation)).not.toContain('192.0.2.7')
    const carries = verdict === 'secure' || verdict === 'loopback'
    expect(explanation.response.setCookie === null).toBe(!carries)
    expect(explanation.transport.remedy === null).toBe(carries)
    if (!carries) {
      expect(explanation.cookie.name).toBeNull()
      expect(text(explanation)).toContain('No response to this request would set a session cookie.')
    }
  },
)

test('a stranger would get a session and its cookie when the handler changes something', async () => {
  const explanation = await explain(openCloakroom(), new Browser())
  expect(explanation.cookie).toMatchObject({ name: '__Host-Http-sid', headerLength: null, candidates: [] })
  expect(explanation.session.verdict).toBe('none')
  expect(explanation.response).toEqual({
    plan: 'nothing',
    setCookie: '__Host-Http-sid=…; Path=/; Secure; HttpOnly; SameSite=Lax',
    reissue: false,
  })
  expect(text(explanation)).toContain('the request has no Cookie header')
  expect(explanation.sentences.at(-1)).toContain(
    'would begin a new one, and send Set-Cookie: __Host-Http-sid=…; Path=/;',
  )
})

test('the cookie of another kind of transport is pointed out', async () => {
  const room = openCloakroom()
  const development = new Browser('http://localhost:3000', [['__Host-Http-sid', 'x']])
  const explanation = await explain(room, development)
  expect(explanation.cookie).toMatchObject({ name: 'sid', candidates: [], elsewhere: '__Host-Http-sid' })
  expect(text(explanation)).toContain('The cookie __Host-Http-sid is for another kind of transport')
  const live = await explain(room, new Browser('https://shop.test', [['sid', 'x']]))
  expect(live.cookie.elsewhere).toBe('sid')
  expect(
    (await explain(room, new Browser('https://shop.test', [['theme', 'x']]))).cookie.elsewhere,
  ).toBeNull()
})

test('a live session: whose secret signed it, who is signed in, when and by which limit it ends', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const explanation = await explain(room, browser)
  const id = browser.value().slice(0, 8)
  expect(explanation.cookie.candidates).toEqual([
    { verdict: 'valid', length: 87, looksLike: null, id, keyIndex: 0 },
  ])
  expect(explanation.session).toEqual({
    verdict: 'live',
    id,
    successor: null,
    viaGrace: false,
    signedIn: true,
    expiresAt: new Date(room.now() + day),
    limit: 'idle',
    error: null,
  })
  expect(text(explanation)).toContain(`it names session ${id}, and the current secret signed it`)
  expect(text(explanation)).toContain('The cookie is good')
})

test('what a visit alone would write is told', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  expect(text(await explain(room, browser))).toContain('A handler that changes nothing writes nothing.')
  room.wait(12 * hour)
  const explanation = await explain(room, browser)
  expect(explanation.response.plan).toBe('touch')
  expect(text(explanation)).toContain('A handler that changes nothing would write (touch).')
})

test('an id that has had its time would be renewed', async () => {
  const room = openCloakroom({ lifetime: { renewEvery: '1h' } })
  const browser = await room.welcome()
  room.wait(2 * hour)
  const explanation = await explain(room, browser)
  expect(explanation.response.plan).toBe('rotate')
  expect(explanation.sentences.at(-1)).toContain('Its id has had its time (renewEvery)')
  const image = await explain(room, browser, { 'sec-fetch-dest': 'image' })
  expect(image.response.plan).toBe('nothing')
})

test('a cookie that an older secret signed would be sent anew', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const explanation = await explain(room.reopen({ secrets: [newerSecret, secret] }), browser)
  expect(explanation.response.reissue).toBe(true)
  expect(text(explanation)).toContain('secrets[1], an older one, signed it')
  expect(text(explanation)).toContain('it would be sent anew: __Host-Http-sid=…')
})

test('an id in its grace window leads on, and gets no new cookie', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const old = browser.copy()
  await room.visit(browser, (session) => session.rotate())
  const explanation = await explain(room, old)
  const successor = browser.value().slice(0, 8)
  expect(explanation.session).toMatchObject({ verdict: 'live', viaGrace: true, successor })
  expect(text(explanation)).toContain(`its grace window leads on to ${successor}`)
  expect(explanation.sentences.at(-1)).toContain('a replaced id gets no new cookie')
  const newer = room.reopen({ secrets: [newerSecret, secret] })
  expect((await explain(newer, old)).response.reissue).toBe(false)
})

test('a rotated id after its grace window is told of, and its session goes on', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const old = browser.copy()
  await room.visit(browser, (session) => session.rotate())
  room.wait(hour)
  const explanation = await explain(room, old)
  expect(explanation.session).toMatchObject({ verdict: 'reused', successor: browser.value().slice(0, 8) })
  expect(text(explanation)).toContain('a real request would end the whole session')
  expect((await room.visit(browser, ({ userId }) => userId)).value).toBe('ann')
})

test.for([
  { idle: '30m', absolute: '10d', limit: 'idle', says: 'by the idle limit' },
  { idle: '1h', absolute: '1h', limit: 'absolute', says: 'by the absolute limit' },
] as const)('an expired session: $says', async ({ idle, absolute, limit, says }) => {
  const room = openCloakroom()
  const browser = await room.welcome()
  room.wait(2 * hour)
  const explanation = await explain(room.reopen({ lifetime: { idle, absolute } }), browser)
  expect(explanation.session).toMatchObject({ verdict: 'expired', limit })
  expect(text(explanation)).toContain(says)
})

test('a session that the policy of its time has ended: by the limit of then', async () => {
  const room = openCloakroom({ lifetime: { idle: '30m' } })
  const browser = await room.welcome()
  const [[id, record] = []] = await room.store.dump()
  room.wait(hour)
  // This store keeps what has expired, as one without a clock would.
  const store = { ...room.memory, get: async (asked: string) => (asked === id ? record! : null) }
  const explanation = await explain(room.reopen({ store, lifetime: {} }), browser)
  expect(explanation.session).toMatchObject({ verdict: 'expired', limit: 'stored' })
  expect(text(explanation)).toContain('the limit that was in force when it was written')
})

test.for([
  ['12 characters', 'rotten-value', 'its 12 characters are not an id and a proof'],
  ['a cookie of express-session', 's%3Aabc.def', 'It looks like a cookie of express-session.'],
  ['nothing', '', 'its 0 characters'],
] as const)('a malformed cookie: %s', async ([, value, says]) => {
  const explanation = await withCookie(openCloakroom(), `__Host-Http-sid=${value}`)
  expect(explanation.cookie.refused).toBe('malformed')
  expect(text(explanation)).toContain(says)
})

test('of several cookies, each has its own verdict', async () => {
  const room = openCloakroom()
  const good = (await room.welcome()).value()
  const forged = `${good.slice(0, -1)}${good.endsWith('A') ? 'E' : 'A'}`
  const cookies = [forged, good, 'rubbish'].map((value) => `__Host-Http-sid=${value}`)
  const explanation = await withCookie(room, cookies.join('; '))
  expect(explanation.cookie.candidates.map(({ verdict }) => verdict)).toEqual([
    'forged',
    'valid',
    'malformed',
  ])
  expect(explanation.cookie.refused).toBeNull()
  expect(explanation.session.verdict).toBe('live')
  expect(text(explanation)).toContain('3 cookies have that name.')
  expect(text(explanation)).toContain('Cookie 1 is refused as forged')
})

test('a store that fails is told of, by name and message', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  room.store.failWhen(() => 'fails')
  const explanation = await explain(room, browser)
  expect(explanation.session).toMatchObject({
    verdict: 'store-failure',
    error: 'Error: The disk is on fire.',
  })
  expect(text(explanation)).toContain('a real request would fail, and not go on as a stranger')
  expect(room.events.filter(({ type }) => type === 'store-failure')).toEqual([])
})

test.for(Object.keys(rejections) as (keyof typeof rejections)[])(
  'a request that is rejected as %s is explained so, before it is and without its consequences',
  async (reason) => {
    const { events, explanations } = await play(rejections[reason])
    const { cookie, session } = explanations.at(-1)!
    expect(cookie.refused ?? session.verdict).toBe(reason)
    expect(events.filter(({ type }) => type === 'rejected')).toHaveLength(1)
  },
)

test('ASVS-16.4.1 what the client wrote cannot begin a line, nor hide one', async () => {
  const room = openCloakroom()
  const request = {
    url: 'http://shop.test\r\nThe-session-is-live/',
    headers: { get: (name: string) => (name === 'x-forwarded-proto' ? 'https\r\n\u001b[2J' : null) },
  }
  for (const sentence of (await room.sessions.explain(request)).sentences) {
    expect(sentence).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  }
})

test('ASVS-16.2.5 explaining shows neither token, proof, user, nor secret, asks the store only to read, and reports nothing', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  await room.visit(browser, (session) => session.set('views', 4711))
  const old = browser.copy()
  await room.visit(browser, (session) => session.rotate())
  const before = await room.store.dump()
  room.store.takeCalls()
  room.events.length = 0
  for (const wait of [0, 2 * minute, 30 * day]) {
    room.wait(wait)
    for (const one of [browser, old]) {
      const [id, proof] = one.value().split('.')
      const shown = JSON.stringify(await explain(room, one))
      for (const hidden of [id!, proof!, proof!.slice(0, 8), secret, 'ann', '4711'])
        expect(shown).not.toContain(hidden)
    }
    if (wait < day) expect(await room.store.dump()).toEqual(before)
  }
  expect(new Set(room.store.takeCalls())).toEqual(new Set(['get']))
  expect(room.events).toEqual([])
})
