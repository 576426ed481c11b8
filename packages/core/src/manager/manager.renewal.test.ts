import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  hour,
  idOf,
  minute,
  openCloakroom,
  second,
  typesOf,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'

const lifetime = { idle: '12h', absolute: '5d', renewEvery: '1h' } as const
const open = (): Cloakroom<Goods> => openCloakroom({ lifetime })

/** A visitor who has a session, so much later. */
async function after(time: number, room = open()): Promise<{ room: Cloakroom<Goods>; browser: Browser }> {
  const browser = await room.welcome((session) => {
    session.login('ann')
    session.set('views', 1)
  })
  room.wait(time)
  return { room, browser }
}

const edges = [
  { when: 'a second before the time', offset: -second, renewed: false },
  { when: 'at the time', offset: 0, renewed: true },
  { when: 'a second after the time', offset: second, renewed: true },
]

test.for(edges)(
  'CSC-renewal an id is renewed once its time has come: $when, $renewed',
  async ({ offset, renewed }) => {
    const { browser, room } = await after(hour + offset)
    const before = browser.copy()
    const { events, setCookie } = await room.visit(browser, () => {})
    expect(setCookie !== null).toBe(renewed)
    expect(idOf(browser) !== idOf(before)).toBe(renewed)
    expect(events).toEqual(renewed ? [{ type: 'renewed', id: idOf(browser), previous: idOf(before) }] : [])
  },
)

test('renewal keeps user, data, handle and times, and the next one is due as long after', async () => {
  const { browser, room } = await after(hour)
  const before = await room.load(browser)
  await room.visit(browser, () => {})
  const session = await room.load(browser)
  expect([session.userId, session.get('views')]).toEqual(['ann', 1])
  expect([session.createdAt, session.authenticatedAt]).toEqual([before.createdAt, before.authenticatedAt])
  expect(session.authentication).toEqual(before.authentication)
  room.wait(hour - second)
  expect((await room.visit(browser, () => {})).setCookie).toBeNull()
  room.wait(second)
  expect(typesOf((await room.visit(browser, () => {})).events)).toEqual(['renewed'])
  expect(await room.store.liveIds()).toEqual([idOf(browser)])
})

test('a rotation or a login starts the time anew', async () => {
  for (const change of ['rotate', 'login'] as const) {
    const { browser, room } = await after(59 * minute)
    await room.visit(browser, (session) => (change === 'login' ? session.login('ann') : session.rotate()))
    room.wait(59 * minute)
    expect((await room.visit(browser, () => {})).setCookie).toBeNull()
  }
})

test('what a request changes is written with the renewal', async () => {
  const { browser, room } = await after(hour)
  const { events } = await room.visit(browser, (session) => session.set('views', 2))
  expect(typesOf(events)).toEqual(['renewed'])
  expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(2)
})

test.for([
  [
    'a rotation',
    'rotated',
    (room: Cloakroom<Goods>, browser: Browser) => room.visit(browser, (session) => session.rotate()),
  ],
  [
    'a login',
    'login',
    (room: Cloakroom<Goods>, browser: Browser) => room.visit(browser, (session) => session.login('ann')),
  ],
  [
    'a logout',
    'destroyed',
    (room: Cloakroom<Goods>, browser: Browser) => room.visit(browser, (session) => session.destroy()),
  ],
] as const)('%s is no renewal, however old the id is', async ([, type, act]) => {
  const { browser, room } = await after(2 * hour)
  expect(typesOf((await act(room, browser)).events)).toEqual([type])
})

test('off unless asked for', async () => {
  const { browser, room } = await after(10 * hour, openCloakroom({ lifetime: { idle: '12h' } }))
  const { events, setCookie } = await room.visit(browser, () => {})
  expect([typesOf(events), setCookie]).toEqual([['touched'], null])
})

describe('a renewal waits', () => {
  test.for(['image', 'script', 'style', 'font'])(
    'for a better request than one for Sec-Fetch-Dest: %s',
    async (dest) => {
      const { browser, room } = await after(2 * hour)
      const request = browser.request('/logo', { headers: { 'sec-fetch-dest': dest } })
      const { events, response, setCookie } = await room.visit(browser, () => {}, request)
      expect([setCookie, response.headers.get('cache-control')]).toEqual([null, null])
      expect(typesOf(events)).toEqual(['touched'])
      const page = browser.request('/', { headers: { 'sec-fetch-dest': 'document' } })
      expect(typesOf((await room.visit(browser, () => {}, page)).events)).toEqual(['renewed'])
    },
  )

  test.for([304, 101])('for a response that can carry a cookie, which a %i cannot', async (status) => {
    const { browser, room } = await after(2 * hour)
    const session = await room.load(browser)
    session.set('views', 2)
    const { events, setCookie } = await room.commit(browser, session, { status })
    // Nobody has asked for it, so nothing is missing.
    expect([typesOf(events), setCookie]).toEqual([['updated'], null])
    expect(typesOf((await room.visit(browser, () => {})).events)).toEqual(['renewed'])
  })

  test('for a transport that can carry one', async () => {
    const { browser, room } = await after(2 * hour)
    const thief = new Browser('http://shop.test', [['__Host-Http-sid', browser.value()]])
    const { events, setCookie } = await room.visit(thief, () => {})
    expect([typesOf(events), setCookie]).toEqual([['insecure'], null])
    expect(typesOf((await room.visit(browser, () => {})).events)).toEqual(['renewed'])
  })
})

describe('in the grace window of a renewal', () => {
  test('the old id reads and writes, and gets no cookie', async () => {
    const { browser, room } = await after(hour)
    const old = browser.copy()
    await room.visit(browser, () => {})
    room.wait(minute - 1)
    const { events, setCookie, value } = await room.visit(old, (session) => {
      session.set('cart', ['hat'])
      return session.userId
    })
    expect([value, setCookie, typesOf(events)]).toEqual(['ann', null, ['updated']])
    expect((await room.visit(browser, (session) => session.get('cart'))).value).toEqual(['hat'])
  })

  test('the old id is not renewed again, though its own time is over', async () => {
    const room = openCloakroom({ lifetime: { ...lifetime, renewEvery: '70s' }, rotationGrace: '60s' })
    const { browser } = await after(70 * second, room)
    const old = browser.copy()
    await room.visit(browser, () => {})
    const renewed = idOf(browser)
    room.wait(59 * second)
    expect((await room.visit(old, () => {})).setCookie).toBeNull()
    expect(await room.store.liveIds()).toEqual([renewed])
  })
})

test('CSC-renewal CSC-reuse after the grace window the old id is a sign of theft, and ends the session', async () => {
  const { browser, room } = await after(hour)
  const old = browser.copy()
  await room.visit(browser, () => {})
  room.wait(minute)
  expect(typesOf((await room.visit(old, () => {})).events)).toEqual(['reused', 'rejected'])
  expect((await room.visit(browser, (session) => session.userId)).value).toBeNull()
})

describe('requests that run at once during a renewal', () => {
  test('CSC-renewal all succeed, and are given one successor', async () => {
    const { browser, room } = await after(hour)
    const browsers = Array.from({ length: 6 }, () => browser.copy())
    const sessions = await Promise.all(browsers.map((each) => room.load(each)))
    sessions.forEach((session, index) => {
      if (index % 2 === 0) session.update('views', (views = 0) => views + 1)
    })
    await Promise.all(sessions.map((session, index) => room.commit(browsers[index]!, session)))
    const ids = new Set(browsers.map(idOf))
    expect(ids.size).toBe(1)
    expect(ids).not.toContain(idOf(browser))
    expect(await room.store.liveIds()).toEqual([...ids])
    expect((await room.visit(browsers[0]!, (session) => session.get('views'))).value).toBe(4)
    expect(typesOf(room.events).filter((type) => type === 'renewed')).toHaveLength(1)
    expect(typesOf(room.events)).not.toContain('gone')
  })

  test('a change that another request makes meanwhile is kept', async () => {
    const { browser, room } = await after(hour)
    const renewing = await room.load(browser)
    const image = browser.request('/', { headers: { 'sec-fetch-dest': 'image' } })
    await room.visit(browser.copy(), (session) => session.set('cart', ['hat']), image)
    expect(typesOf((await room.commit(browser, renewing)).events)).toEqual(['conflict', 'renewed'])
    expect((await room.visit(browser, (session) => session.get('cart'))).value).toEqual(['hat'])
  })

  test('a session that is ended meanwhile stays ended', async () => {
    const { browser, room } = await after(hour)
    const renewing = await room.load(browser)
    await room.memory.deleteByUser('ann')
    const { events, setCookie } = await room.commit(browser, renewing)
    expect([typesOf(events), setCookie, room.memory.size]).toEqual([['gone'], null, 0])
  })
})

test('ASVS-7.3.2 renewals do not move the absolute limit', async () => {
  const room = openCloakroom({ lifetime: { idle: '2h', absolute: '6h', renewEvery: '30m' } })
  const { browser } = await after(0, room)
  for (let passed = 10 * minute; passed < 6 * hour; passed += 10 * minute) {
    room.wait(10 * minute)
    expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
  }
  room.wait(10 * minute)
  expect((await room.visit(browser, (session) => session.userId)).value).toBeNull()
})
