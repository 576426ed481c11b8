import type { Session } from '@coatcheck/core'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, idOf, minute, openCloakroom, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { createUserSessions } from '../user-sessions.ts'

describe('ASVS-7.1.2 the option maxSessions', () => {
  test('reject: the login is refused with nothing written, no cookie, and what was there stays', async () => {
    const room = openCloakroom()
    const strict = room.reopen({ store: room.memory, maxSessions: { limit: 1, onLimit: 'reject' } })
    await strict.welcome((session) => session.login('ann'))
    const browser = new Browser()
    await strict.visit(browser, (session) => session.set('theme', 'dark'))
    const before = browser.cookie
    const login = strict.visit(browser, (session) => session.login('ann'))
    await expect(login).rejects.toMatchObject({ code: 'ERR_SESSION_LIMIT' })
    expect(browser.cookie).toBe(before)
    const { value } = await strict.visit(browser, (session) => [session.userId, session.get('theme')])
    expect(value).toEqual([null, 'dark'])
    expect((await room.memory.listByUser('ann')).size).toBe(1)
  })

  test('evict-oldest: the session that began first ends, with an event', async () => {
    const room = openCloakroom()
    const strict = room.reopen({ store: room.memory, maxSessions: { limit: 2, onLimit: 'evict-oldest' } })
    const browsers = []
    for (let at = 0; at < 3; at++) browsers.push(await strict.welcome((session) => session.login('ann')))
    const users = await Promise.all(browsers.map(async (browser) => (await strict.load(browser)).userId))
    expect(users).toEqual([null, 'ann', 'ann'])
    expect(strict.events.find(({ type }) => type === 'revoked')).toMatchObject({ userId: 'ann', by: 'limit' })
  })

  test('who logs in and goes on as another takes a place of their own, and none of the other', async () => {
    const room = openCloakroom()
    const strict = room.reopen({ store: room.memory, maxSessions: { limit: 1, onLimit: 'reject' } })
    const support = (session: Session<Goods>): void => {
      session.login('ann')
      session.actAs('bob')
    }
    await strict.welcome(support)
    await expect(strict.welcome(support)).rejects.toMatchObject({ code: 'ERR_SESSION_LIMIT' })
    await strict.welcome((session) => session.login('bob'))
  })
})

test('ASVS-7.1.3 a logout token with nothing but a sid finds the session', async () => {
  const room = openCloakroom()
  const server = room.reopen({ store: room.memory })
  const users = createUserSessions(room.memory, { now: room.now })
  const idp = { iss: 'https://login.example', sid: 'one' }
  const browsers = [await server.welcome((session) => session.login('ann', { idp })), await server.welcome()]
  expect(await users.revokeByIdp({ ...idp, sid: 'two' })).toBe(0)
  expect(await users.revokeByIdp(idp)).toBe(1)
  expect(await users.revokeByIdp(idp)).toBe(0)
  const alive = await Promise.all(browsers.map(async (browser) => (await server.load(browser)).userId))
  expect(alive).toEqual([null, 'ann'])
})

test('ASVS-7.4.2 disabling an account ends the sessions in which it acts as another, and not those of the other', async () => {
  const room = openCloakroom()
  const users = createUserSessions(room.memory, { now: room.now })
  const [support, customer] = [
    await room.welcome((session) => session.login('support')),
    await room.welcome((session) => session.login('ann')),
  ]
  await room.visit(support, (session) => session.actAs('ann'))
  expect((await room.load(support)).userId).toBe('ann')
  expect(await users.list('ann')).toHaveLength(1)
  expect(await users.list('support')).toMatchObject([{ userId: 'ann', actor: 'support' }])
  expect(await users.revokeAll('support')).toBe(1)
  expect((await room.load(support)).userId).toBeNull()
  expect((await room.load(customer)).userId).toBe('ann')
})

describe('reload', () => {
  test('gives the session as it is now, without a request, through rotations however long ago', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const socket = await room.load(browser)
    await room.visit(browser, (session) => session.rotate())
    await room.visit(browser, (session) => session.stepUp({}))
    await room.visit(browser, (session) => session.set('views', 3))
    room.wait(hour)
    const fresh = await room.sessions.reload(socket)
    expect([fresh?.id, fresh?.get('views'), fresh?.userId]).toEqual([idOf(browser), 3, 'ann'])
  })

  test('a commit without a response writes what changed; what needs a cookie is left undone', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const fresh = (await room.sessions.reload(await room.load(browser)))!
    fresh.set('views', 4)
    fresh.rotate()
    const { events, setCookie } = await room.commit(browser, fresh)
    expect([typesOf(events), setCookie]).toEqual([['withheld', 'updated'], null])
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(4)
  })

  test('gives null when the session has ended, was never stored, or a login took its place', async () => {
    const room = openCloakroom()
    expect(await room.sessions.reload(await room.load(new Browser()))).toBeNull()
    const ends = [
      (browser: Browser) => room.visit(browser, (session) => session.destroy()),
      (browser: Browser) => room.visit(browser, (session) => session.login('ann')),
      () => room.memory.deleteByUser('ann'),
      async () => room.wait(25 * hour + minute),
    ]
    for (const end of ends) {
      const browser = await room.welcome()
      const socket = await room.load(browser)
      await end(browser)
      expect(await room.sessions.reload(socket)).toBeNull()
    }
  })
})
