import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, minute, secret, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { exploreInterleavings, type Actor, type Gate } from '../conformance/scheduler.ts'
import { memoryStore } from '../memory-store.ts'
import type { ForeignReader } from '../session/foreign-session.ts'
import type { Session } from '../session/session.ts'
import type { AtomicStore } from '../store/store.ts'
import { createUserSessions } from '../user-sessions.ts'
import type { SessionEvent } from './events.ts'
import { createSessionManager } from './store-manager.ts'

const start = Date.UTC(2026, 10, 21)

const reader: ForeignReader<Goods> = {
  library: 'old',
  async read(header) {
    const credential = /(?:^|; )old=(\w+)/.exec(header)?.[1]
    if (credential === undefined) return null
    const times = { createdAt: null, expiresAt: null }
    return {
      data: { views: 1 },
      userId: 'ann',
      ...times,
      credential,
      removeCookies: ['old=; Path=/; Max-Age=0'],
    }
  },
}

const oldVisitor = (): Browser => new Browser('https://shop.test', [['old', 'ticketOfAnn']])

const acts: Readonly<Record<string, (session: Session<Goods>) => unknown>> = {
  nothing: () => {},
  count: (session) => session.update('views', (views = 0) => views + 1),
  theme: (session) => session.set('theme', 'dark'),
  notice: (session) => session.set('notice', 'hello'),
  login: (session) => session.login('ann'),
  bob: (session) => session.login('bob'),
  destroy: (session) => session.destroy(),
}

/** Requests of one old visitor at once, none of which has an answer yet. Everything is real but the clock. */
async function openShop(kinds: readonly string[]) {
  const clock = { time: start }
  const now = (): number => clock.time
  const memory = memoryStore({ now })
  const events: SessionEvent[] = []

  function server(gate: Gate) {
    const store: AtomicStore = {
      ...memory,
      get: (id) => gate({ key: id, writes: false }, async () => memory.get(id)),
      compareAndSet: (id, next, expected) =>
        gate({ key: id, writes: true }, async () => memory.compareAndSet(id, next, expected)),
    }
    const onEvent = (event: SessionEvent): void => void events.push(event)
    return createSessionManager<Goods>({ secrets: [secret], store, onEvent, now, unsealForeign: [reader] })
  }

  async function request<Value>(
    gate: Gate,
    browser: Browser,
    act: (session: Session<Goods>) => Value,
  ): Promise<Value> {
    const values: Value[] = []
    const response = await server(gate).handle(browser.request(), (session) => {
      values.push(act(session))
      return new Response()
    })
    browser.receive(response)
    return values[0]!
  }

  const plainly: Gate = (_, step) => step()
  const browsers = kinds.map(oldVisitor)
  const actors = kinds.map<Actor>((kind, index) => async (gate) => {
    await request(gate, browsers[index]!, acts[kind]!)
  })
  const users = createUserSessions(memory, { now })
  const look = (browser: Browser): Promise<unknown> =>
    request(plainly, browser, (session) => [
      session.userId,
      ...['views', 'theme', 'notice'].map((key) => session.get(key as 'views')),
    ])
  return { world: { browsers, clock, events, look, users }, actors }
}

test.for([
  [['nothing', 'nothing'], 1],
  [['nothing', 'count'], 2],
  [['count', 'count'], 3],
  [['count', 'theme'], 2],
  [['count', 'theme', 'notice'], 2],
] as const)(
  'of %j at once, in any order one session comes, and all changes are in it',
  async ([kinds, views]) => {
    const orders = await exploreInterleavings(
      () => openShop(kinds),
      async ({ browsers, clock, events, look, users }, order) => {
        const types = typesOf(events)
        expect(types.filter((type) => type === 'imported').length, order).toBe(1)
        expect(types, order).not.toContain('gone')
        expect(types, order).not.toContain('rejected')
        expect((await users.list('ann')).length, order).toBe(1)
        // The jar that they share has what the answers set; some have set nothing.
        const told = browsers.filter((browser) => browser.cookie?.includes('__Host'))
        expect(new Set(told.map((browser) => idOf(browser))).size, order).toBe(1)
        clock.time += 2 * minute
        const seen = await look(told[0]!)
        const has = (kind: string): boolean => (kinds as readonly string[]).includes(kind)
        const theme = has('theme') ? 'dark' : undefined
        expect(seen, order).toEqual(['ann', views, theme, has('notice') ? 'hello' : undefined])
      },
    )
    expect(orders).toBeGreaterThan(3)
  },
)

test.for([
  [['nothing', 'bob'], 'bob'],
  [['count', 'login'], 'ann'],
  [['login', 'login'], 'ann'],
] as const)(
  'of %j at once, in any order who logged in stays so, and no copy of the cookie gets in',
  async ([kinds, user]) => {
    await exploreInterleavings(
      () => openShop(kinds),
      async ({ browsers, look }, order) => {
        expect(((await look(browsers[1]!)) as string[])[0], order).toBe(user)
        expect(await look(oldVisitor()), order).toEqual([null, undefined, undefined, undefined])
      },
    )
  },
)

test('of a visit and a logout at once, in any order the cookie leads nowhere any more', async () => {
  await exploreInterleavings(
    () => openShop(['count', 'destroy']),
    async ({ browsers, look, users }, order) => {
      const [visitor, leaver] = browsers as [Browser, Browser]
      expect(leaver.cookie, order).toBeNull()
      expect(((await look(oldVisitor())) as string[])[0], order).toBeNull()
      await look(visitor)
      expect((await users.list('ann')).length, order).toBe(0)
    },
  )
})
