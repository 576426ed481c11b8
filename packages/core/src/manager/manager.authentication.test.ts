import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, idOf, minute, openCloakroom, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import type { Session } from '../session/session.ts'

const facts = { amr: ['pwd'], aal: 1 } as const
const further = { amr: ['otp'], aal: 2 } as const

/** Ann, signed in with a password, with something in her cart. */
async function ann(room = openCloakroom()) {
  const browser = await room.welcome((session) => {
    session.login('ann', facts)
    session.set('cart', ['hat'])
  })
  return { browser, room }
}

describe('stepUp', () => {
  test('ASVS-7.2.4 changes the id, and the old one ends at once', async () => {
    const { browser, room } = await ann()
    const old = browser.copy()
    const { events, setCookie } = await room.visit(browser, (session) => session.stepUp(further))
    expect(setCookie).not.toBeNull()
    expect(events).toEqual([{ type: 'step-up', id: idOf(browser), previous: idOf(old), userId: 'ann' }])
    const replay = await room.visit(old, (session) => [session.userId, session.keys()])
    expect(replay.value).toEqual([null, []])
    expect(replay.events).toEqual([{ type: 'rejected', reason: 'superseded', id: idOf(old) }])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('keeps user, data and limits', async () => {
    const { browser, room } = await ann()
    const before = await room.load(browser)
    room.wait(minute)
    await room.visit(browser, (session) => session.stepUp(further))
    const session = await room.load(browser)
    expect([session.userId, session.get('cart')]).toEqual(['ann', ['hat']])
    expect([session.createdAt, session.authenticatedAt]).toEqual([before.createdAt, before.authenticatedAt])
  })

  test.for([
    ['a moment before its end', -1, 2, ['pwd', 'otp']],
    ['at its end', 0, 1, ['pwd']],
    ['an hour later', hour, 1, ['pwd']],
  ] as const)('ASVS-7.5.3 the level falls back by itself: %s', async ([, offset, aal, amr]) => {
    const { browser, room } = await ann()
    await room.visit(browser, (session) => session.stepUp({ ...further, for: '5m' }))
    room.wait(5 * minute + offset)
    const { authentication } = await room.load(browser)
    expect([authentication?.aal, authentication?.amr]).toEqual([aal, amr])
  })

  test('ASVS-7.5.3 NIST-5.1-aal visits, changes and rotations do not prolong it', async () => {
    const { browser, room } = await ann()
    await room.visit(browser, (session) => session.stepUp(further))
    for (let passed = 0; passed < 9; passed++) {
      room.wait(minute)
      const { value } = await room.visit(browser, (session) => {
        session.set('views', passed)
        if (passed % 3 === 0) session.rotate()
        return session.authentication?.aal
      })
      expect(value).toBe(2)
    }
    room.wait(minute)
    expect((await room.load(browser)).authentication?.aal).toBe(1)
  })

  test('ASVS-7.5.1 is the fresh proof that requireFresh asks for, as long as it holds', async () => {
    const { browser, room } = await ann()
    room.wait(hour)
    const demand = (session: Session<Goods>) => session.requireFresh({ maxAge: '5m', amr: ['otp'], aal: 2 })
    const stale = expect.objectContaining({ code: 'ERR_SESSION_STEP_UP', reason: 'stale' }) as Error
    await expect(room.visit(browser, demand)).rejects.toThrow(stale)
    await room.visit(browser, (session) => {
      session.stepUp(further)
      // At once, in the same request.
      demand(session)
    })
    room.wait(5 * minute)
    await room.visit(browser, demand)
    room.wait(1)
    await expect(room.visit(browser, demand)).rejects.toThrow(stale)
  })

  test('of nobody is refused, and leaves no session', async () => {
    const room = openCloakroom()
    const browser = new Browser()
    const stepUp = room.visit(browser, (session) => session.stepUp(further))
    await expect(stepUp).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_STEP_UP', reason: 'unauthenticated' }),
    )
    expect([browser.cookie, room.memory.size]).toEqual([null, 0])
  })

  test('with a login in the same request raises the session that the login begins', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const old = browser.copy()
    const { events } = await room.visit(browser, (session) => {
      session.login('ann', facts)
      session.stepUp(further)
    })
    expect(events[0]).toEqual({ type: 'login', id: idOf(browser), previous: idOf(old), userId: 'ann' })
    const session = await room.load(browser)
    expect(session.authentication).toMatchObject({ amr: ['pwd', 'otp'], aal: 2 })
    room.wait(10 * minute)
    expect((await room.load(browser)).authentication).toMatchObject({ amr: ['pwd'], aal: 1 })
  })

  test('NIST-5.1-aal ends with the next login', async () => {
    const { browser, room } = await ann()
    await room.visit(browser, (session) => session.stepUp(further))
    await room.visit(browser, (session) => session.login('ann', facts))
    expect((await room.load(browser)).authentication).toMatchObject({ amr: ['pwd'], aal: 1 })
  })

  test('twice at once leaves one session, that both clients are given', async () => {
    const { browser, room } = await ann()
    const other = browser.copy()
    const [one, two] = [await room.load(browser), await room.load(other)]
    one.stepUp(further)
    two.stepUp(further)
    await room.commit(browser, one)
    await room.commit(other, two)
    expect(idOf(other)).toBe(idOf(browser))
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
    expect((await room.load(browser)).authentication?.aal).toBe(2)
  })

  test('keeps what another request writes meanwhile', async () => {
    const { browser, room } = await ann()
    const stepping = await room.load(browser)
    stepping.stepUp(further)
    await room.visit(browser.copy(), (session) => session.set('views', 7))
    const { events } = await room.commit(browser, stepping)
    expect(typesOf(events)).toEqual(['conflict', 'step-up'])
    const session = await room.load(browser)
    expect([session.get('views'), session.authentication?.aal]).toEqual([7, 2])
  })
})

describe('actAs', () => {
  test('changes the user and the id, deletes the data, and keeps who really acts', async () => {
    const { browser, room } = await ann()
    const old = browser.copy()
    const { events } = await room.visit(browser, (session) => {
      session.actAs('bob')
      expect([session.userId, session.actor, session.keys()]).toEqual(['bob', 'ann', []])
    })
    const names = { id: idOf(browser), previous: idOf(old), userId: 'bob', actor: 'ann' }
    expect(events).toEqual([{ type: 'act-as', ...names }])
    const session = await room.load(browser)
    expect([session.userId, session.actor, session.keys()]).toEqual(['bob', 'ann', []])
    expect((await room.visit(old, ({ userId }) => userId)).value).toBeNull()
    expect([...(await room.memory.listByUser('ann')).keys()]).toEqual([idOf(browser)])
  })

  test('ends cleanly: the actor is the user again, with a new id and without the data of the other', async () => {
    const { browser, room } = await ann()
    await room.visit(browser, (session) => session.actAs('bob'))
    await room.visit(browser, (session) => session.set('theme', 'dark'))
    const acting = browser.copy()
    const { events } = await room.visit(browser, (session) => session.stopActing())
    const names = { id: idOf(browser), previous: idOf(acting), userId: 'ann' }
    expect(events).toEqual([{ type: 'stop-acting', ...names }])
    const session = await room.load(browser)
    expect([session.userId, session.actor, session.keys()]).toEqual(['ann', null, []])
    expect((await room.visit(acting, ({ userId }) => userId)).value).toBeNull()
    expect((await room.memory.listByUser('bob')).size).toBe(0)
  })

  test('as one after another keeps the one who really acts', async () => {
    const { browser, room } = await ann()
    await room.visit(browser, (session) => session.actAs('bob'))
    const { events } = await room.visit(browser, (session) => session.actAs('cid'))
    expect(events[0]).toMatchObject({ type: 'act-as', userId: 'cid', actor: 'ann' })
    await room.visit(browser, (session) => session.stopActing())
    expect((await room.load(browser)).userId).toBe('ann')
  })

  test('does not let data through that the actor writes meanwhile', async () => {
    const { browser, room } = await ann()
    const acting = await room.load(browser)
    acting.actAs('bob')
    await room.visit(browser.copy(), (session) => session.set('views', 7))
    await room.commit(browser, acting)
    const session = await room.load(browser)
    expect([session.userId, session.keys()]).toEqual(['bob', []])
  })

  test('does not move the absolute limit', async () => {
    const { browser, room } = await ann(openCloakroom({ lifetime: { idle: '2h', absolute: '2h' } }))
    room.wait(hour)
    await room.visit(browser, (session) => session.actAs('bob'))
    room.wait(hour - 1)
    expect((await room.load(browser)).userId).toBe('bob')
    room.wait(1)
    expect((await room.load(browser)).userId).toBeNull()
  })

  test('is over with a login', async () => {
    const { browser, room } = await ann()
    await room.visit(browser, (session) => session.actAs('bob'))
    await room.visit(browser, (session) => session.login('bob'))
    const session = await room.load(browser)
    expect([session.userId, session.actor]).toEqual(['bob', null])
  })

  test('is refused to nobody, and of nobody', async () => {
    const { browser, room } = await ann()
    const actAs = (jar: Browser, userId: string) => room.visit(jar, (session) => session.actAs(userId))
    await expect(actAs(new Browser(), 'bob')).rejects.toMatchObject({ reason: 'unauthenticated' })
    await expect(actAs(browser, '')).rejects.toMatchObject({ code: 'ERR_SESSION_CONFIG' })
  })

  test('stopping it does nothing where nobody acts', async () => {
    const { browser, room } = await ann()
    const { calls, setCookie } = await room.visit(browser, (session) => session.stopActing())
    expect([calls, setCookie]).toEqual([['get'], null])
    expect((await room.load(browser)).get('cart')).toEqual(['hat'])
  })
})

const changes: readonly [string, (session: Session<Goods>) => void][] = [
  ['a step-up', (session) => session.stepUp(further)],
  ['acting as another', (session) => session.actAs('cid')],
  ['going back to who one is', (session) => session.stopActing()],
]

/** Ann, who acts as Bob. */
async function acting() {
  const { browser, room } = await ann()
  await room.visit(browser, (session) => session.actAs('bob'))
  return { browser, room }
}

test.for(changes)('%s in a session that is revoked meanwhile ends as gone', async ([, change]) => {
  const { browser, room } = await acting()
  const slow = await room.load(browser)
  change(slow)
  // It is the session of who really sits there.
  await room.memory.deleteByUser('ann')
  const { events, setCookie } = await room.commit(browser, slow)
  expect([typesOf(events), setCookie]).toEqual([['gone'], null])
  expect(await room.store.liveIds()).toEqual([])
})

test.for(changes)('%s in a session that is destroyed meanwhile ends as gone', async ([, change]) => {
  const { browser, room } = await acting()
  const slow = await room.load(browser)
  change(slow)
  await room.visit(browser.copy(), (session) => session.destroy())
  const { events, setCookie } = await room.commit(browser, slow)
  expect([typesOf(events), setCookie]).toEqual([['gone'], null])
  expect(await room.store.liveIds()).toEqual([])
})

// Whoever has only the id from before a login must not come into the session after it, by whatever else they ask for.
test.for([
  ['a step-up', 'bob', (session: Session<Goods>) => session.stepUp(further)],
  ['going back to who one is', 'ann', (session: Session<Goods>) => session.stopActing()],
] as const)(
  'ASVS-7.2.4 %s leads nobody into the session that a login has begun',
  async ([, userId, change]) => {
    const { browser, room } = await acting()
    const thief = browser.copy()
    const slow = await room.load(thief)
    change(slow)
    await room.visit(browser, (session) => session.login(userId, facts))
    const { events, setCookie } = await room.commit(thief, slow)
    expect([typesOf(events), setCookie]).toEqual([['gone'], null])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
    expect((await room.load(browser)).authentication).toMatchObject({ amr: ['pwd'], aal: 1 })
  },
)

test.for(changes)('after the commit, %s throws instead of being lost', async ([, change]) => {
  const { browser, room } = await acting()
  const session = await room.load(browser)
  await room.commit(browser, session)
  expect(() => change(session)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_COMMITTED' }))
  expect([session.userId, session.actor]).toEqual(['bob', 'ann'])
})

test.for(changes)('%s is withheld where no cookie can be set', async ([, change]) => {
  const { browser, room } = await acting()
  const session = await room.load(browser)
  change(session)
  const { events, setCookie } = await room.commit(browser, session, { status: 304 })
  expect(events).toEqual([{ type: 'withheld', id: idOf(browser), change: 'login' }])
  expect(setCookie).toBeNull()
  const { actor, authentication, userId } = await room.load(browser)
  expect([userId, actor, authentication?.aal]).toEqual(['bob', 'ann', 1])
})

test('a request that does several things tells each of them', async () => {
  const room = openCloakroom()
  const browser = new Browser()
  const { events } = await room.visit(browser, (session) => {
    session.login('ann', facts)
    session.stepUp(further)
    session.actAs('bob')
  })
  const ids = { id: idOf(browser), previous: null }
  expect(events.slice(1)).toEqual([
    { type: 'login', ...ids, userId: 'ann' },
    { type: 'step-up', ...ids, userId: 'ann' },
    { type: 'act-as', ...ids, userId: 'bob', actor: 'ann' },
  ])
})

test.for([
  ['acting as another', (session: Session<Goods>) => session.actAs('cid')],
  ['going back to who one is', (session: Session<Goods>) => session.stopActing()],
] as const)('%s takes more than an id that has been rotated away', async ([, change]) => {
  const { browser, room } = await acting()
  const old = browser.copy()
  await room.visit(browser, (session) => session.rotate())
  const session = await room.load(old)
  expect(() => change(session)).toThrow(expect.objectContaining({ reason: 'stale' }))
  expect((await room.load(browser)).actor).toBe('ann')
})
