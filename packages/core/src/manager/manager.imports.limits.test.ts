import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { day, openCloakroom, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { jarOf, openSealed } from '../../../../test/support/sealed-cloakroom.ts'
import type { ForeignReader, ForeignSession } from '../session/foreign-session.ts'

const start = Date.UTC(2026, 10, 21, 9, 30)

function oldLibrary(about: Partial<ForeignSession<Goods>>): ForeignReader<Goods> {
  const found = { data: { cart: ['hat'] }, userId: 'ann', createdAt: null, expiresAt: null }
  const removeCookies = ['old=; Path=/; Max-Age=0']
  return {
    library: 'old',
    read: async (header) =>
      header.includes('old=') ? { ...found, credential: 'ticketOfAnn', removeCookies, ...about } : null,
  }
}

const oldVisitor = (): Browser => new Browser('https://shop.test', [['old', 'ticketOfAnn']])

describe.for([
  ['in a store', openCloakroom],
  ['sealed', openSealed],
] as const)('a session of another library, %s', ([, open]) => {
  test('that is older than the absolute limit is not taken over, and its cookie goes', async () => {
    const room = open({ unsealForeign: [oldLibrary({ createdAt: start - 14 * day })] })
    const browser = oldVisitor()
    const { events, value } = await room.visit(browser, (session) => session.userId)
    expect(value).toBeNull()
    expect(events).toEqual([{ type: 'rejected', reason: 'expired', id: null }])
    expect(jarOf(browser).size).toBe(0)
    const younger = open({ unsealForeign: [oldLibrary({ createdAt: start - 14 * day + 1 })] })
    expect((await younger.visit(oldVisitor(), (session) => session.userId)).value).toBe('ann')
  })

  test('that is ended for a login of another user leads nobody back to the former one', async () => {
    const room = open({ unsealForeign: [oldLibrary({})] })
    await room.visit(oldVisitor(), (session) => {
      session.destroy()
      session.login('bob')
    })
    const { events, value } = await room.visit(oldVisitor(), (session) => session.userId)
    expect([value, typesOf(events)]).toEqual([null, ['rejected']])
  })

  test('in which another user logs in leads nobody back to the former one', async () => {
    const room = open({ unsealForeign: [oldLibrary({})] })
    await room.visit(oldVisitor(), (session) => session.login('bob'))
    const { events, value } = await room.visit(oldVisitor(), (session) => session.userId)
    expect([value, typesOf(events)]).toEqual([null, ['rejected']])
  })

  test.for(['', 'x'.repeat(256), '\ud800'])(
    'of a user who could not log in is refused: %j',
    async (userId) => {
      const room = open({ unsealForeign: [oldLibrary({ userId })] })
      await expect(room.visit(oldVisitor(), () => {})).rejects.toThrow('userId must be a well-formed string')
    },
  )
})
