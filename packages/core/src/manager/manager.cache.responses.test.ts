import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  cookieChanges,
  openCachedRoom,
  snapshotName,
  snapshotOf,
  withSnapshot,
} from '../../../../test/support/cached-room.ts'
import {
  hour,
  minute,
  newerSecret,
  secret,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import type { Session } from '../session/session.ts'

const headers = { 'Cache-Control': 'public, max-age=60', 'Content-Type': 'text/plain' }

/** A response that says it may be cached, to a request from this browser. */
async function answer(
  room: Cloakroom<Goods>,
  browser: Browser,
  handler: (session: Session<Goods>) => unknown = (session) => session.userId,
  { init = {}, status = 200 }: { init?: RequestInit; status?: number } = {},
) {
  const request = browser.request('/', init)
  const before = new Response(status === 304 ? null : 'Welcome', { status, headers })
  const response = await room.sessions.handle(request, async (session) => {
    await handler(session)
    return before
  })
  browser.receive(response)
  return { response, changes: cookieChanges(response), same: response === before }
}

describe('the response to a read', () => {
  test('that a snapshot answered sets no cookie, and is private', async () => {
    const room = openCachedRoom()
    const { changes, response } = await answer(room, await room.welcome())
    expect(changes).toEqual([])
    expect(response.headers.get('Cache-Control')).toBe('private, max-age=60')
    expect(response.headers.get('Vary')).toBe('Cookie')
  })

  test('that the store answered sets the snapshot, and is stored nowhere', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.wait(minute)
    const { changes, response } = await answer(room, browser)
    expect(changes).toEqual(['set sid-cache'])
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(response.headers.get('Vary')).toBe('Cookie')
  })

  test('the snapshot has the scope and safety of the session cookie, and lives as long as it serves', async () => {
    const room = openCachedRoom()
    const browser = withSnapshot(await room.welcome())
    const { response } = await answer(room, browser)
    const [field] = response.headers.getSetCookie()
    const attributes = field!.split('; ').slice(1)
    expect(field!.split('=')[0]).toBe(snapshotName)
    const expires = new Date(room.now() + minute).toUTCString()
    expect(attributes).toEqual([
      'Path=/',
      'Max-Age=60',
      `Expires=${expires}`,
      'Secure',
      'HttpOnly',
      'SameSite=Lax',
    ])
    const local = new Browser('http://localhost')
    const first = await answer(room, local, (session) => session.login('ann'))
    expect(first.changes).toEqual(['set sid', 'set sid-cache'])
    expect(first.response.headers.getSetCookie()[1]).not.toContain('Secure')
    room.store.takeCalls()
    await answer(room, local)
    expect(room.store.takeCalls()).toEqual([])
  })
})

describe('the response to a request that does not look at its session', () => {
  test.for([
    ['within the time', 0],
    ['after it', minute],
    ['when its visit is recorded', 20 * hour],
  ] as const)('is the very same object: %s', async ([, pause]) => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.wait(pause)
    const { changes, same } = await answer(room, browser, () => {})
    expect([changes, same]).toEqual([[], true])
  })

  test('is the very same object, whatever lies in the jar: a snapshot alone, or beside a dead or forged token', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const dead = browser.copy()
    await room.visit(browser.copy(), (session) => session.destroy())
    room.wait(minute)
    const stranger = openCachedRoom({ secrets: [newerSecret] })
    const jars: [Cloakroom<Goods>, Browser][] = [
      [room, dead],
      [room, new Browser('https://shop.test', snapshotOf(browser))],
      [stranger, browser],
    ]
    for (const [where, jar] of jars) expect(await answer(where, jar, () => {})).toMatchObject({ same: true })
  })
})

describe('what browsers fetch to show a page', () => {
  const destinations = ['audio', 'font', 'image', 'manifest', 'script', 'style', 'track', 'video']

  test.for(destinations)(
    'gets no snapshot unasked, also when its visit is recorded: %s',
    async (destination) => {
      const init = { headers: { 'sec-fetch-dest': destination } }
      for (const pause of [minute, 20 * hour]) {
        for (const handler of [(session: Session<Goods>) => session.userId, () => {}]) {
          const room = openCachedRoom()
          const browser = await room.welcome()
          room.wait(pause)
          const { changes, response } = await answer(room, browser, handler, { init })
          expect(changes).toEqual([])
          expect(response.headers.get('Cache-Control')).toContain('max-age=60')
        }
      }
    },
  )

  test('is answered from the snapshot that a page has got', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.store.takeCalls()
    await answer(room, browser, undefined, { init: { headers: { 'sec-fetch-dest': 'image' } } })
    expect(room.store.takeCalls()).toEqual([])
  })

  test('gets one where its handler writes: otherwise the old one would hide what was written', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const init = { headers: { 'sec-fetch-dest': 'image' } }
    const { changes } = await answer(room, browser, (session) => session.set('views', 1), { init })
    expect(changes).toEqual(['set sid-cache'])
    expect((await room.load(browser)).get('views')).toBe(1)
  })

  test.for(['document', 'empty', 'iframe'])('is not meant with %s', async (destination) => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.wait(minute)
    const init = { headers: { 'sec-fetch-dest': destination } }
    expect((await answer(room, browser, undefined, { init })).changes).toEqual(['set sid-cache'])
  })
})

describe('a response that cannot carry a cookie', () => {
  test.for([304, 101])(
    '%i gets no snapshot; a write is written, and seen when the old one has had its time',
    async (status) => {
      const room = openCachedRoom()
      const browser = await room.welcome()
      const changes = async (handler: (session: Session<Goods>) => void): Promise<string[]> => {
        const session = await room.load(browser)
        handler(session)
        const { response } = await room.commit(browser, session, { status })
        return cookieChanges(response)
      }
      expect(await changes((session) => session.set('views', 1))).toEqual([])
      const { value } = await room.visit(browser.copy(), (session) => session.get('views'))
      expect(value).toBeUndefined()
      room.wait(minute)
      expect(await changes((session) => expect(session.get('views')).toBe(1))).toEqual([])
      expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
    },
  )

  test.for([304, 101])('%i: a rotation from a snapshot is withheld, as without one', async (status) => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const session = await room.load(browser)
    session.rotate()
    const { calls, events, response } = await room.commit(browser, session, { status })
    expect(cookieChanges(response)).toEqual([])
    expect([calls, events]).toEqual([[], [{ type: 'withheld', id: session.id, change: 'rotate' }]])
  })

  test('a discarded session leaves the snapshot as it is', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.wait(minute)
    const session = await room.load(browser)
    session.set('views', 1)
    const response = new Headers()
    room.sessions.discard(session).applyTo(response)
    expect(response.getSetCookie()).toEqual([])
    expect(response.get('Cache-Control')).toBe('private')
  })

  test('over plain http elsewhere there is neither', async () => {
    const room = openCachedRoom()
    const browser = new Browser('http://shop.test')
    const { changes } = await answer(room, browser, (session) => session.set('views', 1))
    expect(changes).toEqual([])
    expect(room.memory.size).toBe(0)
  })
})

describe('a session that is loaded anew without a request', () => {
  test('comes from the store, and sets nothing', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const session = await room.load(browser)
    await room.visit(browser.copy(), (other) => other.set('theme', 'dark'))
    const reloaded = (await room.sessions.reload(session))!
    expect(reloaded.get('theme')).toBe('dark')
    reloaded.set('views', 1)
    const { calls, response } = await room.commit(browser, reloaded)
    expect([calls, cookieChanges(response)]).toEqual([['compareAndSet'], []])
  })
})

describe('secrets', () => {
  const both = { secrets: [newerSecret, secret] } as const

  test('a snapshot that an older secret sealed serves, and is replaced in its time', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const newer = room.reopen({ cache: { for: '60s' }, ...both })
    const { calls, response, value } = await newer.visit(browser, (session) => session.userId)
    expect([value, calls, cookieChanges(response)]).toEqual(['ann', [], []])
    room.wait(minute)
    const renewed = await newer.visit(browser, (session) => session.userId)
    expect(cookieChanges(renewed.response)).toEqual(['set sid', 'set sid-cache'])
    const alone = room.reopen({ cache: { for: '60s' }, secrets: [newerSecret] })
    expect((await alone.visit(browser, (session) => session.userId)).calls).toEqual([])
  })

  test('one that a retired secret sealed does not, even beside a token that is good', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const old = snapshotOf(browser)
    const newer = room.reopen({ cache: { for: '60s' }, ...both })
    await newer.visit(withSnapshot(browser), (session) => session.userId)
    const renewed = browser.copy()
    await newer.visit(renewed, (session) => session.set('views', 1))
    room.wait(1)
    const fresh = withSnapshot(renewed)
    await newer.visit(fresh, (session) => session.userId)
    const alone = room.reopen({ cache: { for: '60s' }, secrets: [newerSecret] })
    const { calls, events, value } = await alone.visit(withSnapshot(fresh, old), (session) => session.userId)
    expect([calls, events, value]).toEqual([['get'], [], 'ann'])
  })

  test('a retired secret ends its snapshots as it ends its tokens', async () => {
    const room = openCachedRoom()
    const retireAfter = new Date(room.now() + 30_000)
    const secrets = [
      { secret: newerSecret, notBefore: new Date(room.now() + 10_000) },
      { secret, retireAfter },
    ] as const
    const scheduled = room.reopen({ cache: { for: '60s' }, secrets })
    const browser = await scheduled.welcome()
    room.wait(30_000)
    expect((await scheduled.visit(browser.copy(), (session) => session.userId)).calls).toEqual([])
    room.wait(1)
    const { events, value } = await scheduled.visit(browser, (session) => session.userId)
    expect(value).toBeNull()
    expect(events).toEqual([{ type: 'rejected', reason: 'forged', id: null }])
  })
})
