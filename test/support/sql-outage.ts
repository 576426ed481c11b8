// What holds for a store over a database server that stops, dies, or hangs. Registered by the tests of each server.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createSessionManager, type SessionId } from '@coatcheck/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sqlStore } from '../../packages/adapters/src/stores/sql.ts'
import { until, type DatabaseServer } from './database-server.ts'
import { newId, newTable, recordOf } from './sql-records.ts'
import { openDatabase, type DatabasePlace, type HeldDatabase } from './sql-databases.ts'

const secrets = ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'] as const

/** Registers the tests. */
export function describeOutages(name: string, server: DatabaseServer, place: DatabasePlace): void {
  describe(`${name}, when the server`, () => {
    let held: HeldDatabase
    const table = newTable()
    beforeAll(async () => {
      held = openDatabase(place)
      await sqlStore(held.database, { table }).createSchema()
    })
    afterAll(() => held.close())

    test('is stopped, a request fails instead of being logged out; started again, it goes on', async () => {
      const sessions = createSessionManager<{ views: number }>({
        secrets,
        store: sqlStore(held.database, { table }),
      })
      const response = await sessions.handle(new Request('https://shop.test/'), (session) => {
        session.set('views', 1)
        return new Response()
      })
      const cookie = response.headers.getSetCookie()[0]!.split(';')[0]!
      const load = (): ReturnType<typeof sessions.load> =>
        sessions.load(new Request('https://shop.test/', { headers: { cookie } }))
      const open = await load()
      open.set('views', 2)
      await server.stop()
      await expect(load()).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE',
        cause: { message: expect.stringMatching(/^The SQL store could not read a session: \w/) },
      })
      await expect(sessions.commit(open)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
      await server.start()
      expect((await load()).get('views')).toBe(1)
    })

    test('hangs, a call ends in time with an error; afterwards it goes on', async () => {
      const [id, record] = [newId(), recordOf()]
      const patient = sqlStore(held.database, { table })
      await patient.set(id, record)
      server.freeze()
      try {
        const hasty = sqlStore(held.database, { table, timeout: 100 })
        await expect(hasty.get(id)).rejects.toThrow('did not answer within 100 ms')
        await expect(hasty.compareAndSet(id, null, 1)).rejects.toThrow('did not answer within 100 ms')
        await expect(hasty.listByUser('ann')).rejects.toThrow('did not answer within 100 ms')
      } finally {
        server.thaw()
      }
      // What timed out may still be carried out now, so the record that it was about proves nothing.
      const another = newId()
      await patient.set(another, record)
      expect(await patient.get(another)).toEqual(record)
    })

    test('is killed under load, no acknowledged write is lost', async () => {
      const store = sqlStore(held.database, { table })
      const acknowledged: SessionId[] = []
      const write = async (): Promise<void> => {
        for (;;) {
          const id = newId()
          await store.compareAndSet(id, recordOf(), 0)
          acknowledged.push(id)
        }
      }
      const writers = Promise.allSettled([write(), write(), write(), write()])
      await until('200 writes', () => acknowledged.length >= 200)
      await server.kill()
      const ended = await writers
      expect(ended.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'))
      await server.start()
      await expectAll(store, acknowledged)
    })
  })
}

/** Kills a process in the middle of its writing. @returns What it was told had been stored. */
export async function killedWriter(place: DatabasePlace): Promise<SessionId[]> {
  const acknowledged: SessionId[] = []
  const writer = fork(fileURLToPath(new URL('sql-writer.ts', import.meta.url)), [JSON.stringify(place)], {
    execPath: process.execPath,
    execArgv: ['--conditions=coatcheck-source', '--disable-warning=ExperimentalWarning'],
  })
  const ended = once(writer, 'exit')
  writer.on('message', (id) => acknowledged.push(id as SessionId))
  try {
    await until('200 writes', () => acknowledged.length >= 200)
  } finally {
    writer.kill('SIGKILL')
    await ended
  }
  return acknowledged
}

/** Fails when one of them is not there. */
export async function expectAll(
  store: { get(id: SessionId): unknown },
  ids: readonly SessionId[],
): Promise<void> {
  let lost = 0
  for (const id of ids) if ((await store.get(id)) === null) lost++
  expect([ids.length >= 200, lost]).toEqual([true, 0])
}
