import type { SessionManagerOptions } from '@coatcheck/core'
import { describe, expect, test } from 'vitest'
import type { Browser } from '../../../../test/support/browser.ts'
import { hour, newerSecret, secret, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { jarOf, openSealed, type SealedCloakroom } from '../../../../test/support/sealed-cloakroom.ts'

type Secrets = SessionManagerOptions<Goods>['secrets']

/** Who the session is of, and what the visit led to. */
async function look(room: SealedCloakroom<Goods>, browser: Browser) {
  const { events, setCookies, value } = await room.visit(browser, (session) => session.userId)
  return { userId: value, events: typesOf(events), renewed: setCookies.length > 0 }
}

const untouched = { userId: 'ann', events: [], renewed: false }
const renewed = { userId: 'ann', events: ['old-key'], renewed: true }
const refused = { userId: null, events: ['rejected'], renewed: false }

describe.for([false, true])('with strict %s', (strict) => {
  const open = (secrets: Secrets = [secret]) => openSealed({ strict, secrets })

  test('ASVS-11.2.2 a cookie of an older secret opens, and is sealed anew with the next response', async () => {
    const old = open()
    const browser = await old.welcome()
    const before = await old.load(browser)
    const room = old.reopen({ strict, secrets: [newerSecret, secret] })
    old.wait(hour)
    const { events, setCookies, value } = await room.visit(browser, () => 'Hi')
    expect(value).toBe('Hi')
    expect(events).toEqual([{ type: 'old-key', id: before.id, index: 1 }])
    expect(setCookies).toHaveLength(1)
    expect(await look(room, browser)).toEqual(untouched)
    // The very same session: no change of id, handle or limits, and no new version.
    const after = await room.load(browser)
    expect([after.id, after.handle, after.expiresAt]).toEqual([before.id, before.handle, before.expiresAt])
    // The older cookie has not become older by it.
    expect(await look(open([newerSecret]), browser)).toEqual(untouched)
  })

  test('what an older secret sealed goes on beside its newer form, since it is the same version', async () => {
    const old = open()
    const browser = await old.welcome()
    const copy = browser.copy()
    const room = old.reopen({ strict, secrets: [newerSecret, secret] })
    await look(room, browser)
    old.wait(hour)
    expect(await look(room, copy)).toEqual(renewed)
    expect(room.store.takeCalls()).not.toContain('set')
  })

  test('a write of such a visit is sealed by the newer secret at once', async () => {
    const old = open()
    const browser = await old.welcome()
    const room = old.reopen({ strict, secrets: [newerSecret, secret] })
    const { events, setCookies } = await room.visit(browser, (session) => session.set('views', 1))
    expect([typesOf(events), setCookies.length]).toEqual([['old-key', 'updated'], 1])
    expect(await look(room.reopen({ strict, secrets: [newerSecret] }), browser)).toEqual(untouched)
  })

  test('parts are sealed anew together', async () => {
    const old = open()
    const browser = await old.welcome((session) => {
      session.login('ann')
      session.set('notice', 'x'.repeat(9000))
    })
    const before = jarOf(browser)
    const room = old.reopen({ strict, secrets: [newerSecret, secret] })
    expect(await look(room, browser)).toEqual(renewed)
    const after = jarOf(browser)
    expect([...after.keys()].toSorted()).toEqual([...before.keys()].toSorted())
    for (const [name, value] of before) expect(after.get(name)).not.toBe(value)
    expect(await look(room, browser)).toEqual(untouched)
  })

  test('ASVS-13.3.4 a secret that has gone, or retired, ends the sessions that it sealed', async () => {
    const old = open()
    const browser = await old.welcome()
    expect(await look(old.reopen({ strict, secrets: [newerSecret] }), browser)).toEqual(refused)
    const retireAfter = new Date(old.now() + hour)
    const room = old.reopen({ strict, secrets: [newerSecret, { secret, retireAfter }] })
    const idle = browser.copy()
    old.wait(hour)
    expect(await look(room, browser)).toEqual(renewed)
    old.wait(1)
    expect(await look(room, idle)).toEqual(refused)
    expect(await look(room, browser)).toEqual(untouched)
  })

  test('ASVS-11.2.2 every server accepts every cookie while a new secret is staged', async () => {
    const old = open()
    const notBefore = new Date(old.now() + hour)
    const staged = old.reopen({ strict, secrets: [{ secret: newerSecret, notBefore }, secret] })
    const browsers = [await old.welcome(), await staged.welcome()]
    for (const room of [old, staged]) {
      for (const browser of browsers) expect(await look(room, browser)).toEqual(untouched)
    }
    old.wait(hour)
    for (const browser of browsers) expect(await look(staged, browser)).toEqual(renewed)
    // One whose clock is behind accepts what the others seal already, and does not seal it back.
    const behind = old.reopen({
      strict,
      secrets: [{ secret: newerSecret, notBefore }, secret],
      now: () => notBefore.getTime() - 1,
    })
    for (const browser of browsers) expect(await look(behind, browser)).toEqual(untouched)
  })

  test('keyUse tells how often each secret opened a cookie, and when last', async () => {
    const old = open()
    const browser = await old.welcome()
    const room = old.reopen({ strict, secrets: [{ secret: newerSecret, label: 'new' }, secret] })
    expect(room.sessions.keyUse().map(({ count }) => count)).toEqual([0, 0])
    await look(room, browser)
    old.wait(hour)
    await look(room, browser)
    await look(room, browser)
    const [newest, older] = room.sessions.keyUse()
    expect(newest).toMatchObject({ label: 'new', signs: true, count: 2, lastSeenAt: room.now() })
    expect(older).toMatchObject({ signs: false, count: 1, lastSeenAt: room.now() - hour })
  })
})

test('a provider of secrets is asked at the first use', async () => {
  let loads = 0
  const room = openSealed({ secrets: async () => [[secret] as const, loads++][0] as [string] })
  expect(loads).toBe(0)
  const browser = await room.welcome()
  expect(await look(room, browser)).toEqual(untouched)
  expect(loads).toBe(1)
})

test('a provider that fails makes load reject, and begins no session', async () => {
  const ready = openSealed()
  const browser = await ready.welcome()
  const failure = new Error('The vault is shut.')
  const room = ready.reopen({ secrets: () => Promise.reject(failure) })
  await expect(room.load(browser)).rejects.toMatchObject({ code: 'ERR_SESSION_CONFIG', cause: failure })
})

test('an old key waits where no cookie can be set', async () => {
  const old = openSealed()
  const browser = await old.welcome()
  const room = old.reopen({ secrets: [newerSecret, secret] })
  const session = await room.load(browser)
  expect((await room.commit(browser, session, { status: 304 })).setCookies).toEqual([])
  expect(await look(room, browser)).toEqual(renewed)
})

test('an id in its grace window gets no new cookie of an old key', async () => {
  const old = openSealed()
  const browser = await old.welcome()
  const copy = browser.copy()
  await old.visit(browser, (session) => session.rotate())
  const room = old.reopen({ secrets: [newerSecret, secret] })
  expect(await look(room, copy)).toEqual({ ...renewed, renewed: false })
})

test('a persistent cookie that is only sealed anew is kept until the same time', async () => {
  const old = openSealed({ cookie: { persistent: true } })
  const browser = await old.welcome()
  old.wait(10 * hour)
  const room = old.reopen({ cookie: { persistent: true }, secrets: [newerSecret, secret] })
  const { setCookie } = await room.visit(browser, () => {})
  expect(setCookie).toContain(`; Max-Age=${(14 * 24 - 10) * 3600};`)
})
