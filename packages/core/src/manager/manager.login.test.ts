import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, idOf, openCloakroom, typesOf } from '../../../../test/support/cloakroom.ts'

test('ASVS-7.2.4 NIST-5.1 a login changes the id, and the cookie from before it is anonymous at once', async () => {
  const room = openCloakroom()
  const browser = await room.welcome((session) => session.set('cart', ['hat']))
  const before = browser.copy()
  const { events, setCookie } = await room.visit(browser, (session) => session.login('ann'))
  expect(setCookie).not.toBeNull()
  expect(idOf(browser)).not.toBe(idOf(before))
  expect(events).toEqual([{ type: 'login', id: idOf(browser), previous: idOf(before), userId: 'ann' }])
  const replay = await room.visit(before, (session) => [session.isNew, session.userId, session.keys()])
  expect(replay.value).toEqual([true, null, []])
  expect(replay.events).toEqual([{ type: 'rejected', reason: 'superseded', id: idOf(before) }])
  const { value } = await room.visit(browser, (session) => [session.userId, session.get('cart')])
  expect(value).toEqual(['ann', ['hat']])
})

test('ASVS-7.2.4 a login again, by the same user, changes the id as well', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const before = browser.copy()
  room.wait(hour)
  await room.visit(browser, (session) => session.login('ann'))
  expect(idOf(browser)).not.toBe(idOf(before))
  expect((await room.load(browser)).authenticatedAt).toEqual(new Date(room.now()))
  expect((await room.visit(before, (session) => session.userId)).value).toBeNull()
  expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
  expect(await room.store.liveIds()).toEqual([idOf(browser)])
})

test('ASVS-7.2.4 RFC6265bis-8.4 a planted session is not the one that the victim logs in to', async () => {
  const room = openCloakroom()
  const attacker = await room.welcome((session) => session.set('theme', 'dark'))
  const victim = attacker.copy()
  await room.visit(victim, (session) => session.login('ann'))
  expect((await room.visit(attacker, (session) => session.userId)).value).toBeNull()
  room.wait(hour)
  expect((await room.visit(attacker, (session) => session.userId)).value).toBeNull()
  expect((await room.visit(victim, (session) => session.userId)).value).toBe('ann')
})

test('a login of a new visitor begins a session with the user', async () => {
  const room = openCloakroom()
  const browser = new Browser()
  const { events } = await room.visit(browser, (session) => {
    session.set('views', 1)
    session.login('ann')
  })
  const id = idOf(browser)
  expect(events).toEqual([
    { type: 'created', id, userId: 'ann' },
    { type: 'login', id, previous: null, userId: 'ann' },
  ])
  const { value } = await room.visit(browser, (session) => [session.userId, session.get('views')])
  expect(value).toEqual(['ann', 1])
  expect([...(await room.memory.listByUser('ann')).keys()]).toEqual([id])
})

test('a login shows at once: the user before the commit, the id after it', async () => {
  const room = openCloakroom()
  const browser = await room.welcome((session) => session.set('views', 1))
  const before = idOf(browser)
  const session = await room.load(browser)
  session.login('ann')
  expect(session.userId).toBe('ann')
  expect(session.authenticatedAt).toEqual(new Date(room.now()))
  expect(session.id).toBe(before)
  await room.commit(browser, session)
  expect(session.id).toBe(idOf(browser))
  expect(session.id).not.toBe(before)
})

test('a user id is a string of 1 to 255 characters', async () => {
  const room = openCloakroom()
  await room.visit(new Browser(), (session) => {
    for (const wrong of ['', 'x'.repeat(256), 7, null, undefined, { id: 'ann' }]) {
      expect(() => session.login(wrong as string)).toThrow(
        expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }),
      )
    }
    expect(session.userId).toBeNull()
    session.login('x'.repeat(255))
  })
})

describe('a login as another user', () => {
  test('leaves nothing of the first one', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('cart', ['hat'])
    })
    await room.visit(browser, (session) => {
      session.set('views', 7)
      session.login('bob')
      expect(session.keys()).toEqual([])
      session.set('theme', 'dark')
    })
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['bob', ['theme']])
    expect((await room.memory.listByUser('ann')).size).toBe(0)
  })

  test('leaves nothing of the first one in the same request either', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('cart', ['hat'])
      session.login('bob')
    })
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['bob', []])
  })

  test('keeps a value that is set anew, also when the first user had the same', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('theme', 'dark')
      session.set('views', 7)
    })
    await room.visit(browser, (session) => {
      session.login('bob')
      session.set('theme', 'dark')
    })
    const { value } = await room.visit(browser, (session) => [session.keys(), session.get('theme')])
    expect(value).toEqual([['theme'], 'dark'])
  })

  test('takes no data over that the first user wrote meanwhile', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const login = await room.load(browser)
    login.login('bob')
    await room.visit(browser, (session) => session.set('cart', ['hat']))
    await room.commit(browser, login)
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['bob', []])
  })
})

describe('a login in a race', () => {
  test('keeps what another request wrote meanwhile', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const login = await room.load(browser)
    login.login('ann')
    login.update('views', (views = 0) => views + 10)
    await room.visit(browser.copy(), (session) => {
      session.set('views', 2)
      session.set('cart', ['hat'])
    })
    const { events } = await room.commit(browser, login)
    expect(typesOf(events)).toEqual(['conflict', 'login'])
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('cart')])
    expect(value).toEqual([12, ['hat']])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('with a revocation holds, but brings nothing over from the session that was ended', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('cart', ['hat']))
    const login = await room.load(browser)
    login.set('theme', 'dark')
    login.login('ann')
    await room.visit(browser.copy(), (session) => session.destroy())
    const { setCookie, events } = await room.commit(browser, login)
    expect(setCookie).not.toBeNull()
    expect(events).toEqual([{ type: 'login', id: idOf(browser), previous: null, userId: 'ann' }])
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['ann', ['theme']])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('of one user with itself leaves one session, that both clients are given', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const other = browser.copy()
    const [one, two] = [await room.load(browser), await room.load(other)]
    for (const session of [one, two]) {
      session.login('ann')
      session.update('views', (views = 0) => views + 1)
    }
    await room.commit(browser, one)
    await room.commit(other, two)
    expect(idOf(other)).toBe(idOf(browser))
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(3)
  })

  test('of two users leaves each with a session of its own, and without the data of the other', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const other = browser.copy()
    const [ann, bob] = [await room.load(browser), await room.load(other)]
    ann.login('ann')
    ann.set('cart', ['hat'])
    bob.login('bob')
    bob.set('theme', 'dark')
    await room.commit(browser, ann)
    await room.commit(other, bob)
    expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
    const { value } = await room.visit(other, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['bob', ['theme']])
  })

  test('ends a slower change that came with the old id', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const slow = await room.load(browser.copy())
    slow.set('views', 99)
    await room.visit(browser, (session) => session.login('ann'))
    const { events, setCookie } = await room.commit(browser.copy(), slow)
    expect(typesOf(events)).toEqual(['gone'])
    expect(setCookie).toBeNull()
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
  })
})
