import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, idOf, minute, secret, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { exploreInterleavings, type Actor, type Gate } from '../conformance/scheduler.ts'
import { memoryStore } from '../memory-store.ts'
import { decodeRecord, isTombstone } from '../session/record.ts'
import type { Session } from '../session/session.ts'
import type { AtomicStore } from '../store/store.ts'
import type { SessionEvent } from './events.ts'
import { createSessionManager } from './store-manager.ts'

const start = Date.UTC(2026, 10, 21)

const acts: Readonly<Record<string, (session: Session<Goods>) => unknown>> = {
  read: (session) => session.get('views'),
  update: (session) => session.update('views', (views = 0) => views + 1),
  rotate: (session) => session.rotate(),
  login: (session) => session.login('ann'),
  destroy: (session) => session.destroy(),
}

/** One visitor whose id has had its time, and requests of theirs at once. Everything is real but the clock. */
async function openShop(kinds: readonly string[]) {
  let clock = start
  const memory = memoryStore({ now: () => clock })
  const ids = new Set<string>()
  const events: SessionEvent[] = []

  function server(gate: Gate) {
    const store: AtomicStore = {
      ...memory,
      get: (id) => gate({ key: id, writes: false }, async () => memory.get(id)),
      compareAndSet: (id, next, expected) => {
        ids.add(id)
        return gate({ key: id, writes: true }, async () => memory.compareAndSet(id, next, expected))
      },
    }
    return createSessionManager<Goods>({
      secrets: [secret],
      store,
      lifetime: { idle: '12h', renewEvery: '1h' },
      onEvent: (event) => events.push(event),
      now: () => clock,
    })
  }

  async function request(
    gate: Gate,
    browser: Browser,
    act: (session: Session<Goods>) => void,
  ): Promise<void> {
    const response = await server(gate).handle(browser.request(), (session) => {
      act(session)
      return new Response()
    })
    browser.receive(response)
  }

  const visitor = new Browser()
  await request(
    (_, step) => step(),
    visitor,
    (session) => {
      session.login('ann')
      session.set('views', 0)
    },
  )
  clock += hour + minute
  const browsers = kinds.map(() => visitor.copy())
  const actors = kinds.map<Actor>((kind, index) => (gate) => {
    // Who finds the session ended does not begin another.
    return request(gate, browsers[index]!, (session) => session.isNew || acts[kind]!(session))
  })

  async function live(): Promise<readonly { id: string; views: unknown }[]> {
    const found: { id: string; views: unknown }[] = []
    for (const id of ids) {
      const stored = await memory.get(id as never)
      const record = stored === null ? null : decodeRecord(stored)
      if (record !== null && !isTombstone(record)) found.push({ id, views: record.values['views'] })
    }
    return found
  }
  return { world: { browsers, events, live, old: idOf(visitor) }, actors }
}

test.for([
  [['read', 'read']],
  [['read', 'update']],
  [['update', 'update']],
  [['read', 'rotate']],
  [['update', 'rotate']],
  [['read', 'read', 'update']],
] as const)(
  '%j at once, when a renewal is due: all succeed in any order, and are given one successor',
  async ([kinds]) => {
    const orders = await exploreInterleavings(
      () => openShop(kinds),
      async ({ browsers, events, live, old }, order) => {
        const left = await live()
        // A request that begins after the renewal comes with an id in its grace window, and keeps it.
        const told = new Set(browsers.map(idOf).filter((id) => id !== old))
        expect([...told], order).toEqual(left.map(({ id }) => id))
        expect(left[0]?.views, order).toBe(kinds.filter((kind) => kind === 'update').length)
        const types = typesOf(events)
        expect(types, order).not.toContain('gone')
        expect(types, order).not.toContain('rejected')
        expect(types.filter((type) => type === 'renewed' || type === 'rotated').length, order).toBe(1)
      },
    )
    expect(orders).toBeGreaterThan(3)
  },
)

test.for([[['read', 'login']], [['read', 'destroy']], [['update', 'destroy']]] as const)(
  '%j at once, when a renewal is due: the old line ends in any order',
  async ([kinds]) => {
    await exploreInterleavings(
      () => openShop(kinds),
      async ({ browsers, live }, order) => {
        const left = (await live()).map(({ id }) => id)
        expect(left, order).toEqual(kinds[1] === 'login' ? [idOf(browsers[1]!)] : [])
      },
    )
  },
)
