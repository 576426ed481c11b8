import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testStore } from '@coatcheck/core/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { hammer } from '../../../../test/support/hammer.ts'
import { describeSqlStore } from '../../../../test/support/sql-behaviour.ts'
import { expectAll, killedWriter } from '../../../../test/support/sql-outage.ts'
import { openDatabase, type DatabasePlace } from '../../../../test/support/sql-databases.ts'
import { describePlans } from '../../../../test/support/sql-plans.ts'
import { newId, recordOf } from '../../../../test/support/sql-records.ts'
import { sqlStore } from './sql.ts'
import { raceSize } from '../../../../test/support/race-size.ts'

const folder = mkdtempSync(join(tmpdir(), 'coatcheck-sqlite-'))
const place: DatabasePlace = { dialect: 'sqlite', file: join(folder, 'sessions.db') }
const held = openDatabase(place)
const store = sqlStore(held.database)
await store.createSchema()

afterAll(async () => {
  await held.close()
  rmSync(folder, { recursive: true })
})

testStore('sqlStore over node:sqlite in a file', () => store, { actors: raceSize, describe, test })
describeSqlStore('node:sqlite', { database: () => held.database, raw: held.raw })

test('two processes lose no change of one session', async () => {
  const storeModule = new URL('../../../../test/support/sql-databases.ts', import.meta.url)
  const result = await hammer({ storeModule, argument: place, processes: 2, rounds: 100 })
  expect(result).toMatchObject({ sum: 200, keys: 200 })
})

test('a process that is killed in the middle of its writing loses nothing that was acknowledged', async () => {
  await expectAll(store, await killedWriter(place))
  expect(await held.raw('PRAGMA integrity_check')).toMatchObject([{ integrity_check: 'ok' }])
})

describePlans('node:sqlite', held)

test('while another process holds the file, a write waits, up to the timeout', async () => {
  const other = openDatabase(place)
  try {
    const hasty = sqlStore(held.database, { timeout: 60 })
    const [id, record] = [newId(), recordOf()]
    await other.raw('BEGIN IMMEDIATE')
    await expect(hasty.set(id, record)).rejects.toMatchObject({
      message: 'The SQL store could not write a session: the database did not answer within 60 ms.',
      cause: { cause: { message: 'database is locked' } },
    })
    expect(await hasty.get(id)).toBeNull()
    const waiting = store.set(id, record)
    await other.raw('COMMIT')
    await waiting
    expect(await hasty.get(id)).toEqual(record)
  } finally {
    await other.close()
  }
})
