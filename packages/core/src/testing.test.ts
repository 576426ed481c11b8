import { describe, expect, test } from 'vitest'
import { exploreInterleavings, type Actor } from './conformance/scheduler.ts'
import type { SessionId } from './crypto/token.ts'
import { memoryStore, type MemoryStore } from './memory-store.ts'
import type { StoredRecord } from './store/store.ts'
import { storeContract, testStore } from './testing.ts'

/** The clauses that a store breaks, with what the contract says of them. */
async function faultsOf(make: () => MemoryStore): Promise<Map<string, string>> {
  const faults = new Map<string, string>()
  for (const { name, run } of storeContract(make, { actors: 2 })) {
    await run().catch((error: Error) => faults.set(name, error.message))
  }
  return faults
}

function broken(fault: (store: MemoryStore) => Partial<MemoryStore>): () => MemoryStore {
  return () => {
    const store = memoryStore()
    return Object.defineProperties(
      {},
      {
        ...Object.getOwnPropertyDescriptors(store),
        ...Object.getOwnPropertyDescriptors(fault(store)),
      },
    ) as MemoryStore
  }
}

type Next = StoredRecord | null

describe('the contract catches', () => {
  test('a store whose last write wins: updates are lost, ended sessions come back', async () => {
    const faults = await faultsOf(
      broken((store) => ({
        async compareAndSet(id: SessionId, next: Next) {
          await (next === null ? store.delete(id) : store.set(id, next))
          return true
        },
      })),
    )
    expect(faults.get('survives every race of two with update')).toMatch(
      /An update was lost \(1 of 2\) when .* order \d+ \(0 = update, 1 = update\)/,
    )
    expect(faults.get('survives every race of two with destroy')).toContain('An ended session came back')
    expect(faults.get('survives every race of two with rotate')).toContain('An id has two successors')
    expect(faults.has('writes over the expected version only')).toBe(true)
  })

  test('a store that inserts what it was to update: ended sessions come back', async () => {
    const faults = await faultsOf(
      broken((store) => ({
        async compareAndSet(id: SessionId, next: Next, expected: number) {
          const absent = (await store.get(id)) === null
          return store.compareAndSet(id, next, absent ? 0 : expected)
        },
      })),
    )
    expect(faults.get('survives every race of two with set')).toContain('An ended session came back')
    expect(faults.has('does not bring back what is gone')).toBe(true)
  })

  test('a store that looks first and writes later', async () => {
    const faults = await faultsOf(
      broken((store) => ({
        async compareAndSet(id: SessionId, next: Next, expected: number) {
          if (((await store.get(id))?.version ?? 0) !== expected) return false
          await (next === null ? store.delete(id) : store.set(id, next))
          return true
        },
      })),
    )
    expect([...faults.keys()]).toEqual(['lets one of many parallel writers win'])
  })

  test('a store that removes without looking', async () => {
    const faults = await faultsOf(
      broken((store) => ({
        async compareAndSet(id: SessionId, next: Next, expected: number) {
          if (next !== null) return store.compareAndSet(id, next, expected)
          await store.delete(id)
          return true
        },
      })),
    )
    expect(faults.has('removes the expected version only')).toBe(true)
    expect(faults.get('survives every race of two with rotate')).toContain('An ended session came back')
  })

  test('a store that keeps users in its index when they have left', async () => {
    const known = new Map<SessionId, string>()
    const faults = await faultsOf(
      broken((store) => ({
        async set(id: SessionId, record: StoredRecord) {
          if (record.userId !== null) known.set(id, record.userId)
          await store.set(id, record)
        },
        async listByUser(userId: string) {
          const ids = [...known].filter(([, owner]) => owner === userId).map(([id]) => id)
          const records = await Promise.all(ids.map(async (id) => [id, await store.get(id)] as const))
          return new Map(records.filter((entry): entry is [SessionId, StoredRecord] => entry[1] !== null))
        },
      })),
    )
    expect(faults.get('lists the live records of a user')).toContain("the user's sessions are")
  })

  test('a store that reads its user index once, and then looks at the records', async () => {
    const faults = await faultsOf(
      broken((store) => ({
        async deleteByUser(userId: string) {
          const ids = [...(await store.listByUser(userId)).keys()]
          for (const id of ids) {
            await Promise.resolve()
            if ((await store.get(id))?.userId === userId) await store.delete(id)
          }
          return ids.length
        },
      })),
    )
    expect(faults.get('ends with its user a session that is being rotated')).toMatch(
      /\d+ rotated sessions survived/,
    )
  })

  test('a store that forgets, one that keeps the expired, and one that cannot keep every text', async () => {
    const forgetful = await faultsOf(broken(() => ({ set: async () => {} })))
    expect(forgetful.has('gives back what was set')).toBe(true)
    const ageless = await faultsOf(() => memoryStore({ now: () => 0 }))
    expect(ageless.has('takes an expired record for absent')).toBe(true)
    const ascii = await faultsOf(
      broken((store) => ({
        set: (id: SessionId, record: StoredRecord) =>
          store.set(id, { ...record, payload: record.payload.replaceAll(/[^\0-\x7f]/g, '?') }),
      })),
    )
    expect([...ascii.keys()]).toEqual(['gives back what was set'])
  })
})

describe('the contract', () => {
  test('asks of a store only what it says it can', () => {
    const { delete: remove, get, set } = memoryStore()
    const names = storeContract(() => ({ delete: remove, get, set })).map(({ name }) => name)
    expect(names).toContain('gives back what was set')
    expect(names.filter((name) => /race|version|user/.test(name))).toEqual([])
  })

  test('races three at a time unless told otherwise', () => {
    const names = (actors?: 2 | 3): number =>
      storeContract(memoryStore, actors === undefined ? {} : { actors }).filter(({ name }) =>
        name.includes('of three'),
      ).length
    expect(names()).toBeGreaterThan(0)
    expect(names(2)).toBe(0)
  })

  test('says how to hand over a test runner', () => {
    expect(() => testStore('x', memoryStore)).toThrow(/describe, test/)
  })
})

describe('exploreInterleavings', () => {
  interface Step {
    readonly name: string
    readonly key: string | null
    readonly writes: boolean
  }
  const step = (name: string, key: string | null = 'k', writes = true): Step => ({ name, key, writes })

  async function ordersOf(actors: readonly (readonly Step[])[]): Promise<string[]> {
    const orders: string[] = []
    const count = await exploreInterleavings<string[]>(
      async () => {
        const world: string[] = []
        return {
          world,
          actors: actors.map((steps): Actor => async (gate) => {
            for (const { key, name, writes } of steps)
              await gate({ key, writes }, async () => void world.push(name))
          }),
        }
      },
      async (world) => void orders.push(world.join('')),
    )
    expect(orders).toHaveLength(count)
    return orders
  }

  test('runs every order of dependent steps once', async () => {
    const orders = await ordersOf([
      [step('a'), step('b')],
      [step('c'), step('d')],
    ])
    expect(orders.toSorted()).toEqual(['abcd', 'acbd', 'acdb', 'cabd', 'cadb', 'cdab'])
  })

  test('counts three actors of two steps as 6! / 2!³', async () => {
    const steps = Array.from({ length: 6 }, (_, at) => step(`${at}`))
    const orders = await ordersOf([steps.slice(0, 2), steps.slice(2, 4), steps.slice(4)])
    expect(new Set(orders).size).toBe(90)
    expect(orders).toHaveLength(90)
  })

  test('runs one order of steps that do not touch each other', async () => {
    expect(await ordersOf([[step('a', 'x')], [step('b', 'y')], [step('c', 'z', false)]])).toEqual(['abc'])
    expect(await ordersOf([[step('a', 'x', false)], [step('b', 'x', false)]])).toEqual(['ab'])
  })

  test('takes a step on anything to touch every other', async () => {
    expect(await ordersOf([[step('a', 'x', false)], [step('b', null)]])).toEqual(['ab', 'ba'])
  })
})
