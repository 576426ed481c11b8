import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  cookieChanges,
  openCachedRoom,
  snapshotOf,
  withSnapshot,
} from '../../../../test/support/cached-room.ts'
import {
  idOf,
  minute,
  newerSecret,
  openCloakroom,
  second,
  typesOf,
} from '../../../../test/support/cloakroom.ts'

describe('the calls of the store', () => {
  test('a read within the time of the snapshot makes none', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome((session) => session.set('views', 1))
    for (let visit = 0; visit < 6; visit++) {
      const { calls, value } = await room.visit(browser, (session) => [session.id, session.get('views')])
      expect(value).toEqual([idOf(browser), 1])
      expect(calls).toEqual([])
      room.wait(9 * second)
    }
  })

  test('without the option, each read makes one, and there is no second cookie', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    expect(snapshotOf(browser)).toEqual([])
    expect((await room.visit(browser, (session) => session.userId)).calls).toEqual(['get'])
  })

  test('a write makes one, on the condition that the version is that of the snapshot', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    for (const views of [1, 2, 3]) {
      const { calls, events } = await room.visit(browser, (session) =>
        session.update('views', (seen = 0) => seen + 1),
      )
      expect(calls).toEqual(['compareAndSet'])
      expect(typesOf(events)).toEqual(['updated'])
      expect((await room.memory.get(idOf(browser)))?.version).toBe(views + 1)
      expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(views)
    }
  })

  test('a write over a snapshot that is no longer the newest makes three, and loses nothing', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const other = browser.copy()
    await room.visit(other, (session) => session.set('theme', 'dark'))
    const { calls, events } = await room.visit(browser, (session) => session.set('views', 1))
    expect(calls).toEqual(['compareAndSet', 'get', 'compareAndSet'])
    expect(typesOf(events)).toEqual(['conflict', 'updated'])
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('theme')])
    expect(value).toEqual([1, 'dark'])
  })

  test('logout makes one', async () => {
    const room = openCachedRoom()
    const { calls } = await room.visit(await room.welcome(), (session) => session.destroy())
    expect(calls).toEqual(['compareAndSet'])
    expect(room.memory.size).toBe(0)
  })

  test('a login makes two: the new record, and the end of the old one', async () => {
    const room = openCachedRoom()
    const { calls } = await room.visit(await room.welcome(), (session) => session.login('ann'))
    expect(calls).toEqual(['compareAndSet', 'compareAndSet'])
  })

  test.for(['rotate', 'stepUp', 'actAs'] as const)(
    '%s makes as many as without a snapshot, which alone gives nobody a new id',
    async (change) => {
      const calls = []
      for (const open of [openCachedRoom, openCloakroom]) {
        const room = open()
        const visit = await room.visit(await room.welcome(), (session) => {
          if (change === 'rotate') session.rotate()
          else if (change === 'stepUp') session.stepUp({})
          else session.actAs('bob')
        })
        calls.push(visit.calls)
      }
      expect(calls[0]).toEqual(['get', 'compareAndSet', 'compareAndSet'])
      expect(calls[1]).toEqual(calls[0])
    },
  )

  test('a fresh read makes one', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.store.takeCalls()
    expect((await room.sessions.load(browser.request(), { fresh: true })).userId).toBe('ann')
    expect(room.store.takeCalls()).toEqual(['get'])
    const response = await room.sessions.handle(
      browser.request(),
      (session) => new Response(session.userId),
      { fresh: true },
    )
    expect(await response.text()).toBe('ann')
    expect(room.store.takeCalls()).toEqual(['get'])
    expect(cookieChanges(response)).toEqual(['set sid-cache'])
  })

  test('the first read after the time makes one and replaces the snapshot, and the next ones make none', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const before = snapshotOf(browser)
    room.wait(minute)
    const first = await room.visit(browser, (session) => session.userId)
    expect(first.calls).toEqual(['get'])
    expect(cookieChanges(first.response)).toEqual(['set sid-cache'])
    expect(snapshotOf(browser)).not.toEqual(before)
    expect((await room.visit(browser, (session) => session.userId)).calls).toEqual([])
  })

  test('ASVS-7.6.2 whoever has no session, or a forged one, makes none', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const stranger = openCachedRoom({ secrets: [newerSecret] })
    const forged = await stranger.visit(browser, (session) => session.isNew)
    expect([forged.value, forged.calls]).toEqual([true, []])
    expect(forged.events).toEqual([{ type: 'rejected', reason: 'forged', id: null }])
    const anonymous = await room.visit(new Browser(), (session) => session.isNew)
    expect([anonymous.value, anonymous.calls, cookieChanges(anonymous.response)]).toEqual([true, [], []])
    const alone = new Browser('https://shop.test', snapshotOf(browser))
    const bare = await room.visit(alone, (session) => session.isNew)
    expect([bare.value, bare.calls, bare.events]).toEqual([true, [], []])
  })
})

describe('the bound', () => {
  test('what another client has changed is seen when the snapshot has had its time, and not before', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome((session) => session.set('theme', 'light'))
    const other = browser.copy()
    await room.visit(other, (session) => session.set('theme', 'dark'))
    const theme = async () => (await room.visit(browser.copy(), (session) => session.get('theme'))).value
    room.wait(minute - 1)
    expect(await theme()).toBe('light')
    room.wait(1)
    expect(await theme()).toBe('dark')
  })

  test('counts from when the store was asked, however long the handler takes', async () => {
    const room = openCachedRoom()
    const browser = withSnapshot(await room.welcome())
    await room.visit(browser, async (session) => {
      expect(session.userId).toBe('ann')
      // Meanwhile the session ends elsewhere.
      await room.memory.deleteByUser('ann')
      room.wait(59 * second)
    })
    expect((await room.load(browser)).userId).toBe('ann')
    room.wait(second)
    expect((await room.load(browser)).userId).toBeNull()
  })

  test('a handler that takes longer than that leaves no snapshot, and removes the one before', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.wait(minute)
    const { response } = await room.visit(browser, (session) => {
      room.wait(minute)
      return session.userId
    })
    expect(cookieChanges(response)).toEqual(['remove sid-cache'])
    const without = await room.visit(browser, (session) => {
      room.wait(minute)
      return session.userId
    })
    expect(cookieChanges(without.response)).toEqual([])
  })

  test('a snapshot from a server whose clock runs ahead is not taken before its time, nor for longer', async () => {
    const room = openCachedRoom()
    const ahead = room.reopen({ cache: { for: '60s' }, now: () => room.now() + 20 * second })
    const browser = await ahead.welcome()
    const { calls, value } = await room.visit(browser.copy(), (session) => session.userId)
    expect([calls, value]).toEqual([['get'], 'ann'])
    room.wait(80 * second - 1)
    expect((await room.visit(browser.copy(), (session) => session.userId)).calls).toEqual([])
    room.wait(1)
    expect((await room.visit(browser.copy(), (session) => session.userId)).calls).toEqual(['get'])
  })

  test('a snapshot from a server whose clock is slow serves for that much less', async () => {
    const room = openCachedRoom()
    const slow = room.reopen({ cache: { for: '60s' }, now: () => room.now() - 20 * second })
    const browser = await slow.welcome()
    room.wait(40 * second - 1)
    expect((await room.visit(browser.copy(), (session) => session.userId)).calls).toEqual([])
    room.wait(1)
    expect((await room.visit(browser.copy(), (session) => session.userId)).calls).toEqual(['get'])
  })

  test('a shorter time counts at once, also for snapshots that were made before', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const strict = room.reopen({ cache: { for: '10s' } })
    room.wait(9 * second)
    expect((await strict.visit(browser.copy(), (session) => session.userId)).calls).toEqual([])
    for (const later of [second, 45 * second, 4 * second]) {
      room.wait(later)
      expect((await strict.visit(browser.copy(), (session) => session.userId)).calls).toEqual(['get'])
    }
  })

  test('a longer time counts for snapshots that are made from then on', async () => {
    const room = openCachedRoom({ cache: { for: '10s' } })
    const browser = await room.welcome()
    const lax = room.reopen({ cache: { for: '60s' } })
    room.wait(10 * second)
    expect((await lax.visit(browser, (session) => session.userId)).calls).toEqual(['get'])
    room.wait(59 * second)
    expect((await lax.visit(browser, (session) => session.userId)).calls).toEqual([])
  })

  test('with the option taken away, snapshots mean nothing', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const plain = room.reopen({})
    const { calls, response } = await plain.visit(browser, (session) => session.userId)
    expect(calls).toEqual(['get'])
    expect(cookieChanges(response)).toEqual([])
  })
})

describe('a session whose time ends while its snapshot would still serve', () => {
  test.for([
    ['absolute', { idle: '2m', absolute: '2m' }, { idle: '2m', absolute: '2m' }],
    ['idle, by a limit that was shortened since', { idle: '1h' }, { idle: '2m' }],
  ] as const)('ASVS-7.3.1 ASVS-7.3.2 ends on time: %s', async ([, before, lifetime]) => {
    const room = openCachedRoom({ lifetime: before })
    const browser = await room.welcome()
    room.wait(100 * second)
    // No visit that would be recorded: the session ends two minutes after the login.
    await room.visit(browser, (session) => session.userId)
    const today = room.reopen({ cache: { for: '60s' }, lifetime })
    room.wait(20 * second - 1)
    const last = await today.visit(browser.copy(), (session) => session.expiresAt.getTime())
    expect([last.calls, last.value]).toEqual([[], room.now() + 1])
    room.wait(1)
    const { events, value } = await today.visit(browser, (session) => session.isNew)
    expect(value).toBe(true)
    expect(typesOf(events)).toEqual(['rejected'])
  })
})
