// How the databases find rows in a large table. Registered by the tests of each.
import type { SessionId } from '@coatcheck/core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  sqlStore,
  type SqlDatabase,
  type SqlParameter,
  type SqlStore,
} from '../../packages/adapters/src/stores/sql.ts'
import type { HeldDatabase } from './sql-databases.ts'
import { newTable, recordOf } from './sql-records.ts'

/** The rows: a third of them of nobody, 100 have expired, the others have three of each user. */
const rows = 100_000
const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit}`).join(' UNION ALL ')

/** Registers the tests. */
export function describePlans(name: string, held: HeldDatabase): void {
  const table = newTable()
  let asked: [string, readonly SqlParameter[]][] = []
  const database: SqlDatabase = {
    dialect: held.database.dialect,
    async query(sql, parameters) {
      asked.push([sql, parameters])
      return held.database.query(sql, parameters)
    },
  }
  const store = sqlStore(database, { table, timeout: 20_000 })

  /** The plans of all statements of a call. */
  async function plansOf(call: (store: SqlStore) => Promise<unknown>): Promise<string[]> {
    asked = []
    await call(store)
    const plans: string[] = []
    for (const [sql, parameters] of asked) plans.push(await held.explain(sql, parameters))
    return plans
  }

  describe(`${name}, with ${rows} rows`, () => {
    beforeAll(async () => {
      await store.createSchema()
      await held.raw(`INSERT INTO ${table} (id, payload, expires_at, user_id, version)
        WITH digits (d) AS (${digits}), numbers (n) AS (
          SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d
          FROM digits a, digits b, digits c, digits d, digits e)
        SELECT CONCAT('id-', n), '{}', CASE WHEN n % 1000 = 0 THEN n ELSE 8000000000000 + n END,
          CASE WHEN n % 3 = 0 THEN NULL ELSE CONCAT('user-', n % 22000) END, 1 FROM numbers`)
      if (held.database.dialect === 'mysql') await held.raw(`ANALYZE TABLE ${table}`)
      if (held.database.dialect === 'postgres') await held.raw(`ANALYZE ${table}`)
    })

    test.each([
      ['listByUser', 'user_id', 1, (store: SqlStore) => store.listByUser('user-4')],
      ['deleteByUser', 'user_id', 3, (store: SqlStore) => store.deleteByUser('user-5')],
      ['prune', 'expires_at', 1, (store: SqlStore) => store.prune()],
    ] as const)('%s goes by the index over %s', async (_, column, statements, call) => {
      const plans = await plansOf(call)
      expect(plans).toHaveLength(statements)
      for (const plan of plans) {
        expect(plan).toContain(`${table}_${column}`)
        expect(plan).not.toMatch(/Seq Scan|\bSCAN\b|key null/)
      }
    })

    test('a read and a write go by the primary key', async () => {
      const plans = await plansOf(async (store) => {
        await store.get('id-7' as SessionId)
        await store.compareAndSet('id-7' as SessionId, recordOf(), 3)
        await store.compareAndSet('id-7' as SessionId, null, 3)
      })
      expect(plans).toHaveLength(3)
      for (const plan of plans) {
        expect(plan).toMatch(/_pkey|sqlite_autoindex|key PRIMARY/)
        expect(plan).not.toMatch(/Seq Scan|\bSCAN\b/)
      }
    })
  })
}
