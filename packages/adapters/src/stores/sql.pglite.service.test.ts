import { PGlite } from '@electric-sql/pglite'
import { storeContract } from '@coatcheck/core/testing'
import { afterAll, describe, test } from 'vitest'
import { describeSqlStore } from '../../../../test/support/sql-behaviour.ts'
import { postgres, sqlStore } from './sql.ts'

const client = await PGlite.create()
const database = postgres(client)
const store = sqlStore(database, { timeout: 20_000 })
await store.createSchema()

afterAll(() => client.close())

// It has one connection, on which all calls wait for each other: there is nothing to race.
describe('sqlStore over PGlite', () => {
  for (const { name, run } of storeContract(() => store, { actors: 2 })) {
    if (!name.startsWith('survives every race')) test(name, run)
  }
})
describeSqlStore('PGlite', {
  database: () => database,
  raw: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
})
