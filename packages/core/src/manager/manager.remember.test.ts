import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { day, hour, newerSecret, openCloakroom, secret } from '../../../../test/support/cloakroom.ts'

const lifetime = { idle: '3d', absolute: '30d', renewEvery: '1d' } as const

/** The seconds for which a cookie is kept; null when it ends with the browser. */
function keptFor(setCookie: string | null): number | null {
  expect(setCookie).not.toBeNull()
  const [, seconds] = /; Max-Age=(\d+); Expires=/.exec(setCookie!) ?? []
  return seconds === undefined ? null : Number(seconds)
}

const seconds = (milliseconds: number): number => milliseconds / 1000

describe.for([
  { persistent: false, remember: true, kept: true },
  { persistent: false, remember: false, kept: false },
  { persistent: false, remember: undefined, kept: false },
  { persistent: true, remember: true, kept: true },
  { persistent: true, remember: false, kept: false },
  { persistent: true, remember: undefined, kept: true },
])(
  'NIST-5.1-browser NIST-5.1-remember with cookie.persistent $persistent and remember $remember',
  ({ persistent, remember, kept }) => {
    const facts = remember === undefined ? {} : { remember }
    const open = () => openCloakroom({ lifetime, cookie: { persistent } })
    const until = (time: number): number | null => (kept ? seconds(time) : null)

    test(`the cookie of the login is kept: ${kept}`, async () => {
      const { setCookie } = await open().visit(new Browser(), (session) => session.login('ann', facts))
      expect(keptFor(setCookie)).toBe(until(30 * day))
    })

    test('so is each later cookie of the session, until the same absolute limit', async () => {
      const room = open()
      const browser = new Browser()
      await room.visit(browser, (session) => session.login('ann', facts))
      room.wait(hour)
      const rotated = await room.visit(browser, (session) => session.rotate())
      expect(keptFor(rotated.setCookie)).toBe(until(30 * day - hour))
      room.wait(day)
      const renewed = await room.visit(browser, () => {})
      expect(renewed.events[0]?.type).toBe('renewed')
      expect(keptFor(renewed.setCookie)).toBe(until(29 * day - hour))
      const stepped = await room.visit(browser, (session) => session.stepUp({ amr: ['otp'] }))
      expect(keptFor(stepped.setCookie)).toBe(until(29 * day - hour))
      const acting = await room.visit(browser, (session) => session.actAs('bob'))
      expect(keptFor(acting.setCookie)).toBe(until(29 * day - hour))
      const later = room.reopen({ lifetime, cookie: { persistent }, secrets: [newerSecret, secret] })
      const reissued = await later.visit(browser, () => {})
      expect(reissued.events[0]?.type).toBe('old-key')
      expect(keptFor(reissued.setCookie)).toBe(until(29 * day - hour))
    })
  },
)

test('the latest login decides', async () => {
  const room = openCloakroom({ lifetime })
  const browser = await room.welcome((session) => session.login('ann', { remember: true }))
  const { setCookie } = await room.visit(browser, (session) => session.login('ann', { remember: false }))
  expect(keptFor(setCookie)).toBeNull()
  expect((await room.load(browser)).authentication?.remember).toBe(false)
})

test('RFC6265bis-5.5 a cookie is kept for 400 days at most, however long the session may live', async () => {
  const room = openCloakroom({ lifetime: { idle: '500d', absolute: '1000d' } })
  const { setCookie } = await room.visit(new Browser(), (session) => session.login('ann', { remember: true }))
  expect(keptFor(setCookie)).toBe(seconds(400 * day))
})

test('ASVS-7.6.1 a cookie is kept no longer than an earlier authentication allows', async () => {
  const room = openCloakroom({ lifetime })
  const authTime = new Date(room.now() - 10 * day)
  const facts = { remember: true, authTime }
  const { setCookie } = await room.visit(new Browser(), (session) => session.login('ann', facts))
  expect(keptFor(setCookie)).toBe(seconds(20 * day))
})

test('NIST-5.1-browser nobody is remembered before the login', async () => {
  const { setCookie } = await openCloakroom().visit(new Browser(), (session) => session.set('views', 1))
  expect(keptFor(setCookie)).toBeNull()
})
