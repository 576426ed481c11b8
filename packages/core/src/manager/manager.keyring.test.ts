import type { SessionEvent, SessionManagerOptions } from '@coatcheck/core'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  hour,
  idOf,
  minute,
  newerSecret,
  openCloakroom,
  secret,
  typesOf,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'

type Secrets = SessionManagerOptions<Goods>['secrets']

const forged: SessionEvent = { type: 'rejected', reason: 'forged', id: null }

/** Who the session is of, and what the visit led to. */
async function visit(room: Cloakroom<Goods>, browser: Browser) {
  const { events, setCookie, value } = await room.visit(browser, (session) => session.userId)
  return { userId: value, events: typesOf(events), renewed: setCookie !== null }
}

const untouched = { userId: 'ann', events: [], renewed: false }
const renewed = { userId: 'ann', events: ['old-key'], renewed: true }

/** When a secret of the tests begins to sign or retires: an hour after the cloakroom opens. */
function inAnHour(room: Cloakroom<Goods>): Date {
  return new Date(room.now() + hour)
}

describe('a new secret in a fleet that is replaced server by server', () => {
  test('ASVS-11.2.2 ASVS-13.3.4 every server accepts every cookie at every step', async () => {
    const old = openCloakroom()
    const notBefore = inAnHour(old)
    const staged = old.reopen({ secrets: [{ secret: newerSecret, notBefore }, secret] })
    const everybody: Browser[] = []
    const welcomedBy = async (room: Cloakroom<Goods>): Promise<void> => {
      everybody.push(await room.welcome())
    }
    const allAccepted = async (rooms: Cloakroom<Goods>[]): Promise<void> => {
      // Each order of servers that a load balancer could choose, for each visitor.
      for (const room of [...rooms, ...rooms.toReversed()]) {
        for (const browser of everybody) expect(await visit(room, browser)).toMatchObject({ userId: 'ann' })
      }
    }
    // 1. Some servers have the new secret staged: both kinds sign with the old one, and nothing is renewed.
    await welcomedBy(old)
    await welcomedBy(staged)
    await allAccepted([old, staged])
    expect(await visit(old, everybody[1]!)).toEqual(untouched)
    expect(await visit(staged, everybody[0]!)).toEqual(untouched)
    // 2. All have it, the hour comes, and one server's clock is a little behind.
    staged.wait(hour)
    const behind = staged.reopen({
      secrets: [{ secret: newerSecret, notBefore }, secret],
      now: () => notBefore.getTime() - 1,
    })
    await welcomedBy(staged)
    await welcomedBy(behind)
    await allAccepted([staged, behind])
    // 3. Some servers have the old secret only to verify, and then not at all.
    const done = staged.reopen({ secrets: [newerSecret] })
    await allAccepted([staged, done])
    for (const browser of everybody) expect(await visit(done, browser)).toEqual(untouched)
  })

  test('what a server signs whose clock is ahead is not signed back by one that is behind', async () => {
    const ahead = openCloakroom()
    const notBefore = new Date(ahead.now())
    const secrets: Secrets = [{ secret: newerSecret, notBefore }, secret]
    const browser = await ahead.reopen({ secrets }).welcome()
    const behind = ahead.reopen({ secrets, now: () => notBefore.getTime() - minute })
    expect(await visit(behind, browser)).toEqual(untouched)
  })

  test('ASVS-11.2.2 without staging, servers that have only the old secret log out who met a new one', async () => {
    const old = openCloakroom()
    const hasty = old.reopen({ secrets: [newerSecret, secret] })
    const browser = await hasty.welcome()
    expect(await visit(old, browser)).toEqual({ userId: null, events: ['rejected'], renewed: false })
  })
})

describe('a change of secrets by the clock', () => {
  test('ASVS-11.1.1 ASVS-13.3.4 renews the cookie once the new one signs; the old one retires, and its cookie ends', async () => {
    const room = openCloakroom()
    const notBefore = inAnHour(room)
    const retireAfter = new Date(notBefore.getTime() + hour)
    const turning = room.reopen({
      secrets: [
        { secret: newerSecret, notBefore },
        { secret, retireAfter },
      ],
    })
    const browser = await turning.welcome()
    const idle = browser.copy()
    turning.wait(hour - 1)
    expect(await visit(turning, browser)).toEqual(untouched)
    turning.wait(1)
    expect(await visit(turning, browser)).toEqual(renewed)
    expect(await visit(turning, browser)).toEqual(untouched)
    expect(idOf(browser)).toBe(idOf(idle))
    expect(browser.value()).not.toBe(idle.value())
    turning.wait(hour)
    expect(await visit(turning, idle.copy())).toEqual(renewed)
    turning.wait(1)
    const { calls, events, value } = await turning.visit(idle, (session) => session.userId)
    expect({ calls, events, value }).toEqual({ calls: [], events: [forged], value: null })
    expect(await visit(turning, browser)).toEqual(untouched)
  })

  test('does not renew what the signing secret signed, although it is not the first', async () => {
    const room = openCloakroom()
    const notBefore = inAnHour(room)
    const staged = room.reopen({ secrets: [{ secret: newerSecret, notBefore }, secret] })
    const browser = await room.welcome()
    for (let count = 0; count < 3; count++) expect(await visit(staged, browser)).toEqual(untouched)
  })

  test('names the old secret by its place in the ring', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const third = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw'
    const staged = room.reopen({
      secrets: [{ secret: third, notBefore: inAnHour(room) }, newerSecret, secret],
    })
    const { events } = await staged.visit(browser, () => {})
    expect(events).toEqual([{ type: 'old-key', id: idOf(browser), index: 2 }])
  })
})

describe('when no secret may sign any more', () => {
  test('ASVS-11.2.5 nothing is written, and the error says why', async () => {
    const room = openCloakroom()
    const retiring = room.reopen({ secrets: [{ secret, retireAfter: inAnHour(room) }] })
    const browser = await retiring.welcome()
    retiring.wait(hour + 1)
    // Who only reads is served; whose cookie ended is a new visitor.
    expect(await visit(retiring, browser)).toMatchObject({ userId: null, events: ['rejected'] })
    room.store.takeCalls()
    const refusal = {
      code: 'ERR_SESSION_CONFIG',
      message: expect.stringMatching(/^secrets need one that may sign/),
    }
    await expect(retiring.visit(browser, (session) => session.login('ann'))).rejects.toMatchObject(refusal)
    expect(room.store.takeCalls()).toEqual([])
  })

  test('ASVS-11.1.1 a manager is not made', () => {
    const make = (): unknown => openCloakroom({ secrets: [{ secret, retireAfter: '2020-01-01' }] })
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  })
})

describe('a vault', () => {
  test('ASVS-13.3.1 is not asked for visitors who have no cookie and get none', async () => {
    let asked = 0
    const room = openCloakroom({
      secrets: () => {
        asked++
        return [secret]
      },
    })
    await room.visit(new Browser(), () => {})
    expect(asked).toBe(0)
    const browser = await room.welcome()
    expect(await visit(room, browser)).toEqual(untouched)
    expect(asked).toBe(1)
  })

  test('ASVS-11.2.5 that fails at first makes load reject, never a new session, and is asked again', async () => {
    const outage = new Error('The vault is sealed.')
    let sealed = true
    const room = openCloakroom()
    const browser = await room.welcome()
    const guarded = room.reopen({
      secrets: async () => {
        if (sealed) throw outage
        return [secret]
      },
    })
    const refusal = { code: 'ERR_SESSION_CONFIG', cause: outage }
    await expect(guarded.load(browser)).rejects.toMatchObject(refusal)
    const login = guarded.visit(new Browser(), (session) => session.login('bob'))
    await expect(login).rejects.toMatchObject(refusal)
    expect(guarded.store.takeCalls()).toEqual([])
    const failure = { type: 'key-provider-failure', error: outage }
    expect(guarded.events).toEqual([failure, failure])
    sealed = false
    expect(await visit(guarded, browser)).toEqual(untouched)
  })

  test('ASVS-13.3.4 whose secret is changed while sessions run logs nobody out', async () => {
    let secrets: readonly [string, ...string[]] = [secret]
    const room = openCloakroom({ secrets: { load: async () => secrets, refreshEvery: '1m' } })
    const browser = await room.welcome()
    secrets = [newerSecret, secret]
    room.wait(2 * minute)
    expect(await visit(room, browser)).toEqual(renewed)
    secrets = [newerSecret]
    room.wait(2 * minute)
    expect(await visit(room, browser)).toEqual(untouched)
  })
})

test('ASVS-11.1.1 keyUse tells when an old secret is no longer seen', async () => {
  const room = openCloakroom()
  const browsers = [await room.welcome(), await room.welcome()]
  const later = room.reopen({ secrets: [newerSecret, { secret, label: '2025' }] })
  for (const browser of browsers) await visit(later, browser)
  const changedAt = later.now()
  later.wait(hour)
  for (const browser of browsers) await visit(later, browser)
  expect(later.sessions.keyUse()).toEqual([
    { index: 0, label: null, signs: true, count: 2, lastSeenAt: changedAt + hour },
    { index: 1, label: '2025', signs: false, count: 2, lastSeenAt: changedAt },
  ])
})
