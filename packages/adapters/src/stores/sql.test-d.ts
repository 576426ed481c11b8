import { PGlite } from '@electric-sql/pglite'
import * as mysqlCallbacks from 'mysql2'
import * as mysqlPromises from 'mysql2/promise'
import { DatabaseSync } from 'node:sqlite'
import { Client, Pool } from 'pg'
import { describe, expectTypeOf, test } from 'vitest'
import { createSessionManager } from '@coatcheck/core'
import { d1, mysql, postgres, sqlite, sqlStore, type SqlDatabase } from './sql.ts'

describe('the wrappers take the drivers as they are', () => {
  test('node:sqlite', () => {
    expectTypeOf(sqlite(new DatabaseSync(':memory:'))).toEqualTypeOf<SqlDatabase>()
  })
  test('pg, and PGlite', () => {
    expectTypeOf(postgres(new Pool())).toEqualTypeOf<SqlDatabase>()
    expectTypeOf(postgres(new Client())).toEqualTypeOf<SqlDatabase>()
    expectTypeOf(postgres(new PGlite())).toEqualTypeOf<SqlDatabase>()
  })
  test('mysql2, with promises and with callbacks', async () => {
    expectTypeOf(mysql(mysqlPromises.createPool(''))).toEqualTypeOf<SqlDatabase>()
    expectTypeOf(mysql(await mysqlPromises.createConnection(''))).toEqualTypeOf<SqlDatabase>()
    expectTypeOf(mysql(mysqlCallbacks.createPool(''))).toEqualTypeOf<SqlDatabase>()
    expectTypeOf(mysql(mysqlCallbacks.createConnection(''))).toEqualTypeOf<SqlDatabase>()
  })
})

test('a wrapper refuses the client of another', () => {
  // @ts-expect-error a Pool of pg is no SQLite
  sqlite(new Pool())
  // @ts-expect-error SQLite is no D1
  d1(new DatabaseSync(':memory:'))
  // @ts-expect-error a Pool of pg has no execute
  mysql(new Pool())
  // @ts-expect-error a driver has to be wrapped
  sqlStore(new Pool())
})

test('the store is atomic and keeps a user index', () => {
  const store = sqlStore(sqlite(new DatabaseSync(':memory:')))
  expectTypeOf(store.compareAndSet).returns.resolves.toBeBoolean()
  expectTypeOf(store.listByUser).parameter(0).toBeString()
  createSessionManager({ secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'], store })
})
