import { describe, expect, test } from 'vitest'
import type { Browser } from '../../../../test/support/browser.ts'
import {
  hour,
  idOf,
  minute,
  newerSecret,
  openCloakroom,
  second,
  secret,
  typesOf,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'

/** A visitor whose session was rotated, and the cookie from before it. */
async function rotated(room: Cloakroom<Goods>): Promise<{ browser: Browser; old: Browser }> {
  const browser = await room.welcome((session) => {
    session.login('ann')
    session.set('views', 1)
  })
  const old = browser.copy()
  await room.visit(browser, (session) => session.rotate())
  return { browser, old }
}

test('rotate changes the id and keeps user, data and times', async () => {
  const room = openCloakroom()
  const browser = await room.welcome((session) => {
    session.login('ann')
    session.set('views', 1)
  })
  const before = await room.load(browser)
  room.wait(minute)
  const { events, setCookie } = await room.visit(browser, (session) => session.rotate())
  expect(setCookie).toContain(idOf(browser))
  expect(events).toEqual([{ type: 'rotated', id: idOf(browser), previous: before.id }])
  const after = await room.load(browser)
  expect(after.id).not.toBe(before.id)
  expect(after.userId).toBe('ann')
  expect(after.get('views')).toBe(1)
  expect(after.createdAt).toEqual(before.createdAt)
  expect(after.authenticatedAt).toEqual(before.authenticatedAt)
})

test('rotate writes the changes of its request along', async () => {
  const room = openCloakroom()
  const browser = await room.welcome((session) => session.set('views', 1))
  await room.visit(browser, (session) => {
    session.rotate()
    session.set('views', 2)
  })
  expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(2)
  expect(await room.store.liveIds()).toEqual([idOf(browser)])
})

test('rotate lists one session of the user, not two', async () => {
  const room = openCloakroom()
  const { browser } = await rotated(room)
  expect([...(await room.memory.listByUser('ann')).keys()]).toEqual([idOf(browser)])
})

describe('within the grace window the old id', () => {
  test('reads the session', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    room.wait(minute - 1)
    const { events, value } = await room.visit(old, (session) => [
      session.userId,
      session.get('views'),
      session.id,
      session.isNew,
    ])
    expect(value).toEqual(['ann', 1, idOf(browser), false])
    expect(events).toEqual([])
  })

  test('writes to the successor, and gets no cookie', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    const { events, setCookie } = await room.visit(old, (session) => session.set('cart', ['hat']))
    expect(setCookie).toBeNull()
    expect(events).toEqual([{ type: 'updated', id: idOf(browser), keys: ['cart'] }])
    expect((await room.visit(browser, (session) => session.get('cart'))).value).toEqual(['hat'])
  })

  test('does not rotate again, but its changes are written', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    const { events, setCookie } = await room.visit(old, (session) => {
      session.rotate()
      session.set('views', 2)
    })
    expect(setCookie).toBeNull()
    expect(typesOf(events)).toEqual(['updated'])
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(2)
  })

  test('records its visit', async () => {
    const room = openCloakroom({ lifetime: { idle: '5m', absolute: '1h' } })
    const { browser, old } = await rotated(room)
    room.wait(50 * second)
    const { events, setCookie } = await room.visit(old, () => {})
    expect(events).toEqual([{ type: 'touched', id: idOf(browser) }])
    expect(setCookie).toBeNull()
  })

  test('leads through several rotations', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    room.wait(20 * second)
    await room.visit(browser, (session) => session.rotate())
    room.wait(20 * second)
    await room.visit(browser, (session) => session.rotate())
    const { value } = await room.visit(old, (session) => [session.id, session.get('views')])
    expect(value).toEqual([idOf(browser), 1])
  })

  test('can log in, and ends what it had', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    const { setCookie } = await room.visit(old, (session) => session.login('ann'))
    expect(setCookie).not.toBeNull()
    expect((await room.visit(browser, (session) => session.userId)).value).toBeNull()
    expect(await room.store.liveIds()).toEqual([idOf(old)])
  })

  test('can destroy the session', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    await room.visit(old, (session) => session.destroy())
    expect((await room.visit(browser, (session) => session.userId)).value).toBeNull()
    expect(await room.store.liveIds()).toEqual([])
  })

  test('finds nothing once the session has been ended', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    await room.visit(browser, (session) => session.destroy())
    const { events, value } = await room.visit(old, (session) => session.userId)
    expect(value).toBeNull()
    expect(events).toEqual([{ type: 'rejected', reason: 'unknown', id: idOf(old) }])
  })

  test('finds nothing once somebody has logged in', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    await room.visit(browser, (session) => session.login('ann'))
    const { value } = await room.visit(old, (session) => session.userId)
    expect(value).toBeNull()
    expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
  })

  test('gets no cookie signed anew, although an older secret signed its own', async () => {
    const room = openCloakroom()
    const { old } = await rotated(room)
    const later = room.reopen({ secrets: [newerSecret, secret] })
    const { events, setCookie } = await later.visit(old, (session) => session.userId)
    expect(typesOf(events)).toEqual(['old-key'])
    expect(setCookie).toBeNull()
  })

  test('is as wide as rotationGrace says', async () => {
    const room = openCloakroom({ rotationGrace: '10s' })
    const { old } = await rotated(room)
    room.wait(10 * second - 1)
    expect((await room.visit(old, (session) => session.userId)).value).toBe('ann')
    room.wait(1)
    expect((await room.visit(old, (session) => session.userId)).value).toBeNull()
  })
})

describe('after the grace window the old id', () => {
  test.for([
    ['at its end', minute],
    ['an hour later', hour],
  ] as const)('CSC-reuse is a sign of theft that ends the whole session: %s', async ([, later]) => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    room.wait(later)
    const { events, value, setCookie } = await room.visit(old, (session) => session.userId)
    expect(value).toBeNull()
    expect(setCookie).toBeNull()
    expect(events).toEqual([
      { type: 'reused', id: idOf(old) },
      { type: 'rejected', reason: 'reused', id: idOf(old) },
    ])
    expect(await room.store.liveIds()).toEqual([])
    const victim = await room.visit(browser, (session) => session.userId)
    expect(victim.value).toBeNull()
    expect(victim.events).toEqual([{ type: 'rejected', reason: 'unknown', id: idOf(browser) }])
  })

  test('CSC-reuse ends the session at the far end of many rotations', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    for (let count = 0; count < 5; count++) {
      room.wait(10 * minute)
      await room.visit(browser, (session) => session.rotate())
    }
    const { value } = await room.visit(old, (session) => session.userId)
    expect(value).toBeNull()
    expect(await room.store.liveIds()).toEqual([])
  })

  test('ends the session also after more rotations than a lost race is tried again', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    for (let count = 0; count < 120; count++) {
      room.wait(10 * minute)
      await room.visit(browser, (session) => session.rotate())
    }
    const { events, value } = await room.visit(old, (session) => session.userId)
    expect(value).toBeNull()
    expect(typesOf(events)).toEqual(['reused', 'rejected'])
    expect(await room.store.liveIds()).toEqual([])
  })

  test('does not end the session that a later login began', async () => {
    const room = openCloakroom()
    const { browser, old } = await rotated(room)
    await room.visit(browser, (session) => session.login('ann'))
    room.wait(hour)
    const { value } = await room.visit(old, (session) => session.userId)
    expect(value).toBeNull()
    expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
  })

  test('is an id like any other once the session would have ended anyhow', async () => {
    const room = openCloakroom({ lifetime: { idle: '30m', absolute: '12h' } })
    const { old } = await rotated(room)
    room.wait(30 * minute)
    const { events } = await room.visit(old, (session) => session.userId)
    expect(events).toEqual([{ type: 'rejected', reason: 'unknown', id: idOf(old) }])
  })

  test('is noticed even where the idle limit is shorter than the window', async () => {
    const room = openCloakroom({ lifetime: { idle: '20s', absolute: '1h' }, rotationGrace: '60s' })
    const { browser, old } = await rotated(room)
    room.wait(15 * second)
    await room.visit(browser, (session) => session.userId)
    room.wait(15 * second)
    expect((await room.visit(old, (session) => session.userId)).value).toBe('ann')
  })
})

describe('rotate in a race', () => {
  test('keeps what another request wrote meanwhile', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const rotating = await room.load(browser)
    rotating.rotate()
    await room.visit(browser.copy(), (session) => session.set('cart', ['hat']))
    const { events } = await room.commit(browser, rotating)
    expect(typesOf(events)).toEqual(['conflict', 'rotated'])
    const { value } = await room.visit(browser, (session) => session.keys())
    expect(value).toEqual(['views', 'cart'])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('does not lose a slower change that came with the old id', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const slow = await room.load(browser)
    slow.update('views', (views = 0) => views + 1)
    await room.visit(browser, (session) => session.rotate())
    const { events, setCookie } = await room.commit(browser.copy(), slow)
    expect(setCookie).toBeNull()
    expect(typesOf(events)).toEqual(['conflict', 'updated'])
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(2)
  })

  test('with another rotate leaves one successor, that both clients are given', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const other = browser.copy()
    const [one, two] = [await room.load(browser), await room.load(other)]
    one.rotate()
    two.rotate()
    await Promise.all([room.commit(browser, one), room.commit(other, two)])
    expect(idOf(other)).toBe(idOf(browser))
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('with a revocation leaves nothing alive, and sets no cookie', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const rotating = await room.load(browser)
    rotating.rotate()
    await room.memory.deleteByUser('ann')
    const { events, setCookie } = await room.commit(browser, rotating)
    expect(setCookie).toBeNull()
    expect(typesOf(events)).toEqual(['gone'])
    expect(room.memory.size).toBe(0)
  })
})
