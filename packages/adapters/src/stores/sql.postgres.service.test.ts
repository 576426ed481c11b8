import { testStore } from '@coatcheck/core/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { hammer } from '../../../../test/support/hammer.ts'
import { postgresServer } from '../../../../test/support/postgres-server.ts'
import { describeSqlStore } from '../../../../test/support/sql-behaviour.ts'
import { describeOutages } from '../../../../test/support/sql-outage.ts'
import { openDatabase, type DatabasePlace } from '../../../../test/support/sql-databases.ts'
import { describePlans } from '../../../../test/support/sql-plans.ts'
import { newId, newTable, recordOf } from '../../../../test/support/sql-records.ts'
import { sqlStore } from './sql.ts'
import { raceSize } from '../../../../test/support/race-size.ts'

const server = await postgresServer()
const place: DatabasePlace = { dialect: 'postgres', port: server.port }
const held = openDatabase(place)
const store = sqlStore(held.database, { timeout: 20_000 })
await store.createSchema()

afterAll(async () => {
  await held.close()
  await server.remove()
})

testStore('sqlStore over PostgreSQL', () => store, { actors: raceSize, describe, test })
describeSqlStore('PostgreSQL', { database: () => held.database, raw: held.raw })

test('two processes lose no change of one session', async () => {
  const storeModule = new URL('../../../../test/support/sql-databases.ts', import.meta.url)
  const result = await hammer({ storeModule, argument: place, processes: 2, rounds: 100 })
  expect(result).toMatchObject({ sum: 200, keys: 200 })
})

describeOutages('PostgreSQL', server, place)

describePlans('PostgreSQL', held)

test('prune passes by what another process is pruning', async () => {
  const other = openDatabase(place)
  try {
    const [table, locked] = [newTable(), newId()]
    const pruned = sqlStore(held.database, { table })
    await pruned.createSchema()
    for (const id of [locked, newId(), newId()]) await pruned.set(id, recordOf({ expiresAt: 1 }))
    // The pool has one connection: it opens another only while that is busy.
    await other.raw('BEGIN')
    await other.raw(`SELECT id FROM ${table} WHERE id = '${locked}' FOR UPDATE`)
    expect(await pruned.prune()).toBe(2)
    await other.raw('COMMIT')
    expect(await pruned.prune()).toBe(1)
  } finally {
    await other.close()
  }
})

describe('where transactions are serializable by default', () => {
  const strict = openDatabase({ ...place, isolation: 'serializable' })
  afterAll(() => strict.close())
  const strictStore = sqlStore(strict.database, { timeout: 20_000 })

  test('the connections are', async () => {
    expect(await strict.raw('SHOW transaction_isolation')).toEqual([
      { transaction_isolation: 'serializable' },
    ])
  })
  testStore('sqlStore over PostgreSQL', () => strictStore, { actors: 2, describe, test })
  describeSqlStore('PostgreSQL', { database: () => strict.database, raw: strict.raw })
})

test('a session that is being rotated when its user is revoked is gone, though the statement began before', async () => {
  const other = openDatabase(place)
  try {
    const [table, from, to] = [newTable(), newId(), newId()]
    const users = sqlStore(held.database, { table, timeout: 20_000 })
    await users.createSchema()
    await users.set(from, recordOf({ userId: 'ann' }))
    await other.raw('BEGIN')
    await other.raw(`INSERT INTO ${table} SELECT '${to}', payload, expires_at, user_id, 1 FROM ${table}`)
    await other.raw(`UPDATE ${table} SET user_id = NULL, version = 2 WHERE id = '${from}'`)
    const revoked = users.deleteByUser('ann')
    const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while ((await held.raw(waiting)).length === 0);
    await other.raw('COMMIT')
    expect(await revoked).toBe(1)
    expect(await users.get(to)).toBeNull()
  } finally {
    await other.close()
  }
})
