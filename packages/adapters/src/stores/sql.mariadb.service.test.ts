import { createSessionManager, type Session } from '@coatcheck/core'
import { testStore } from '@coatcheck/core/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { hammer } from '../../../../test/support/hammer.ts'
import { mariadbServer } from '../../../../test/support/mariadb-server.ts'
import { describeSqlStore } from '../../../../test/support/sql-behaviour.ts'
import { describeOutages } from '../../../../test/support/sql-outage.ts'
import { openDatabase, type DatabasePlace } from '../../../../test/support/sql-databases.ts'
import { describePlans } from '../../../../test/support/sql-plans.ts'
import { sqlStore } from './sql.ts'
import { raceSize } from '../../../../test/support/race-size.ts'

const server = await mariadbServer()
const place: DatabasePlace = { dialect: 'mysql', port: server.port }
const held = openDatabase(place)
const store = sqlStore(held.database, { timeout: 20_000 })
await store.createSchema()

afterAll(async () => {
  await held.close()
  await server.remove()
})

testStore('sqlStore over MariaDB', () => store, { actors: raceSize, describe, test })
describeSqlStore('MariaDB', { database: () => held.database, raw: held.raw })

test('two processes lose no change of one session', async () => {
  const storeModule = new URL('../../../../test/support/sql-databases.ts', import.meta.url)
  const result = await hammer({ storeModule, argument: place, processes: 2, rounds: 100 })
  expect(result).toMatchObject({ sum: 200, keys: 200 })
})

describeOutages('MariaDB', server, place)

describePlans('MariaDB', held)

test('the server executes nothing without a cookie, one statement for a read, two for a change', async () => {
  const sessions = createSessionManager<{ views: number }>({
    secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
    store,
  })
  const executed = async (): Promise<number> =>
    Number((await held.raw("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'"))[0]!['Value'])
  const visit = async (
    cookie: string,
    handler: (session: Session<{ views: number }>) => void,
  ): Promise<[number, string]> => {
    const before = await executed()
    const request = new Request('https://shop.test/', { headers: { cookie } })
    const response = await sessions.handle(request, (session) => {
      handler(session)
      return new Response()
    })
    const sent = response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return [(await executed()) - before, sent]
  }
  expect(await visit('', (session) => void session.get('views'))).toEqual([0, ''])
  const [created, cookie] = await visit('', (session) => session.set('views', 1))
  expect(created).toBe(1)
  expect((await visit(cookie, (session) => void session.get('views')))[0]).toBe(1)
  expect((await visit(cookie, (session) => session.set('views', 2)))[0]).toBe(2)
})
