import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  day,
  hour,
  minute,
  openCloakroom,
  second,
  typesOf,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import { jarOf, openSealed } from '../../../../test/support/sealed-cloakroom.ts'
import type { ForeignReader, ForeignSession } from '../session/foreign-session.ts'
import type { Session } from '../session/session.ts'

/** Another library: its cookie names who holds it. The reader notes each time that it finds one. */
function oldLibrary(about: Partial<ForeignSession<Goods>> = {}): ForeignReader<Goods> & { found: string[] } {
  const found: string[] = []
  return {
    library: 'old',
    found,
    async read(header) {
      const credential = /(?:^|; )old=(\w+)/.exec(header)?.[1]
      if (credential === undefined) return null
      found.push(credential)
      const times = { createdAt: null, expiresAt: null }
      const removeCookies = ['old=; Path=/; Max-Age=0', 'old.sig=; Path=/; Max-Age=0']
      return { data: { cart: ['hat'] }, userId: 'ann', ...times, credential, removeCookies, ...about }
    },
  }
}

const oldVisitor = (ticket = 'ticketOfAnn'): Browser =>
  new Browser('https://shop.test', [
    ['theme', 'dark'],
    ['old', ticket],
    ['old.sig', 'x'],
  ])

const kinds = {
  'in a store': (reader: ForeignReader<Goods>) => openCloakroom({ unsealForeign: [reader] }),
  'in a store, with snapshots': (reader: ForeignReader<Goods>) =>
    openCloakroom({ unsealForeign: [reader], cache: { for: '5m' } }),
  sealed: (reader: ForeignReader<Goods>) => openSealed({ unsealForeign: [reader] }),
  'sealed, without revocation': (reader: ForeignReader<Goods>) =>
    openSealed({ unsealForeign: [reader], revocation: 'none' }),
}
const everywhere = Object.entries(kinds)
const wherePossible = everywhere.slice(0, 3)

const look = (session: Session<Goods>): unknown => [session.userId, session.get('cart')]
const ours = (browser: Browser): boolean => [...jarOf(browser).keys()].includes('__Host-Http-sid')
const theirs = (browser: Browser): boolean =>
  [...jarOf(browser).keys()].some((name) => name.startsWith('old'))

describe.for(everywhere)('a session of another library, %s', ([, open]) => {
  test('goes on as ours, though the handler changes nothing, and is an ordinary one from then on', async () => {
    const reader = oldLibrary({ createdAt: Date.UTC(2026, 10, 20) })
    const room = open(reader)
    const browser = oldVisitor()
    const first = await room.visit(browser, () => {})
    expect(typesOf(first.events)).toEqual(['created', 'login', 'imported'])
    expect([ours(browser), theirs(browser), jarOf(browser).get('theme')]).toEqual([true, false, 'dark'])
    room.wait(hour / 2)
    const second = await room.visit(browser, (session) => {
      const { authentication, handle, id } = session
      return [look(session), authentication!.authTime.getTime(), typeof handle, id]
    })
    const [, , imported] = first.events
    expect(second.value[3]).toMatch(/^[\w-]{43}$/)
    expect(imported).toEqual({ type: 'imported', library: 'old', id: second.value[3], userId: 'ann' })
    expect(second.value.slice(0, 3)).toEqual([['ann', ['hat']], Date.UTC(2026, 10, 20), 'string'])
    expect([second.events, reader.found.length]).toEqual([[], 1])
  })

  test('that says it begins later, or not when, counts from now', async () => {
    for (const createdAt of [null, Date.UTC(2027, 1, 1)]) {
      const room = open(oldLibrary({ createdAt }))
      const { value } = await room.visit(oldVisitor(), (session) => session.authenticatedAt)
      expect(value).toEqual(new Date(room.now()))
    }
  })

  test('in which nobody is signed in brings its data, and no login', async () => {
    const room = open(oldLibrary({ userId: null }))
    const browser = oldVisitor()
    const { events } = await room.visit(browser, () => {})
    expect(typesOf(events)).toEqual(['created', 'imported'])
    expect((await room.visit(browser, look)).value).toEqual([null, ['hat']])
  })

  test('that is empty gets no record; its cookies are removed', async () => {
    const room = open(oldLibrary({ userId: null, data: {} }))
    const browser = oldVisitor()
    await room.commit(browser, await room.load(browser), { status: 304 })
    expect(theirs(browser)).toBe(true)
    const { events } = await room.visit(browser, look)
    expect([events, browser.cookie, room.store.ids.size]).toEqual([[], 'theme=dark', 0])
  })

  test('takes the changes of the first request along', async () => {
    const room = open(oldLibrary())
    const browser = oldVisitor()
    const { events } = await room.visit(browser, (session) => {
      session.get('cart')!.push('scarf')
      session.update('views', (views = 0) => views + 1)
      session.rotate()
    })
    expect(typesOf(events)).toEqual(['created', 'login', 'imported'])
    const { value } = await room.visit(browser, (session) => [...(look(session) as []), session.get('views')])
    expect(value).toEqual(['ann', ['hat', 'scarf'], 1])
  })

  test('leaves nothing to another user who logs in at once', async () => {
    const room = open(oldLibrary())
    const browser = oldVisitor()
    const { events } = await room.visit(browser, (session) => session.login('bob'))
    expect(events.filter(({ type }) => type === 'login')).toMatchObject([{ userId: 'bob' }])
    expect([(await room.visit(browser, look)).value, theirs(browser)]).toEqual([['bob', undefined], false])
  })

  test('that is destroyed at once leaves no cookie at all', async () => {
    const room = open(oldLibrary())
    const browser = oldVisitor()
    const { events } = await room.visit(browser, (session) => session.destroy())
    expect([events, browser.cookie]).toEqual([[], 'theme=dark'])
  })

  test('is not asked for beside a session of ours', async () => {
    const reader = oldLibrary()
    const room = open(reader)
    const browser = await room.welcome((session) => session.login('bob'))
    browser.receive(new Response(null, { headers: { 'set-cookie': 'old=ticketOfAnn' } }))
    expect((await room.visit(browser, look)).value).toEqual(['bob', undefined])
    expect(reader.found).toEqual([])
  })

  test('takes the place of a session of ours that is refused', async () => {
    const room = open(oldLibrary())
    const browser = oldVisitor()
    browser.receive(
      new Response(null, { headers: { 'set-cookie': '__Host-Http-sid=stale; Path=/; Secure; HttpOnly' } }),
    )
    const { events } = await room.visit(browser, () => {})
    expect(typesOf(events)).toEqual(['created', 'login', 'imported'])
    expect((await room.visit(browser, look)).value).toEqual(['ann', ['hat']])
  })

  test('waits where no cookie can be set: after a 304, a 101, on plain http, and when all is discarded', async () => {
    const room = open(oldLibrary())
    const browser = oldVisitor()
    for (const status of [304, 101]) {
      await room.commit(browser, await room.load(browser), { status })
      expect(room.events.splice(0)).toEqual([{ type: 'withheld', id: null, change: 'create' }])
    }
    room.sessions.discard(await room.load(browser)).applyTo(new Headers())
    const plain = new Browser('http://shop.test', jarOf(browser))
    expect((await room.visit(plain, look)).value).toEqual([null, undefined])
    expect([room.store.ids.size, room.events, theirs(browser)]).toEqual([0, [], true])
    await room.visit(browser, () => {})
    expect((await room.visit(browser, look)).value).toEqual(['ann', ['hat']])
  })

  test('that its reader stumbles over fails the request, and keeps its cookie', async () => {
    const fault = new TypeError('no such shelf')
    const room = open({ library: 'old', read: () => Promise.reject(fault) })
    const browser = oldVisitor()
    await expect(room.visit(browser, () => {})).rejects.toBe(fault)
    expect([room.events, theirs(browser)]).toEqual([[], true])
  })

  test('that cannot be told from others is taken over as often as it comes, each time apart', async () => {
    const room = open(oldLibrary({ credential: null }))
    const [ann, other] = [oldVisitor(), oldVisitor()]
    await room.visit(ann, (session) => session.set('notice', 'private'))
    const { value } = await room.visit(other, (session) => [look(session), session.get('notice')])
    expect(value).toEqual([['ann', ['hat']], undefined])
    const ids = [await room.load(ann), await room.load(other)].map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    room.wait(hour)
    expect((await room.visit(oldVisitor(), look)).value).toEqual(['ann', ['hat']])
  })

  test('shows nothing of its cookie in events', async () => {
    const room = open(oldLibrary())
    const old = oldVisitor()
    await room.visit(old.copy(), () => {})
    await room.visit(old.copy(), (session) => session.destroy())
    room.wait(hour)
    await room.visit(old, () => {})
    expect(room.events.length).toBeGreaterThan(2)
    expect(JSON.stringify(room.events)).not.toContain('ticketOfAnn')
  })
})

describe.for(wherePossible)('a cookie that was taken over, %s', ([, open]) => {
  test('leads nowhere after the grace, and is removed', async () => {
    const room = open(oldLibrary())
    const old = oldVisitor()
    await room.visit(old.copy(), () => {})
    room.wait(minute)
    const { events, value } = await room.visit(old, look)
    expect(value).toEqual([null, undefined])
    expect(typesOf(events).at(-1)).toBe('rejected')
    expect(old.cookie).toBe('theme=dark')
  })

  test('leads nowhere once its session was destroyed at once', async () => {
    const room = open(oldLibrary())
    const old = oldVisitor()
    await room.visit(old.copy(), (session) => session.destroy())
    const { events, value } = await room.visit(old, look)
    expect([value, events]).toEqual([
      [null, undefined],
      [{ type: 'rejected', reason: 'superseded', id: null }],
    ])
    room.wait(30 * day)
    expect((await room.visit(oldVisitor(), look)).value).toEqual([null, undefined])
  })

  test('never leads to whoever logged in with it', async () => {
    const room = open(oldLibrary())
    const planted = oldVisitor()
    await room.visit(planted.copy(), (session) => session.login('victim'))
    expect((await room.visit(planted.copy(), look)).value).not.toContain('victim')
    room.wait(second)
    expect((await room.visit(planted, look)).value).not.toContain('victim')
  })

  test('does not take over another one', async () => {
    const room = open(oldLibrary())
    await room.visit(oldVisitor(), () => {})
    room.wait(hour)
    expect((await room.visit(oldVisitor('ticketOfBob'), look)).value).toEqual(['ann', ['hat']])
  })
})
