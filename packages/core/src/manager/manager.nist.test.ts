import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { day, hour, minute, openCloakroom, second } from '../../../../test/support/cloakroom.ts'
import { nist } from '../session/nist.ts'

const levels = [
  { level: 'AAL1', lifetime: nist.aal1, idle: 30 * day, absolute: 30 * day },
  { level: 'AAL2', lifetime: nist.aal2, idle: hour, absolute: 24 * hour },
  { level: 'AAL3', lifetime: nist.aal3, idle: 15 * minute, absolute: 12 * hour },
]
const edges = [
  { when: 'a second before the limit', offset: -second, alive: true },
  { when: 'at the limit', offset: 0, alive: false },
  { when: 'a second after the limit', offset: second, alive: false },
]

describe.for(levels)('NIST-2.1.3 NIST-2.2.3 NIST-2.3.3 at $level', ({ absolute, idle, lifetime }) => {
  test.for(edges)('ASVS-7.3.1 without a visit, $when: alive is $alive', async ({ alive, offset }) => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    room.wait(idle + offset)
    expect((await room.visit(browser, (session) => session.userId)).value).toBe(alive ? 'ann' : null)
  })

  test.for(edges)(
    'ASVS-7.3.1 a visit that was not recorded adds nothing, $when',
    async ({ alive, offset }) => {
      const room = openCloakroom({ lifetime })
      const browser = await room.welcome()
      room.wait(idle / 20)
      const early = await room.visit(browser, (session) => session.userId)
      expect([early.value, early.calls]).toEqual(['ann', ['get']])
      room.wait(idle - idle / 20 + offset)
      expect((await room.visit(browser, (session) => session.userId)).value).toBe(alive ? 'ann' : null)
    },
  )

  test.for(edges)('ASVS-7.3.2 with visits all along, $when: alive is $alive', async ({ alive, offset }) => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    const pause = idle / 3
    let passed = 0
    for (; passed + pause < absolute; passed += pause) {
      room.wait(pause)
      expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
    }
    room.wait(absolute - passed + offset)
    expect((await room.visit(browser, (session) => session.userId)).value).toBe(alive ? 'ann' : null)
  })

  test.for(edges)(
    'ASVS-7.6.1 a proof that the identity provider took earlier counts, $when',
    async ({ alive, offset }) => {
      const room = openCloakroom({ lifetime })
      const browser = new Browser()
      // Nine tenths of the life are over when the session begins.
      const authTime = new Date(room.now() - 0.9 * absolute)
      await room.visit(browser, (session) => session.login('ann', { authTime }))
      const pause = idle / 3
      let passed = 0
      for (; passed + pause < absolute / 10; passed += pause) {
        room.wait(pause)
        const { value } = await room.visit(browser, (session) => session.authenticatedAt)
        expect(value).toEqual(authTime)
      }
      room.wait(absolute / 10 - passed + offset)
      expect((await room.visit(browser, (session) => session.userId)).value).toBe(alive ? 'ann' : null)
    },
  )
})

test.for(levels.slice(1))(
  'ASVS-7.3.2 NIST-2.2.3 NIST-2.3.3 a visit each minute for one and a half times the limit of $level ends at the limit',
  async ({ absolute, lifetime }) => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    const deaths: number[] = []
    for (let passed = minute; passed <= 1.5 * absolute; passed += minute) {
      room.wait(minute)
      const { value } = await room.visit(browser, (session) => session.userId)
      if (value === null) deaths.push(passed)
    }
    expect(deaths[0]).toBe(absolute)
    expect(deaths).toHaveLength(absolute / 2 / minute + 1)
  },
)

test('ASVS-7.6.1 a session whose proof is too old is over before it begins', async () => {
  const room = openCloakroom({ lifetime: nist.aal2 })
  const browser = new Browser()
  const authTime = new Date(room.now() - day)
  const { value } = await room.visit(browser, (session) => {
    session.login('ann', { authTime })
    return session.expiresAt
  })
  expect(value).toEqual(new Date(room.now()))
  expect((await room.visit(browser, (session) => session.userId)).value).toBeNull()
})

test('ASVS-7.6.1 a clock of the identity provider that runs ahead does not prolong the session', async () => {
  const room = openCloakroom({ lifetime: nist.aal2 })
  const browser = new Browser()
  const authTime = new Date(room.now() + hour)
  await room.visit(browser, (session) => session.login('ann', { authTime }))
  const { value } = await room.visit(browser, (session) => session.authenticatedAt)
  expect(value).toEqual(new Date(room.now()))
})
