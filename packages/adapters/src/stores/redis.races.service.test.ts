import type { SessionId, StoredRecord } from '@coatcheck/core'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { startRedis } from '../../../../test/support/redis-server.ts'
import { redisStore, type RedisStore } from './redis.ts'

const server = await startRedis()
const client = new Redis(server.url)
const direct = redisStore(client)

afterAll(async () => {
  await client.quit()
  await server[Symbol.asyncDispose]()
})

/** A client whose commands are run one at a time, in an order that the seed decides. */
function shuffled(
  seed: number,
): Pick<Redis, 'status'> & { call: (name: string, args: string[]) => Promise<unknown> } {
  const waiting: (() => Promise<void>)[] = []
  let state = seed * 2_654_435_761 + 1
  let running = false
  const pump = async (): Promise<void> => {
    running = true
    // Everybody who can send has sent, before the next command is drawn.
    for (await settled(); waiting.length > 0; await settled()) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      await waiting.splice((state >>> 8) % waiting.length, 1)[0]!()
    }
    running = false
  }
  return {
    status: 'ready',
    call: (name, args) =>
      new Promise((resolve, reject) => {
        waiting.push(() => client.call(name, args).then(resolve, reject))
        if (!running) void pump()
      }),
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const recordOf = (version: number, userId: string | null = 'ann'): StoredRecord => ({
  payload: '{}',
  expiresAt: Date.now() + 60_000 + version,
  userId,
  version,
})

test.for([{ cluster: true }, { cluster: false }])(
  'in any order of commands deleteByUser ends what was there, and no session is missing in the index: %j',
  async ({ cluster }) => {
    for (let seed = 0; seed < 400; seed++) {
      await client.flushall()
      const store = redisStore(shuffled(seed), { cluster })
      const [from, to, other, adopted] = ['from', 'to', 'other', 'adopted'].map((name) =>
        name.padEnd(43, '_'),
      ) as [SessionId, SessionId, SessionId, SessionId]
      await direct.set(from, recordOf(1))
      await direct.set(adopted, recordOf(1, null))
      const rotate = async (): Promise<void> => {
        await store.compareAndSet(to, recordOf(1), 0)
        for (
          let version = 1;
          !(await store.compareAndSet(from, recordOf(version + 1, null), version));
          version++
        ) {
          if ((await store.get(from)) === null) return store.delete(to)
        }
      }
      const renew = async (): Promise<unknown> => store.compareAndSet(from, recordOf(2), 1)
      const adopt = async (): Promise<unknown> => store.compareAndSet(adopted, recordOf(2), 1)
      const login = async (): Promise<unknown> => store.compareAndSet(other, recordOf(1), 0)
      await Promise.all([
        rotate(),
        store.deleteByUser('ann'),
        renew(),
        adopt(),
        login(),
        store.listByUser('ann'),
      ])
      expect([seed, await direct.get(to)]).toEqual([seed, null])
      expect([seed, (await direct.get(from))?.userId ?? null]).toEqual([seed, null])
      const live = await Promise.all([other, adopted].map(async (id) => direct.get(id)))
      const expected = [other, adopted].filter((_, at) => live[at] !== null)
      expect([seed, [...(await direct.listByUser('ann')).keys()].toSorted()]).toEqual([
        seed,
        expected.toSorted(),
      ])
    }
  },
)

describe.for([{ cluster: true }, { cluster: false }])(
  'when the server fails at one command: %j',
  (options) => {
    const lost = new Error('The connection was lost.')
    const [id, next] = ['one', 'next'].map((name) => name.padEnd(43, '_')) as [SessionId, SessionId]

    /** A client that fails at one command, before or after it was done. */
    function failing(at: number, after: boolean): ReturnType<typeof shuffled> & { sent: () => number } {
      let sent = 0
      return {
        status: 'ready',
        sent: () => sent,
        async call(name, args) {
          if (sent++ !== at) return client.call(name, args)
          if (after) await client.call(name, args)
          throw lost
        },
      }
    }

    const works: readonly [string, (store: RedisStore) => Promise<unknown>][] = [
      ['a login', async (store) => store.compareAndSet(next, recordOf(1), 0)],
      [
        'a renewal',
        async (store) => store.compareAndSet(id, { ...recordOf(2), expiresAt: Date.now() + 600_000 }, 1),
      ],
      ['a removal', async (store) => store.compareAndSet(id, null, 1)],
      ['deleteByUser', (store) => store.deleteByUser('ann')],
      [
        'a rotation, as core does it',
        async (store) => {
          try {
            await store.compareAndSet(next, recordOf(1), 0)
            await store.compareAndSet(id, recordOf(2, null), 1)
          } catch (error) {
            // Of what may have been written nobody was told.
            await store.delete(next)
            throw error
          }
        },
      ],
    ]

    test.for(works)('%s leaves no live session that the index does not name', async ([name, work]) => {
      for (const after of [false, true]) {
        for (let at = 0, last = 1; at < last; at++) {
          await client.flushall()
          await direct.set(id, recordOf(1))
          const faulty = failing(at, after)
          const failed = await work(redisStore(faulty, options)).then(
            () => null,
            (error: unknown) => error,
          )
          last = faulty.sent()
          if (at < last) expect([at, failed]).not.toEqual([at, null])
          // A login that failed is taken back by core.
          if (name === 'a login') await direct.delete(next)
          const live = await Promise.all(
            [id, next].map(async (each) => [each, await direct.get(each)] as const),
          )
          const theirs = live.filter(([, record]) => record?.userId === 'ann')
          for (const [each, record] of theirs) {
            const score = Number(await client.zscore('session:user:ann', each))
            expect([name, at, after, score >= record!.expiresAt]).toEqual([name, at, after, true])
          }
          await direct.deleteByUser('ann')
          expect(await direct.listByUser('ann')).toEqual(new Map())
          for (const [each] of theirs) expect(await direct.get(each)).toBeNull()
        }
      }
    })
  },
)
