import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  cookieChanges,
  openCachedRoom,
  snapshotOf,
  withSnapshot,
} from '../../../../test/support/cached-room.ts'
import { hour, idOf, minute, second, typesOf } from '../../../../test/support/cloakroom.ts'

describe('visits', () => {
  test('are recorded often enough that a session that is visited constantly never dies of idleness', async () => {
    const room = openCachedRoom({ lifetime: { idle: '2m' } })
    const browser = await room.welcome()
    let asked = 0
    for (let time = 0; time < hour; time += 5 * second) {
      room.wait(5 * second)
      const { calls, value } = await room.visit(browser, (session) => session.userId)
      expect(value, `after ${time}`).toBe('ann')
      asked += calls.length
    }
    // One read and one record of the visit in each minute.
    expect(asked).toBe(2 * 60)
    expect(typesOf(room.events).filter((type) => type === 'touched')).toHaveLength(60)
  })

  test.for([60, 61, 75, 119])(
    'one each %i seconds keeps a session of two minutes alive, with or without its snapshot',
    async (pause) => {
      const room = openCachedRoom({ lifetime: { idle: '2m' } })
      const browser = await room.welcome()
      for (let visit = 0; visit < 40; visit++) {
        room.wait(pause * second)
        const loaded = await room.visit(browser, (session) => session.userId)
        expect([loaded.value, loaded.calls]).toEqual(['ann', ['get', 'compareAndSet']])
      }
    },
  )

  test('that a snapshot answers are not recorded', async () => {
    const room = openCachedRoom({ lifetime: { idle: '2m' } })
    const browser = await room.welcome()
    room.wait(59 * second)
    const { calls, events } = await room.visit(browser, (session) => session.userId)
    expect([calls, events]).toEqual([[], []])
  })

  test('that are fresh are recorded as ever', async () => {
    const room = openCachedRoom({ lifetime: { idle: '2m' } })
    const browser = await room.welcome()
    room.wait(59 * second)
    await room.sessions.handle(browser.request(), () => new Response(), { fresh: true })
    expect(typesOf(room.events)).toEqual(['created', 'login', 'touched'])
  })

  test('whose record is written after the response leave a snapshot that may be written over', async () => {
    const room = openCachedRoom({ lifetime: { idle: '2m' } })
    const browser = await room.welcome()
    room.wait(minute)
    const waiting: Promise<unknown>[] = []
    const session = await room.load(browser)
    expect(session.userId).toBe('ann')
    await room.commit(browser, session, { waitUntil: (promise) => void waiting.push(promise) })
    await Promise.all(waiting)
    expect(typesOf(room.events).at(-1)).toBe('touched')
    const { calls } = await room.visit(browser, (loaded) => loaded.set('views', 1))
    expect(calls).toEqual(['compareAndSet', 'get', 'compareAndSet'])
    expect((await room.visit(withSnapshot(browser), (loaded) => loaded.get('views'))).value).toBe(1)
  })
})

describe('expiresAt', () => {
  test('says in each request when the session ends without another one: so it does', async () => {
    const room = openCachedRoom({ lifetime: { idle: '10m', absolute: '1h' } })
    const browser = await room.welcome()
    for (const pause of [0, 30 * second, 29 * second, second, 59 * second, minute, 30 * second, 5 * minute]) {
      room.wait(pause)
      const { value } = await room.visit(browser, (session) => session.expiresAt.getTime())
      for (const [early, user] of [
        [1, 'ann'],
        [0, null],
      ] as const) {
        const later = room.reopen({
          cache: { for: '60s' },
          lifetime: { idle: '10m', absolute: '1h' },
          now: () => value - early,
        })
        const kept = await later.sessions.load(browser.request(), { fresh: true })
        expect(kept.userId, `${pause}`).toBe(user)
      }
    }
  })

  test('does not grow by a visit that only a snapshot sees', async () => {
    const room = openCachedRoom({ lifetime: { idle: '2m' } })
    const browser = await room.welcome()
    const end = room.now() + 2 * minute
    room.wait(59 * second)
    expect((await room.load(browser)).expiresAt.getTime()).toBe(end)
    expect((await room.load(withSnapshot(browser))).expiresAt.getTime()).toBe(end + 59 * second)
  })
})

describe('renewEvery', () => {
  const lifetime = { idle: '12h', renewEvery: '10m' } as const

  test('CSC-renewal waits for the next look into the store, and brings token and snapshot together', async () => {
    const room = openCachedRoom({ lifetime })
    const browser = await room.welcome()
    room.wait(9 * minute + 30 * second)
    await room.visit(browser, (session) => session.userId)
    const before = idOf(browser)
    room.wait(59 * second)
    const cached = await room.visit(browser, (session) => session.userId)
    expect([cached.calls, cached.events, idOf(browser)]).toEqual([[], [], before])
    room.wait(second)
    const { events, response } = await room.visit(browser, (session) => session.userId)
    expect(events).toEqual([{ type: 'renewed', id: idOf(browser), previous: before }])
    expect(cookieChanges(response)).toEqual(['set sid', 'set sid-cache'])
    expect((await room.visit(browser, (session) => session.id)).calls).toEqual([])
    expect((await room.load(browser)).id).toBe(idOf(browser))
  })

  test('the former id leads on in its grace window, with its snapshot or without, and is an alarm after it', async () => {
    const room = openCachedRoom({ lifetime })
    const browser = await room.welcome()
    room.wait(9 * minute + 30 * second)
    await room.visit(browser, (session) => session.userId)
    const late = browser.copy()
    room.wait(30 * second)
    await room.visit(withSnapshot(browser), (session) => session.userId)
    expect((await room.load(late)).userId).toBe('ann')
    expect((await room.load(withSnapshot(late))).userId).toBe('ann')
    room.wait(minute)
    expect((await room.load(late)).userId).toBeNull()
    expect(typesOf(room.events).at(-1)).toBe('rejected')
    expect(typesOf(room.events)).toContain('reused')
  })

  test('renews for a request that never looks at its session, whose former snapshot is replaced, too', async () => {
    const room = openCachedRoom({ lifetime })
    const browser = await room.welcome()
    room.wait(10 * minute)
    const { response } = await room.visit(browser, () => {})
    expect(cookieChanges(response)).toEqual(['set sid', 'set sid-cache'])
    expect(snapshotOf(browser)).toHaveLength(1)
  })
})

describe('the anchors of CSRF tokens', () => {
  test('are those of the store, in requests that a snapshot answers', async () => {
    const room = openCachedRoom({ rotationGrace: '5m' })
    const browser = await room.welcome()
    const both = async (from: Browser): Promise<unknown> => {
      const [cached, asked] = [await room.load(from), await room.load(withSnapshot(from))]
      const anchors = [asked, cached].map((session) => [session.anchors, session.anchor()])
      expect(anchors[0]).toEqual(anchors[1])
      return anchors[0]
    }
    const first = await both(browser)
    await room.visit(browser, (session) => session.rotate())
    const rotated = await both(browser)
    expect(rotated).not.toEqual(first)
    room.wait(59 * second)
    expect(await both(browser)).toEqual(rotated)
  })

  test('the one that a rotating request gives out from a snapshot is that of the next one', async () => {
    const room = openCachedRoom({ rotationGrace: '5m' })
    const browser = await room.welcome()
    const { value } = await room.visit(browser, (session) => {
      session.rotate()
      return session.anchor()
    })
    expect((await room.load(browser)).anchors).toContain(value)
    expect((await room.load(withSnapshot(browser))).anchors).toContain(value)
  })

  test('the one that a login gives out from a snapshot is that of the next one', async () => {
    const room = openCachedRoom({ rotationGrace: '5m' })
    const browser = await room.welcome()
    const { value } = await room.visit(browser, (session) => {
      session.login('bob')
      return session.anchor()
    })
    expect((await room.load(browser)).anchors).toEqual([value])
  })

  test('the former one counts for its grace window, by a snapshot too, and no longer', async () => {
    const room = openCachedRoom({ rotationGrace: '30s' })
    const browser = await room.welcome()
    const [before] = (await room.load(browser)).anchors
    await room.visit(browser, (session) => session.rotate())
    room.wait(30 * second - 1)
    expect((await room.load(browser)).anchors).toContain(before)
    room.wait(1)
    room.store.takeCalls()
    expect((await room.load(browser)).anchors).not.toContain(before)
    expect(room.store.takeCalls()).toEqual([])
  })
})
