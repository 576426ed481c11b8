import { testStore } from '@coatcheck/core/testing'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, test } from 'vitest'
import { describeSqlStore } from '../../../../test/support/sql-behaviour.ts'
import { d1, sqlStore } from './sql.ts'

const database = d1(env.DB)
const store = sqlStore(database, { timeout: 20_000 })

beforeAll(() => store.createSchema())

// The races of three take 100 s here; that of two have all pairs.
testStore('sqlStore over D1', () => store, { actors: 2, describe, test })
describeSqlStore('D1', {
  database: () => database,
  raw: async (sql) => (await env.DB.prepare(sql).all()).results,
})
