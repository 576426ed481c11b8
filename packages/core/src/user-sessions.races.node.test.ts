import { describe, expect, test } from 'vitest'
import { Browser } from '../../../test/support/browser.ts'
import { openCloakroom, type Cloakroom, type Goods } from '../../../test/support/cloakroom.ts'
import { countingStore, type Fault } from '../../../test/support/counting-store.ts'
import { exploreInterleavings, type Gate } from './conformance/scheduler.ts'
import type { Session } from './index.ts'
import { memoryStore, type MemoryStore } from './memory-store.ts'
import { createUserSessions, type UserSessions } from './user-sessions.ts'

/** All sessions of the tests are one thing to the scheduler: a list reads all of them. */
function gatedStore(store: MemoryStore, gate: Gate): MemoryStore {
  const read = { key: 'sessions', writes: false }
  const write = { key: 'sessions', writes: true }
  return {
    ...store,
    get: (id) => gate(read, async () => store.get(id)),
    compareAndSet: (id, next, expected) => gate(write, async () => store.compareAndSet(id, next, expected)),
    listByUser: (userId) => gate(read, () => store.listByUser(userId)),
    deleteByUser: (userId) => gate(write, () => store.deleteByUser(userId)),
  }
}

type Change = (session: Session<Goods>) => void

const changes: readonly [string, Change][] = [
  ['a change', (session) => session.set('views', 2)],
  ['a rotation', (session) => session.rotate()],
  ['a step-up', (session) => session.stepUp({})],
  ['a login of the same user', (session) => session.login('ann')],
  ['a login of another user', (session) => session.login('bob')],
  ['a logout', (session) => session.destroy()],
]

/** The sessions that are alive, and whether each holds what the revoked one held. */
async function left({ memory, store }: Cloakroom<Goods>): Promise<string[]> {
  const records = await Promise.all((await store.liveIds()).map(async (id) => memory.get(id)))
  return records.map(
    (record) => `${record?.userId}${record?.payload.includes('dark') ? ' with the data' : ''}`,
  )
}

describe.for(changes)('in every order of store calls, beside %s', ([name, change]) => {
  const revocations: readonly [string, (users: UserSessions, handle: string) => Promise<unknown>][] = [
    ['revoke', (users, handle) => users.revoke('ann', handle)],
    ['revokeOthers', (users) => users.revokeOthers({ id: null, userId: 'ann' })],
    ['revokeAll', (users) => users.revokeAll('ann')],
  ]

  test.for(revocations)('%s leaves nothing alive of what it ended', async ([, revoke]) => {
    interface World {
      readonly room: Cloakroom<Goods>
      readonly browser: Browser
    }
    const orders = await exploreInterleavings<World>(
      async () => {
        const room = openCloakroom()
        const browser = await room.welcome((session) => {
          session.set('theme', 'dark')
          session.login('ann')
        })
        const [{ handle } = { handle: '' }] = await createUserSessions(room.memory, room).list('ann')
        return {
          world: { room, browser },
          actors: [
            async (gate) => {
              const server = room.reopen({
                store: { ...gatedStore(room.memory, gate), ...observed(room, gate) },
              })
              await server.visit(browser, (session) => {
                if (!session.isNew) change(session)
              })
            },
            async (gate) => {
              await revoke(createUserSessions(gatedStore(room.memory, gate), { now: room.now }), handle)
            },
          ],
        }
      },
      async ({ browser, room }, order) => {
        const alive = await left(room)
        // A login that was not yet there counts as later; it holds, and may have brought the data along.
        const later = name.includes('login')
        if (!later) expect([order, alive]).toEqual([order, []])
        expect([order, alive.length <= 1]).toEqual([order, true])
        const owned = (await room.load(browser)).id
        expect([order, (await room.store.liveIds()).filter((id) => id !== owned)]).toEqual([order, []])
      },
    )
    expect(orders).toBeGreaterThan(1)
  })
})

/** The counting store knows the ids; it is told of them on the way. */
function observed(room: Cloakroom<Goods>, gate: Gate): Pick<MemoryStore, 'get' | 'compareAndSet'> {
  return {
    get: (id) => gate({ key: 'sessions', writes: false }, async () => room.store.get(id)),
    compareAndSet: (id, next, expected) =>
      gate({ key: 'sessions', writes: true }, async () => room.store.compareAndSet(id, next, expected)),
  }
}

const acts: readonly [string, Change][] = [
  ...changes,
  ['acting as another', (session) => session.actAs('bob')],
]

test.for(acts)(
  'whatever store call fails during %s, no live session escapes its user',
  async ([, change]) => {
    for (const fault of ['fails', 'does it, but reports failure'] as const satisfies readonly Fault[]) {
      for (let at = 0, last = 1; at < last; at++) {
        const memory = memoryStore()
        const store = countingStore(memory)
        const room = openCloakroom({ store, now: Date.now })
        const browser = await room.welcome((session) => session.login('ann'))
        let calls = 0
        store.failWhen((_, index) => {
          calls = index + 1
          return index === at ? fault : 'none'
        })
        await room.visit(browser, change).catch(() => {})
        last = calls
        store.heal()
        const users = createUserSessions(memory)
        for (const user of ['ann', 'bob']) await users.revokeAll(user)
        expect([fault, at, await store.liveIds()]).toEqual([fault, at, []])
      }
    }
  },
)

test.for(['listByUser', 'deleteByUser', 'get', 'compareAndSet'] as const)(
  'a revocation in which %s fails rejects, and is complete when it is repeated',
  async (method) => {
    for (const name of ['revoke', 'revokeOthers', 'revokeAll'] as const) {
      const room = openCloakroom()
      const browsers = [await room.welcome(), await room.welcome()]
      let broken = false
      const well = room.memory[method] as (...args: unknown[]) => Promise<unknown>
      const failing = (...args: unknown[]): Promise<unknown> =>
        broken ? Promise.reject(new Error('down')) : well(...args)
      const users = createUserSessions({ ...room.memory, [method]: failing }, { now: room.now })
      const handles = (await users.list('ann')).map(({ handle }) => handle)
      const act = async (): Promise<void> => {
        if (name === 'revokeAll') await users.revokeAll('ann')
        else if (name === 'revokeOthers') await users.revokeOthers({ id: null, userId: 'ann' })
        else for (const handle of handles) await users.revoke('ann', handle)
      }
      broken = true
      const failed = await act().then(
        () => false,
        () => true,
      )
      broken = false
      const before = await Promise.all(browsers.map(async (browser) => (await room.load(browser)).isNew))
      expect(failed || before.every(Boolean)).toBe(true)
      await act()
      expect(await room.store.liveIds()).toEqual([])
    }
  },
)
