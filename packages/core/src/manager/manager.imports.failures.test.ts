import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, second, secret, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { storeFault, type Fault } from '../../../../test/support/counting-store.ts'
import { openSealed } from '../../../../test/support/sealed-cloakroom.ts'
import type { ForeignReader, ForeignSession } from '../session/foreign-session.ts'
import type { Session } from '../session/session.ts'
import { createUserSessions } from '../user-sessions.ts'

function oldLibrary(about: Partial<ForeignSession<Goods>> = {}): ForeignReader<Goods> {
  return {
    library: 'old',
    async read(header) {
      const credential = /(?:^|; )old=(\w+)/.exec(header)?.[1]
      if (credential === undefined) return null
      const times = { createdAt: null, expiresAt: null }
      const removeCookies = ['old=; Path=/; Max-Age=0']
      return { data: { cart: ['hat'] }, userId: 'ann', ...times, credential, removeCookies, ...about }
    },
  }
}

const oldVisitor = (): Browser => new Browser('https://shop.test', [['old', 'ticketOfAnn']])
const look = (session: Session<Goods>): unknown => [session.userId, session.get('cart')]
const ann = ['ann', ['hat']]

const kinds = {
  'in a store': (reader: ForeignReader<Goods>) => openCloakroom({ unsealForeign: [reader] }),
  sealed: (reader: ForeignReader<Goods>) => openSealed({ unsealForeign: [reader] }),
}

describe.for(Object.entries(kinds))('when the store fails, %s', ([kind, open]) => {
  const faults: readonly Fault[] = ['fails', 'does it, but reports failure']

  test.for(faults)(
    'at any one call (%s), what could not be taken over is taken over later, once',
    async (fault) => {
      let failures = 0
      for (let at = 0; at < 12; at++) {
        const room = open(oldLibrary())
        const browser = oldVisitor()
        room.store.failWhen((_, index) => (index === at ? fault : 'none'))
        const error = await room
          .visit(browser, () => {})
          .then(
            () => null,
            (error: unknown) => error,
          )
        room.store.heal()
        if (error !== null) {
          failures++
          expect(error).toMatchObject({ code: 'ERR_SESSION_STORE', cause: storeFault })
          expect(browser.cookie, `call ${at}`).toBe('old=ticketOfAnn')
          expect(JSON.stringify(room.events)).not.toContain('ticketOfAnn')
        }
        expect((await room.visit(browser, look)).value, `call ${at}`).toEqual(ann)
        expect((await room.visit(browser, look)).value, `call ${at}`).toEqual(ann)
        if (kind === 'in a store') {
          const { list } = createUserSessions(room.memory, { now: room.now })
          expect((await list('ann')).length, `call ${at}`).toBe(1)
        }
      }
      expect(failures).toBeGreaterThan(1)
    },
  )

  test('without the note, nothing is taken over while it cannot be read', async () => {
    const room = open(oldLibrary())
    const old = oldVisitor()
    await room.visit(old.copy(), (session) => session.destroy())
    room.store.failWhen((operation) => (operation === 'get' ? 'fails' : 'none'))
    await expect(room.visit(old, look)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
  })
})

test('a session that was logged out within the grace is not taken over again', async () => {
  const room = openCloakroom({ unsealForeign: [oldLibrary()] })
  const browser = oldVisitor()
  const copy = browser.copy()
  await room.visit(browser, () => {})
  await room.visit(browser, (session) => session.destroy())
  room.wait(second)
  const { events, value } = await room.visit(copy, look)
  expect([value, typesOf(events), copy.cookie]).toEqual([[null, undefined], ['rejected'], null])
})

test('a request that comes second to take over keeps the handle that is in the list', async () => {
  const room = openCloakroom({ unsealForeign: [oldLibrary()] })
  const { list } = createUserSessions(room.memory, { now: room.now })
  const browser = oldVisitor()
  const [first, second] = [await room.load(browser), await room.load(browser)]
  await room.commit(browser, first)
  const before = await list('ann')
  second.set('views', 1)
  await room.commit(browser, second)
  expect((await list('ann')).map(({ handle }) => handle)).toEqual(before.map(({ handle }) => handle))
})

test('what does not fit into cookies is refused, and keeps its own', async () => {
  const cart = ['x'.repeat(20_000)]
  const room = openSealed({ unsealForeign: [oldLibrary({ data: { cart } })] })
  const browser = oldVisitor()
  await expect(room.visit(browser, () => {})).rejects.toMatchObject({ code: 'ERR_SESSION_TOO_LARGE' })
  expect([browser.cookie, room.events]).toEqual(['old=ticketOfAnn', []])
  const smaller = room.reopen<Goods>({ unsealForeign: [oldLibrary()] })
  expect((await smaller.visit(browser, look)).value).toEqual(ann)
})

test('data that JSON cannot keep are refused when they are read, and keep their cookie', async () => {
  for (const value of [new Date(0), Number.NaN, () => 1]) {
    for (const open of Object.values(kinds)) {
      const room = open(oldLibrary({ data: { theme: value as never } }))
      const browser = oldVisitor()
      await expect(room.visit(browser, () => {})).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
      expect([browser.cookie, room.events]).toEqual(['old=ticketOfAnn', []])
    }
  }
})

test('data that the schema does not accept are refused where they are written, and keep their cookie', async () => {
  const schema = z.object({ cart: z.array(z.number()).optional() })
  for (const open of [openCloakroom, openSealed]) {
    const room = open({ unsealForeign: [oldLibrary() as ForeignReader], schema } as object)
    const browser = oldVisitor()
    await expect(room.visit(browser, () => {})).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    expect([browser.cookie, room.events]).toEqual(['old=ticketOfAnn', []])
  }
})

describe('a limit of sessions', () => {
  const limited = (onLimit: 'reject' | 'evict-oldest') => {
    const { memory, now } = openCloakroom()
    const maxSessions = { limit: 1, onLimit }
    return openCloakroom({ store: memory, now, maxSessions, unsealForeign: [oldLibrary()] })
  }

  test('takes who moves in as one who logs in', async () => {
    const room = limited('evict-oldest')
    const elsewhere = await room.welcome()
    const browser = oldVisitor()
    const { events } = await room.visit(browser, () => {})
    expect(typesOf(events)).toEqual(['created', 'login', 'imported', 'revoked'])
    expect((await room.visit(browser, look)).value).toEqual(ann)
    expect((await room.visit(elsewhere, look)).value).toEqual([null, undefined])
  })

  test('that evicts the oldest counts requests that move in at once as one', async () => {
    const room = limited('evict-oldest')
    const browser = oldVisitor()
    const loaded = [await room.load(browser), await room.load(browser), await room.load(browser)]
    for (const session of loaded) await room.commit(browser, session)
    expect(typesOf(room.events)).not.toContain('revoked')
    expect((await room.visit(browser, look)).value).toEqual(ann)
  })

  test('that is reached keeps whoever moves in out, with the old cookie', async () => {
    const room = limited('reject')
    await room.welcome()
    const browser = oldVisitor()
    await expect(room.visit(browser, () => {})).rejects.toMatchObject({ code: 'ERR_SESSION_LIMIT' })
    expect(browser.cookie).toBe('old=ticketOfAnn')
  })
})

test('a store where the last write wins is enough', async () => {
  const { memory, now } = openCloakroom()
  const { get, set, delete: remove } = memory
  const room = openCloakroom({ store: { get, set, delete: remove }, now, unsealForeign: [oldLibrary()] })
  const browser = oldVisitor()
  const copy = browser.copy()
  expect((await room.visit(browser, () => {})).events.map(({ type }) => type)).toEqual([
    'created',
    'login',
    'imported',
  ])
  expect((await room.visit(browser, look)).value).toEqual(ann)
  expect((await room.visit(copy, look)).value).toEqual(ann)
  expect(copy.cookie).toBe('old=ticketOfAnn')
  const third = new Browser('https://shop.test', [['old', 'ticketOfBob']])
  await room.visit(third.copy(), (session) => session.destroy())
  expect((await room.visit(third, look)).value).toEqual([null, undefined])
})

test.for([
  ['no list', {}],
  ['a reader alone', oldLibrary()],
  ['an entry that reads nothing', [oldLibrary(), { library: 'old' }]],
  ['an entry that is nothing', [undefined]],
])('unsealForeign: %s is refused', ([, unsealForeign]) => {
  for (const open of [openCloakroom, openSealed]) {
    expect(() => open({ secrets: [secret], unsealForeign } as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_CONFIG',
        message: expect.stringMatching(/^unsealForeign must/),
      }),
    )
  }
})
