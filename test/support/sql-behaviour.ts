// What holds for a store over SQL besides the contract, on every database. Runs in Node and in workerd.
import type { SessionId } from '@coatcheck/core'
import { describe, expect, test } from 'vitest'
import {
  sqlStore,
  type SqlDatabase,
  type SqlStore,
  type SqlStoreOptions,
} from '../../packages/adapters/src/stores/sql.ts'
import { newId, newTable, payloads, recordOf, users } from './sql-records.ts'

/** What the databases do not do alike. */
export interface SqlSubject {
  /** The database; only called inside tests. */
  readonly database: () => SqlDatabase
  /** Runs any SQL of the dialect, past the store. */
  readonly raw: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>
}

const hour = 3_600_000

/** Registers the tests. */
export function describeSqlStore(name: string, { database, raw }: SqlSubject): void {
  async function newStore(options: SqlStoreOptions = {}): Promise<SqlStore & { table: string }> {
    const table = options.table ?? newTable()
    const store = sqlStore(database(), { timeout: 20_000, ...options, table })
    await store.createSchema()
    return { ...store, table }
  }
  const countRows = async (table: string): Promise<number> =>
    Number((await raw(`SELECT COUNT(*) AS n FROM ${table}`))[0]!['n'])

  describe(`${name}: values`, () => {
    test('users are told apart by every character', async () => {
      const store = await newStore()
      const ids = new Map(users.map((user) => [user, newId()]))
      for (const [user, id] of ids) await store.compareAndSet(id, recordOf({ userId: user }), 0)
      for (const [user, id] of ids) {
        const found = await store.listByUser(user)
        expect([user, [...found.keys()]]).toEqual([user, [id]])
        expect(found.get(id)?.userId).toBe(user)
      }
      for (const [user, id] of ids) {
        expect([user, await store.deleteByUser(user)]).toEqual([user, 1])
        expect(await store.get(id)).toBeNull()
      }
    })

    test('payloads come back to the character', async () => {
      const store = await newStore()
      for (const payload of payloads) {
        const [id, record] = [newId(), recordOf({ payload })]
        await store.compareAndSet(id, record, 0)
        expect(await store.get(id)).toEqual(record)
      }
    })

    test('JSON is stored as it is, readable for others', async () => {
      const store = await newStore()
      const payload = JSON.stringify({ name: 'Käthe\n\0', emoji: '👋', quote: `"'\\` })
      await store.set(newId(), recordOf({ payload }))
      expect(await raw(`SELECT payload FROM ${store.table}`)).toMatchObject([{ payload }])
    })

    test('times and versions are whole numbers up to the largest safe one', async () => {
      const store = await newStore()
      const [id, record] = [newId(), recordOf({ expiresAt: Number.MAX_SAFE_INTEGER, version: 2 ** 40 })]
      await store.set(id, record)
      expect(await store.get(id)).toStrictEqual(record)
      expect(await store.compareAndSet(id, { ...record, version: 2 ** 40 + 1 }, 2 ** 40)).toBe(true)
    })
  })

  describe(`${name}: expiry`, () => {
    test('is judged by the clock that is handed over, not by that of the database', async () => {
      let time = 5000
      const store = await newStore({ now: () => time })
      const [id, record] = [newId(), recordOf({ expiresAt: 10_000, userId: 'ann' })]
      await store.set(id, record)
      for (const [at, found] of [
        [9999, record],
        [10_000, null],
        [10_001, null],
      ] as const) {
        time = at
        expect(await store.get(id)).toEqual(found)
        expect([...(await store.listByUser('ann')).values()]).toEqual(found === null ? [] : [found])
      }
      expect(await store.compareAndSet(id, recordOf({ version: 2 }), 1)).toBe(false)
      expect(await store.compareAndSet(id, null, 1)).toBe(false)
      expect(await store.compareAndSet(id, null, 0)).toBe(true)
      time = 2 ** 45
      await store.set(id, recordOf({ expiresAt: time + 1 }))
      expect(await store.get(id)).not.toBeNull()
      expect(await store.compareAndSet(id, null, 0)).toBe(false)
    })

    test('lets one of many parallel writers take the place of the expired record', async () => {
      const store = await newStore()
      const id = newId()
      await store.set(id, recordOf({ expiresAt: Date.now() - 1, version: 7, userId: 'ann' }))
      const next = recordOf({ payload: 'next', userId: 'bob' })
      const won = await Promise.all(Array.from({ length: 10 }, async () => store.compareAndSet(id, next, 0)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await store.get(id)).toEqual(next)
      expect([...(await store.listByUser('bob')).keys()]).toEqual([id])
    })

    test('does not save a record from deleteByUser when another clock is behind', async () => {
      const store = await newStore()
      const behind = sqlStore(database(), { table: store.table, now: () => Date.now() - 10_000 })
      const [id, live] = [newId(), newId()]
      await store.set(id, recordOf({ expiresAt: Date.now() - 5000, userId: 'ann' }))
      await store.set(live, recordOf({ userId: 'ann' }))
      expect(await behind.get(id)).not.toBeNull()
      expect(await store.deleteByUser('ann')).toBe(1)
      expect(await behind.compareAndSet(id, recordOf({ version: 2 }), 1)).toBe(false)
      expect(await behind.get(id)).toBeNull()
    })
  })

  describe(`${name}: prune`, () => {
    test('removes what expired more than a minute ago, in batches, and counts it', async () => {
      const time = 1_000_000
      const store = await newStore({ now: () => time })
      const kept = [time + 1, time, time - 59_999].map(
        (expiresAt) => [newId(), recordOf({ expiresAt })] as const,
      )
      for (const [id, record] of kept) await store.set(id, record)
      for (let at = 0; at < 25; at++) await store.set(newId(), recordOf({ expiresAt: time - 60_000 - at }))
      expect(await store.prune({ batch: 10 })).toBe(25)
      expect(await countRows(store.table)).toBe(kept.length)
      expect(await store.prune()).toBe(0)
    })

    test('by two at once removes each row once', async () => {
      const store = await newStore()
      for (let at = 0; at < 60; at++) await store.set(newId(), recordOf({ expiresAt: at }))
      const counts = await Promise.all([store.prune({ batch: 7 }), store.prune({ batch: 9 })])
      expect(counts[0] + counts[1] + (await store.prune())).toBe(60)
      expect(await countRows(store.table)).toBe(0)
    })

    test.each([0, -1, 1.5, NaN])('refuses a batch of %d', async (batch) => {
      await expect((await newStore()).prune({ batch })).rejects.toThrow("'batch'")
    })
  })

  describe(`${name}: the table`, () => {
    test('is created by many at once, and once more', async () => {
      const table = newTable()
      const stores = Array.from({ length: 6 }, () => sqlStore(database(), { table, timeout: 20_000 }))
      await Promise.all(stores.map((store) => store.createSchema()))
      await stores[0]!.createSchema()
      await stores[0]!.set(newId(), recordOf())
      expect(await countRows(table)).toBe(1)
    })

    test('is the same by hand, from schema()', async () => {
      const store = sqlStore(database(), { table: newTable() })
      for (const statement of store.schema().split(';\n').slice(0, -1)) await raw(statement)
      await store.createSchema()
      const id = newId()
      expect(await store.compareAndSet(id, recordOf(), 0)).toBe(true)
      expect(await store.get(id)).not.toBeNull()
    })

    test('is one of several: they do not see each other', async () => {
      const [one, two] = [await newStore(), await newStore()]
      const id = newId()
      await one.set(id, recordOf({ userId: 'ann' }))
      expect(await two.get(id)).toBeNull()
      expect(await two.deleteByUser('ann')).toBe(0)
      expect(await one.get(id)).not.toBeNull()
    })

    test('that is missing is an error that says what to do', async () => {
      const store = sqlStore(database(), { table: newTable() })
      await expect(store.get(newId())).rejects.toThrow(/could not read a session: .*createSchema\(\)/)
      await expect(store.compareAndSet(newId(), recordOf(), 0)).rejects.toThrow(/createSchema\(\)/)
    })
  })

  test(`${name}: writers, revocation and pruning at the same time end without an error`, async () => {
    const store = await newStore()
    const ids = Array.from({ length: 10 }, newId)
    const write = async (id: SessionId): Promise<void> => {
      for (let round = 0; round < 30; round++) {
        const held = await store.get(id)
        const next = recordOf({
          userId: 'ann',
          expiresAt: Date.now() + hour + round,
          version: (held?.version ?? 0) + 1,
        })
        await store.compareAndSet(id, next, held?.version ?? 0)
        if (round % 7 === 0) await store.set(newId(), recordOf({ userId: 'ann', expiresAt: round }))
      }
    }
    const revoke = async (): Promise<void> => {
      for (let round = 0; round < 15; round++)
        await Promise.all([store.deleteByUser('ann'), store.prune({ batch: 3 })])
    }
    await Promise.all([...ids.map(write), revoke(), revoke()])
    await store.deleteByUser('ann')
    expect((await store.listByUser('ann')).size).toBe(0)
  })
}
