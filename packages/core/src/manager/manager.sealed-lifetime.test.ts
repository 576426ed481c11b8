import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { day, hour, minute, typesOf } from '../../../../test/support/cloakroom.ts'
import { openSealed, userOf } from '../../../../test/support/sealed-cloakroom.ts'
import type { LifetimeOptions } from '../index.ts'

const lifetime = { idle: '2h', absolute: '10h' } as const satisfies LifetimeOptions
const expired = [expect.objectContaining({ type: 'rejected', reason: 'expired' })]

describe.for(['store', 'none'] as const)('with revocation: %s', (kind) => {
  const options = kind === 'none' ? { revocation: kind } : {}
  const open = (limits: LifetimeOptions = lifetime) => openSealed({ ...options, lifetime: limits })

  test('an unchanged session is not sealed anew before half of its idle limit has passed', async () => {
    const room = open()
    const browser = await room.welcome()
    const { cookie } = browser
    for (let passed = 0; passed < hour; passed += 10 * minute) {
      const { events, setCookies } = await room.visit(browser, (session) => session.userId)
      expect([events, setCookies]).toEqual([[], []])
      room.wait(10 * minute)
    }
    const { events, setCookies } = await room.visit(browser, () => {})
    expect([typesOf(events), setCookies.length]).toEqual([['touched'], 1])
    expect(browser.cookie).not.toBe(cookie)
    const again = await room.visit(browser, () => {})
    expect([again.events, again.setCookies]).toEqual([[], []])
  })

  test('the last millisecond before that half is before it', async () => {
    const room = open()
    const browser = await room.welcome()
    room.wait(hour - 1)
    expect((await room.visit(browser, () => {})).setCookies).toEqual([])
    room.wait(1)
    expect((await room.visit(browser, () => {})).setCookies).toHaveLength(1)
  })

  test('ASVS-7.3.1 a session ends when it has been idle for its limit, and not before', async () => {
    const room = open()
    const browser = await room.welcome()
    room.wait(2 * hour - 1)
    expect(await userOf(room, browser)).toBe('ann')
    room.wait(1)
    const { events, value } = await room.visit(browser, (session) => [session.isNew, session.userId])
    expect([value, events]).toEqual([[true, null], expired])
  })

  test('ASVS-7.3.1 a visit in the second half prolongs it, and the cookie of before ends by its own time', async () => {
    const room = open()
    const browser = await room.welcome()
    const copy = browser.copy()
    room.wait(hour)
    await room.visit(browser, () => {})
    room.wait(hour)
    expect(await userOf(room, browser)).toBe('ann')
    expect(await userOf(room, copy)).toBeNull()
  })

  test('ASVS-7.3.2 visits, changes and rotations never move the absolute limit', async () => {
    const room = open()
    const browser = await room.welcome()
    const began = room.now()
    while (room.now() + hour < began + 10 * hour) {
      room.wait(hour)
      await room.visit(browser, (session) => {
        session.update('views', (views = 0) => views + 1)
        if (session.get('views')! % 3 === 0) session.rotate()
      })
    }
    room.wait(began + 10 * hour - 1 - room.now())
    const last = await room.visit(browser, (session) => [session.userId, session.expiresAt.getTime()])
    expect(last.value).toEqual(['ann', began + 10 * hour])
    // So near to its end no visit could prolong it.
    await room.visit(browser, (session) => session.set('views', 0))
    room.wait(1)
    const { events, value } = await room.visit(browser, (session) => session.userId)
    expect([value, events]).toEqual([null, expired])
  })

  test('ASVS-7.3.2 a step-up leaves the absolute limit where it was, and a login sets it anew', async () => {
    const room = open({ idle: '10h', absolute: '10h' })
    const browser = await room.welcome()
    const began = room.now()
    room.wait(4 * hour)
    await room.visit(browser, (session) => session.stepUp({ amr: ['otp'] }))
    expect((await room.load(browser)).expiresAt.getTime()).toBe(began + 10 * hour)
    await room.visit(browser, (session) => session.login('ann'))
    expect((await room.load(browser)).expiresAt.getTime()).toBe(began + 14 * hour)
    room.wait(10 * hour - 1)
    expect(await userOf(room, browser)).toBe('ann')
    room.wait(1)
    expect(await userOf(room, browser)).toBeNull()
  })

  test('ASVS-7.3.2 a proof of long ago, as an identity provider tells it, counts from then', async () => {
    const room = open()
    const browser = new Browser()
    const authTime = new Date(room.now() - 9 * hour)
    await room.visit(browser, (session) => session.login('ann', { authTime }))
    room.wait(hour - 1)
    expect(await userOf(room, browser)).toBe('ann')
    room.wait(1)
    expect(await userOf(room, browser)).toBeNull()
  })

  test('ASVS-7.3.1 ASVS-7.3.2 a policy that has become stricter counts at once', async () => {
    const room = open({ idle: '10h', absolute: '10h' })
    const browser = await room.welcome()
    room.wait(2 * hour)
    expect(await userOf(room, browser)).toBe('ann')
    for (const limits of [
      { idle: '2h', absolute: '10h' },
      { idle: '2h', absolute: '2h' },
    ] as const) {
      const stricter = room.reopen({ ...options, lifetime: limits })
      const { events, value } = await stricter.visit(browser.copy(), (session) => session.userId)
      expect([value, events]).toEqual([null, expired])
    }
  })

  test('ASVS-9.2.1 ASVS-7.3.2 a policy that has become longer does not prolong what was sealed before', async () => {
    const room = open({ idle: '1d', absolute: '1d' })
    const browser = await room.welcome()
    const longer = room.reopen({ ...options, lifetime: { idle: '30d', absolute: '30d' } })
    room.wait(day - 1)
    expect(await userOf(longer, browser)).toBe('ann')
    room.wait(1)
    const { events, value } = await longer.visit(browser, (session) => session.userId)
    expect([value, events]).toEqual([null, expired])
  })

  test('a persistent cookie is kept by the browser until the absolute limit, also when only its key is changed', async () => {
    const room = openSealed({ ...options, lifetime, cookie: { persistent: true } })
    const browser = new Browser()
    const { setCookie } = await room.visit(browser, (session) => session.login('ann'))
    expect(setCookie).toContain(
      `; Max-Age=${10 * 3600}; Expires=${new Date(room.now() + 10 * hour).toUTCString()};`,
    )
    room.wait(30 * minute)
    const { setCookie: updated } = await room.visit(browser, (session) => session.set('views', 1))
    expect(updated).toContain(`; Max-Age=${9.5 * 3600};`)
  })
})
