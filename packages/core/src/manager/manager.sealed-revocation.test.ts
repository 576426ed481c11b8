import { describe, expect, test } from 'vitest'
import type { Browser } from '../../../../test/support/browser.ts'
import { day, hour, minute, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { openSealed, userOf, type SealedCloakroom } from '../../../../test/support/sealed-cloakroom.ts'

/** What becomes of a cookie that is sent again. */
async function replay(room: SealedCloakroom<Goods>, browser: Browser) {
  const { events, setCookies, value } = await room.visit(browser.copy(), (session) => session.userId)
  const [event] = events
  return { userId: value, reason: event?.type === 'rejected' ? event.reason : null, setCookies }
}

const lives = (userId: string | null) => ({ userId, reason: null, setCookies: [] })
const refused = (reason: string) => ({ userId: null, reason, setCookies: [] })

describe('ASVS-7.4.1 logout', () => {
  test('ends the session: a cookie that was copied before is refused afterwards', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const copy = browser.copy()
    expect(await replay(room, copy)).toEqual(lives('ann'))
    await room.visit(browser, (session) => session.destroy())
    expect(await replay(room, copy)).toEqual(refused('revoked'))
    // And so it stays, in another process too.
    room.wait(23 * hour)
    expect(await replay(room.reopen({}), copy)).toEqual(refused('revoked'))
  })

  test('ends it under every id and every version that there was', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const copies = [browser.copy()]
    const steps = ['set', 'rotate', 'set', 'step-up', 'rotate'] as const
    for (const step of steps) {
      await room.visit(browser, (session) => {
        if (step === 'set') session.update('views', (views = 0) => views + 1)
        if (step === 'rotate') session.rotate()
        if (step === 'step-up') session.stepUp({ amr: ['otp'] })
      })
      copies.push(browser.copy())
    }
    await room.visit(browser, (session) => session.destroy())
    for (const copy of copies) expect(await replay(room, copy)).toEqual(refused('revoked'))
  })

  test('of somebody who never signed in ends that session too, and no other', async () => {
    const room = openSealed()
    const [one, other] = [
      await room.welcome((session) => session.set('views', 1)),
      await room.welcome((session) => session.set('views', 2)),
    ]
    const copy = one.copy()
    await room.visit(one, (session) => session.destroy())
    expect(await replay(room, copy)).toEqual(refused('revoked'))
    expect(await replay(room, other)).toEqual(lives(null))
  })

  test('by an old cookie of the session ends what a later one holds', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const old = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    await room.visit(old, (session) => session.destroy())
    expect(await replay(room, browser)).toEqual(refused('revoked'))
  })

  test('leaves the other sessions of the user', async () => {
    const room = openSealed()
    const [phone, laptop] = [await room.welcome(), await room.welcome()]
    await room.visit(phone, (session) => session.destroy())
    expect(await replay(room, laptop)).toEqual(lives('ann'))
  })

  test('meets a request on its way: the cookie that this one sets is refused', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const late = await room.load(browser)
    late.set('views', 7)
    const other = browser.copy()
    await room.visit(other, (session) => session.destroy())
    const { setCookies } = await room.commit(browser, late)
    expect(setCookies).toHaveLength(1)
    expect(await replay(room, browser)).toEqual(refused('revoked'))
  })

  test('meets a rotation, a step-up and a login on their way: none of them brings anything back', async () => {
    for (const step of ['rotate', 'step-up', 'login'] as const) {
      const room = openSealed()
      const browser = await room.welcome((session) => {
        session.login('ann')
        session.set('notice', 'secret')
      })
      const late = await room.load(browser)
      if (step === 'rotate') late.rotate()
      if (step === 'step-up') late.stepUp({ amr: ['otp'] })
      if (step === 'login') late.login('ann')
      await room.visit(browser.copy(), (session) => session.destroy())
      const { events, setCookies } = await room.commit(browser, late)
      if (step === 'login') {
        // It holds, as its user has just proven who they are, but carries nothing over.
        expect(typesOf(events)).toEqual(['login'])
        const session = await room.load(browser)
        expect([session.userId, session.keys()]).toEqual(['ann', []])
      } else {
        expect([typesOf(events), setCookies]).toEqual([['gone'], []])
        expect(await replay(room, browser)).toEqual(refused('revoked'))
      }
    }
  })

  test('that was sent before a login and arrives after it ends what the login made', async () => {
    const room = openSealed()
    const browser = await room.welcome((session) => session.set('views', 1))
    const late = await room.load(browser)
    late.destroy()
    await room.visit(browser, (session) => session.login('ann'))
    expect(await replay(room, browser)).toEqual(lives('ann'))
    await room.commit(browser.copy(), late)
    expect(await replay(room, browser)).toEqual(refused('revoked'))
  })

  test('without a revocation store, a copy of the cookie stays good until its limits, as describe() says', async () => {
    const room = openSealed({ revocation: 'none' })
    const browser = await room.welcome()
    const copy = browser.copy()
    await room.visit(browser, (session) => session.destroy())
    expect(browser.cookie).toBeNull()
    expect(await replay(room, copy)).toEqual(lives('ann'))
    room.wait(day)
    expect(await replay(room, copy)).toEqual(refused('expired'))
    const { data, sentences } = await room.sessions.describe()
    expect(data.sealed?.revocation).toBe('none')
    expect(sentences.join('\n')).toContain(
      "Nothing can be revoked (revocation: 'none'): a cookie that was copied stays good until its limits",
    )
  })
})

describe('ASVS-7.2.4 a login', () => {
  test('gives a new id, and the old cookie is refused', async () => {
    const room = openSealed()
    const browser = await room.welcome((session) => session.set('cart', ['hat']))
    const before = browser.copy()
    const { id } = await room.load(browser)
    await room.visit(browser, (session) => session.login('ann'))
    const session = await room.load(browser)
    expect([session.id === id, session.get('cart')]).toEqual([false, ['hat']])
    expect(await replay(room, before)).toEqual(refused('superseded'))
    room.wait(hour)
    expect(await replay(room, before)).toEqual(refused('superseded'))
    expect(await replay(room, browser)).toEqual(lives('ann'))
  })

  test('of one who is signed in already ends the session of before', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    for (const user of ['ann', 'bob', 'ann']) {
      const before = browser.copy()
      await room.visit(browser, (session) => session.login(user))
      expect(await replay(room, before)).toEqual(refused('superseded'))
      expect(await replay(room, browser)).toEqual(lives(user))
    }
  })

  test('and a step-up and actAs too: the former ids end at once', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    for (const step of ['step-up', 'act-as', 'stop-acting'] as const) {
      const before = browser.copy()
      await room.visit(browser, (session) => {
        if (step === 'step-up') session.stepUp({ amr: ['otp'] })
        if (step === 'act-as') session.actAs('bob')
        if (step === 'stop-acting') session.stopActing()
      })
      expect(await replay(room, before)).toEqual(refused('superseded'))
      expect(await replay(room, browser)).toEqual(lives(step === 'act-as' ? 'bob' : 'ann'))
    }
  })

  test('two at once from one visitor: both hold, and what was before has ended', async () => {
    const room = openSealed()
    const browser = await room.welcome((session) => session.set('views', 1))
    const before = browser.copy()
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.login('ann')
    two.login('ann')
    const [first, second] = [browser.copy(), browser.copy()]
    await room.commit(first, one)
    await room.commit(second, two)
    expect(await replay(room, before)).toEqual(refused('superseded'))
    for (const each of [first, second]) expect(await replay(room, each)).toEqual(lives('ann'))
    // A late logout of the visitor finds both.
    await room.revocation.revokeUser('ann')
    for (const each of [first, second]) expect(await replay(room, each)).toEqual(refused('revoked'))
  })

  test('without a revocation store the old cookie goes on: rotate and login end nothing', async () => {
    const room = openSealed({ revocation: 'none' })
    const browser = await room.welcome((session) => session.set('views', 1))
    const visitor = browser.copy()
    await room.visit(browser, (session) => session.login('ann'))
    const ann = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    room.wait(hour)
    expect(await replay(room, visitor)).toEqual(lives(null))
    expect(await replay(room, ann)).toEqual(lives('ann'))
  })
})

describe('a rotation', () => {
  test('leaves the old id readable for the grace window, without a new cookie', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const old = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    room.wait(minute - 1)
    expect(await replay(room, old)).toEqual(lives('ann'))
    const touched = await room.visit(old.copy(), (session) => session.rotate())
    expect([touched.setCookies, touched.events]).toEqual([[], []])
  })

  test('an old id in its grace window writes nothing: an older cookie must not replace the newer one', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const old = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    const { cookie } = old
    const write = room.visit(old, (session) => session.set('views', 1))
    await expect(write).rejects.toMatchObject({ code: 'ERR_SESSION_CONFLICT' })
    expect(old.cookie).toBe(cookie)
    expect(await replay(room, browser)).toEqual(lives('ann'))
  })

  test('a look in the grace window is no write, even where the data are brought into today’s form', async () => {
    const room = openSealed({ lifetime: { idle: '90s' } })
    const browser = await room.welcome()
    const old = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    const { schema, migrate } = versioned
    const today = room.reopen<object>({ lifetime: { idle: '90s' }, schema, migrate })
    room.wait(50_000)
    const { events, setCookies, value } = await today.visit(old.copy(), (session) => session.userId)
    expect([value, setCookies, events]).toEqual(['ann', [], []])
  })

  test('the old id after the grace window ends the whole session', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const old = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    room.wait(minute)
    const { events } = await room.visit(old, () => {})
    expect(typesOf(events)).toEqual(['reused', 'rejected'])
    expect(await replay(room, browser)).toEqual(refused('revoked'))
  })

  test('two at once get one id, and both cookies hold', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.rotate()
    two.rotate()
    const [first, second] = [browser.copy(), browser.copy()]
    await room.commit(first, one)
    await room.commit(second, two)
    expect((await room.load(first)).id).toBe((await room.load(second)).id)
    expect((await room.load(first)).anchors).toEqual((await room.load(second)).anchors)
    room.wait(hour)
    for (const each of [first, second]) expect(await replay(room, each)).toEqual(lives('ann'))
  })
})

describe('from outside of the session', () => {
  test('ASVS-7.4.2 revokeUser ends all sessions of the user, and of nobody else', async () => {
    const room = openSealed()
    const anns = [await room.welcome(), await room.welcome(), await room.welcome()]
    await room.visit(anns[2]!, (session) => session.rotate())
    const bob = await room.welcome((session) => session.login('bob'))
    const visitor = await room.welcome((session) => session.set('views', 1))
    await room.revocation.revokeUser('ann')
    for (const ann of anns) expect(await replay(room, ann)).toEqual(refused('revoked'))
    expect(await replay(room, bob)).toEqual(lives('bob'))
    expect(await replay(room, visitor)).toEqual(lives(null))
    // A login that comes afterwards counts, within the same millisecond too.
    expect(await userOf(room, await room.welcome())).toBe('ann')
  })

  test('ASVS-7.4.2 revokeUser meets requests on their way: no cookie that they set is of use', async () => {
    for (const step of ['set', 'rotate', 'step-up'] as const) {
      const room = openSealed()
      const browser = await room.welcome()
      const late = await room.load(browser)
      if (step === 'set') late.set('views', 1)
      if (step === 'rotate') late.rotate()
      if (step === 'step-up') late.stepUp({ amr: ['otp'] })
      await room.revocation.revokeUser('ann')
      await room.commit(browser, late)
      expect(await replay(room, browser)).toEqual(refused('revoked'))
    }
  })

  test('ASVS-7.4.2 who acts as another is ended with the own account, not with the other’s', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    await room.visit(browser, (session) => session.actAs('bob'))
    await room.revocation.revokeUser('bob')
    expect(await replay(room, browser)).toEqual(lives('bob'))
    await room.revocation.revokeUser('ann')
    expect(await replay(room, browser)).toEqual(refused('revoked'))
  })

  test('ASVS-7.4.3 revokeOthers ends all sessions of the user but this one', async () => {
    const room = openSealed()
    const [phone, laptop] = [await room.welcome(), await room.welcome()]
    const old = laptop.copy()
    await room.visit(laptop, (session) => session.rotate())
    await room.revocation.revokeOthers(await room.load(laptop))
    expect(await replay(room, phone)).toEqual(refused('revoked'))
    expect(await replay(room, laptop)).toEqual(lives('ann'))
    // The spared one goes on as before.
    await room.visit(laptop, (session) => session.set('views', 1))
    await room.visit(laptop, (session) => session.rotate())
    expect(await replay(room, laptop)).toEqual(lives('ann'))
    await room.visit(laptop, (session) => session.destroy())
    for (const each of [old, phone]) expect((await replay(room, each)).userId).toBeNull()
  })

  test('ASVS-7.4.3 in the request that logs in: after its commit, that session is the one that is spared', async () => {
    const room = openSealed()
    const other = await room.welcome()
    const browser = await room.welcome((session) => session.set('views', 1))
    const session = await room.load(browser)
    session.login('ann')
    await room.commit(browser, session)
    await room.revocation.revokeOthers(session)
    expect(await replay(room, other)).toEqual(refused('revoked'))
    expect(await replay(room, browser)).toEqual(lives('ann'))
  })

  test('revoke ends the one session that it is given', async () => {
    const room = openSealed()
    const [phone, laptop] = [await room.welcome(), await room.welcome()]
    await room.revocation.revoke(await room.load(phone))
    expect(await replay(room, phone)).toEqual(refused('revoked'))
    expect(await replay(room, laptop)).toEqual(lives('ann'))
    const stranger = await room.load(await openSealed({ revocation: 'none' }).welcome())
    await expect(room.revocation.revoke({ id: stranger.id, userId: stranger.userId })).rejects.toMatchObject({
      code: 'ERR_SESSION_CONFIG',
    })
  })
})

/** A form of the data that no session of the tests has yet. */
const versioned = {
  schema: {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (data: unknown) =>
        'form' in (data as object) ? { value: data as object } : { issues: [{ message: 'old' }] },
    },
  },
  migrate: (data: unknown) => ({ ...(data as object), form: 2 }),
}
