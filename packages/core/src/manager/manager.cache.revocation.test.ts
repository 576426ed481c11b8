import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { cookieChanges, openCachedRoom, snapshotOf, tokenName } from '../../../../test/support/cached-room.ts'
import { minute, second, secret, type Goods } from '../../../../test/support/cloakroom.ts'
import { memoryStore } from '../memory-store.ts'
import type { Session } from '../session/session.ts'
import { createUserSessions } from '../user-sessions.ts'
import type { SessionEvent } from './events.ts'
import type { CommitOptions } from './session-manager.ts'
import { createSessionManager } from './store-manager.ts'

/** A manager and the sessions of users over one store object, as in one process. */
function openServer() {
  const clock = { time: Date.UTC(2026, 10, 21) }
  const now = (): number => clock.time
  const memory = memoryStore({ now })
  const gets: string[] = []
  const store = {
    ...memory,
    get(id: Parameters<typeof memory.get>[0]) {
      gets.push(id)
      return memory.get(id)
    },
  }
  const events: SessionEvent['type'][] = []
  const onEvent = ({ type }: SessionEvent): void => void events.push(type)
  const sessions = createSessionManager<Goods>({
    secrets: [secret],
    store,
    cache: { for: '60s' },
    onEvent,
    now,
  })
  const users = createUserSessions(store, { now })

  /** One request; tells what it set, what happened, and how often the store was read by the manager. */
  async function visit(
    browser: Browser,
    handler: (session: Session<Goods>) => unknown,
    { fresh = false, ...about }: CommitOptions & { fresh?: boolean } = {},
  ) {
    events.length = 0
    const session = await sessions.load(browser.request(), { fresh })
    const value = await handler(session)
    gets.length = 0
    const response = new Response(null)
    const headers = await sessions.commit(session, about)
    headers.applyTo(response.headers)
    browser.receive(response)
    return { value, changes: cookieChanges(response), events: [...events], reads: gets.length }
  }

  async function login(user = 'ann'): Promise<Browser> {
    const browser = new Browser()
    await visit(browser, (session) => session.login(user))
    return browser
  }

  return { clock, login, memory, users, visit }
}

const who = (session: Session<Goods>): unknown => session.userId

describe('a session that its own request revokes', () => {
  type Server = ReturnType<typeof openServer>
  const ways: Readonly<Record<string, (server: Server, session: Session<Goods>) => unknown>> = {
    revokeAll: ({ users }) => users.revokeAll('ann'),
    'revoke of itself': ({ users }, { handle }) => users.revoke('ann', handle!),
  }

  test.for(Object.entries(ways))(
    'loses its snapshot with the response, even one that never looked at it, and is gone at once: %s',
    async ([, revoke]) => {
      const server = openServer()
      const browser = await server.login()
      const { changes, events, reads } = await server.visit(browser, (session) => revoke(server, session))
      expect(changes).toEqual(['remove sid-cache'])
      expect(events).toEqual(['gone'])
      expect(reads).toBe(1)
      expect(snapshotOf(browser)).toEqual([])
      expect((await server.visit(browser, who)).value).toBeNull()
    },
  )

  test('gets no new snapshot either when the response would have brought one', async () => {
    const server = openServer()
    const browser = await server.login()
    server.clock.time += minute
    const { changes } = await server.visit(browser, (session) => server.users.revokeAll(session.userId!))
    expect(changes).toEqual(['remove sid-cache'])
    expect((await server.visit(browser, who)).value).toBeNull()
  })

  test('gets none while the record of the visit is written after the response', async () => {
    const server = openServer()
    const browser = await server.login()
    server.clock.time += 20 * 60 * minute
    const waiting: Promise<unknown>[] = []
    const waitUntil = (promise: Promise<unknown>): void => void waiting.push(promise)
    const revoked = await server.visit(
      browser,
      async (session) => [who(session), await server.users.revokeAll('ann')],
      { waitUntil },
    )
    await Promise.all(waiting)
    expect(revoked.value).toEqual(['ann', 1])
    expect(revoked.changes).not.toContain('set sid-cache')
    expect((await server.visit(browser, who)).value).toBeNull()
  })

  test.for([304, 101])('sets no cookie on a %i, but says that the session is gone', async (status) => {
    const server = openServer()
    const browser = await server.login()
    const about = { status }
    const { changes, events } = await server.visit(browser, () => server.users.revokeAll('ann'), about)
    expect([changes, events]).toEqual([[], ['gone']])
  })

  test('writes nothing, and loses its snapshot: a change beside the revocation', async () => {
    const server = openServer()
    const browser = await server.login()
    const { changes, events } = await server.visit(browser, async (session) => {
      session.set('views', 1)
      await server.users.revokeAll('ann')
    })
    expect([changes, events]).toEqual([['remove sid-cache'], ['gone']])
    expect(server.memory.size).toBe(0)
  })

  test('a rotation beside the revocation gives no id', async () => {
    const server = openServer()
    const browser = await server.login()
    const { changes, events } = await server.visit(browser, async (session) => {
      session.rotate()
      await server.users.revokeAll('ann')
    })
    expect([changes, events]).toEqual([['remove sid-cache'], ['gone']])
    expect(server.memory.size).toBe(0)
  })

  test('stays, with its snapshot, when it revokes all others', async () => {
    const server = openServer()
    const [browser, other] = [await server.login(), await server.login()]
    const { changes, events, value } = await server.visit(browser, (session) =>
      server.users.revokeOthers(session),
    )
    expect([value, changes, events]).toEqual([1, [], []])
    expect((await server.visit(browser, who)).value).toBe('ann')
    expect((await server.visit(other, who, { fresh: true })).value).toBeNull()
  })

  test('is not looked for when nothing was revoked', async () => {
    const server = openServer()
    const browser = await server.login()
    expect((await server.visit(browser, who)).reads).toBe(0)
    expect((await server.visit(browser, () => server.users.list('ann'))).changes).toEqual([])
  })
})

describe('a session that is ended elsewhere', () => {
  const ends: Readonly<Record<string, (server: ReturnType<typeof openServer>, copy: Browser) => unknown>> = {
    'revoked by another': ({ users }) => users.revokeAll('ann'),
    'logged out with a copy of its cookies': ({ visit }, copy) => visit(copy, (session) => session.destroy()),
    'superseded by a login with a copy of its cookies': ({ visit }, copy) =>
      visit(copy, (session) => session.login('ann')),
    // As another process does it, of which this one knows nothing.
    'removed from the store': ({ memory }) => memory.deleteByUser('ann'),
  }

  test.for(Object.entries(ends))(
    'goes on for the rest of the 60 seconds at most, and is refused from then on: %s',
    async ([, end]) => {
      const server = openServer()
      const browser = await server.login()
      server.clock.time += 10 * second
      await end(server, browser.copy())
      server.clock.time += 50 * second - 1
      const last = await server.visit(browser, who)
      expect([last.value, last.changes]).toEqual(['ann', []])
      server.clock.time += 1
      const { events, value } = await server.visit(browser, who)
      expect(value).toBeNull()
      expect(events).toEqual(['rejected'])
    },
  )

  test.for(Object.entries(ends))('is refused at once with fresh: true, and for good: %s', async ([, end]) => {
    const server = openServer()
    const browser = await server.login()
    await end(server, browser.copy())
    const { changes, value } = await server.visit(browser, who, { fresh: true })
    expect([value, changes]).toEqual([null, ['remove sid-cache']])
    expect((await server.visit(browser, who)).value).toBeNull()
  })

  test.for(Object.entries(ends))('is not brought back by a write within that time: %s', async ([, end]) => {
    const server = openServer()
    const browser = await server.login()
    await end(server, browser.copy())
    const records = server.memory.size
    const { changes, events } = await server.visit(browser, (session) => session.set('views', 1))
    expect([changes, events]).toEqual([['remove sid-cache'], ['gone']])
    expect(server.memory.size).toBe(records)
    expect((await server.visit(browser, who)).value).toBeNull()
  })

  test.for(['rotate', 'stepUp', 'actAs'] as const)(
    'gets no new id within that time: by %s',
    async (change) => {
      const server = openServer()
      const browser = await server.login()
      await server.users.revokeAll('ann')
      const { changes, events } = await server.visit(browser, (session) => {
        if (change === 'rotate') session.rotate()
        else if (change === 'stepUp') session.stepUp({})
        else session.actAs('bob')
      })
      expect([changes, events]).toEqual([['remove sid-cache'], ['gone']])
      expect(server.memory.size).toBe(0)
    },
  )

  test('a login within that time holds, but brings nothing over', async () => {
    const server = openServer()
    const browser = await server.login()
    await server.visit(browser, (session) => session.set('theme', 'dark'))
    await server.users.revokeAll('ann')
    const { changes, events } = await server.visit(browser, (session) => session.login('ann'))
    expect([changes, events]).toEqual([['set sid', 'set sid-cache'], ['login']])
    expect((await server.visit(browser, (session) => [session.userId, session.keys()])).value).toEqual([
      'ann',
      [],
    ])
  })
})

describe('an id that was rotated away', () => {
  /** A thief with a copy of both cookies, and an owner whose id has changed since. */
  async function openTheft(grace: '10s' | '5m') {
    const room = openCachedRoom({ rotationGrace: grace })
    const owner = await room.welcome()
    const thief = owner.copy()
    await room.visit(owner, (session) => session.rotate())
    return { room, owner, thief }
  }

  test.for(['rotate', 'write'] as const)(
    'in its grace window gets no new cookie, although it comes with a snapshot: %s',
    async (what) => {
      const { owner, room, thief } = await openTheft('5m')
      const before = thief.value(tokenName)
      const { response } = await room.visit(thief, (session) => {
        if (what === 'rotate') session.rotate()
        session.set('views', 1)
      })
      expect(cookieChanges(response)).toEqual(['remove sid-cache'])
      expect(thief.value(tokenName)).toBe(before)
      expect((await room.sessions.load(owner.request(), { fresh: true })).get('views')).toBe(1)
      room.wait(5 * minute)
      expect((await room.load(thief)).userId).toBeNull()
    },
  )

  test('cannot go on as another user', async () => {
    const { room, thief } = await openTheft('5m')
    const visit = room.visit(thief, (session) => session.actAs('bob'))
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_STEP_UP', reason: 'stale' })
    const stop = room.visit(thief, (session) => session.rotate())
    expect(cookieChanges((await stop).response)).toEqual(['remove sid-cache'])
  })

  test('after its grace window is noticed, at the next look into the store: the whole session ends', async () => {
    const { owner, room, thief } = await openTheft('10s')
    room.wait(11 * second)
    const { events, response } = await room.visit(thief, (session) => session.rotate())
    expect(events.map(({ type }) => type)).toEqual(['reused', 'gone'])
    expect(cookieChanges(response)).toEqual(['remove sid-cache'])
    expect((await room.sessions.load(owner.request(), { fresh: true })).userId).toBeNull()
  })

  test('whoever comes with it and without a snapshot gets none', async () => {
    const { room, thief } = await openTheft('5m')
    room.wait(minute)
    for (let visit = 0; visit < 2; visit++) {
      const { calls, value } = await room.visit(thief, (session) => session.userId)
      expect([value, calls]).toEqual(['ann', ['get', 'get']])
    }
    expect(snapshotOf(thief)).toEqual([])
  })
})
