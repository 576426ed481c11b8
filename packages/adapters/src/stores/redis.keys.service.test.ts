import type { SessionId, StoredRecord } from '@coatcheck/core'
import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { startRedis } from '../../../../test/support/redis-server.ts'
import { redisStore } from './redis.ts'

const server = await startRedis()
const client = new Redis(server.url)

afterAll(async () => {
  await client.quit()
  await server[Symbol.asyncDispose]()
})
beforeEach(() => client.flushall())

const minute = 60_000
const [one, two, three] = ['1', '2', '3'].map((name) => name.padEnd(43, '_') as SessionId) as [
  SessionId,
  SessionId,
  SessionId,
]
let now = Date.now()
const recordOf = (fields: Partial<StoredRecord> = {}): StoredRecord => ({
  payload: '{}',
  expiresAt: now + 10 * minute,
  userId: 'ann',
  version: 1,
  ...fields,
})

describe.for([{ cluster: false }, { cluster: true }])('with cluster: $cluster', (options) => {
  const store = redisStore(client, { ...options, now: () => now })

  test('a record and its index entry live a minute longer than the session', async () => {
    const expiresAt = now + 10 * minute
    await store.set(one, recordOf({ expiresAt }))
    expect(await client.pexpiretime(`session:${one}`)).toBe(expiresAt + minute)
    expect(await client.pexpiretime('session:user:ann')).toBe(expiresAt + minute)
    await store.set(two, recordOf({ expiresAt: expiresAt + minute }))
    await store.set(three, recordOf({ expiresAt: expiresAt - minute }))
    expect(await client.pexpiretime('session:user:ann')).toBe(expiresAt + 2 * minute)
  })

  test('the life of a session that is extended is that of its key and of the index', async () => {
    const expiresAt = now + 20 * minute
    await store.set(one, recordOf())
    expect(await store.compareAndSet(one, recordOf({ expiresAt, version: 2 }), 1)).toBe(true)
    expect(await client.pexpiretime(`session:${one}`)).toBe(expiresAt + minute)
    expect(await client.pexpiretime('session:user:ann')).toBe(expiresAt + minute)
    expect(await client.zscore('session:user:ann', one)).toBe(`${expiresAt}`)
  })

  test('what ended more than a minute ago leaves the keyspace, and the index with its next entry', async () => {
    await store.set(one, recordOf({ expiresAt: Date.now() - minute - 1 }))
    expect(await client.exists(`session:${one}`)).toBe(0)
    await store.set(one, recordOf({ expiresAt: now + minute }))
    now += 2 * minute + 1
    await store.set(two, recordOf())
    expect(await client.zrange('session:user:ann', '0', '-1')).toEqual([two])
  })

  test('what has expired is neither listed nor counted, but removed', async () => {
    await store.set(one, recordOf({ expiresAt: now - 1 }))
    await store.set(two, recordOf())
    expect([...(await store.listByUser('ann')).keys()]).toEqual([two])
    expect(await store.deleteByUser('ann')).toBe(1)
    expect(await client.dbsize()).toBe(0)
  })

  test('an index entry whose record is gone is cleaned away by who finds it', async () => {
    await store.set(one, recordOf())
    await store.set(two, recordOf())
    await client.del(`session:${one}`)
    expect([...(await store.listByUser('ann')).keys()]).toEqual([two])
    expect(await client.zrange('session:user:ann', '0', '-1')).toEqual([two])
  })

  test('users of any name are kept apart, and from the sessions', async () => {
    const names = [
      '',
      ' ',
      ':',
      '*',
      'ann',
      'ann:',
      'Ann',
      '{ann}',
      'nul\u0000',
      '👋',
      '\r\n',
      'x'.repeat(255),
      one,
      'user:ann',
    ]
    for (const [at, userId] of names.entries()) {
      await store.set(`${at}`.padEnd(43, 'n') as SessionId, recordOf({ userId }))
    }
    for (const userId of names) {
      const listed = [...(await store.listByUser(userId)).values()].map((record) => record.userId)
      expect(listed).toEqual([userId])
    }
    for (const userId of names) expect(await store.deleteByUser(userId)).toBe(1)
  })

  test('half a surrogate pair is refused, since two users might become one', async () => {
    await expect(store.set(one, recordOf({ userId: 'a\uD800' }))).rejects.toThrow('userId')
    await expect(store.set(one, recordOf({ payload: '\uDFFF' }))).rejects.toThrow('payload')
    await expect(store.listByUser('a\uD800')).rejects.toThrow('userId')
    await expect(store.deleteByUser('a\uD800')).rejects.toThrow('userId')
    expect(await client.dbsize()).toBe(0)
  })

  test('a key of somebody else is an error that says what to do', async () => {
    await client.set(`session:${one}`, 'theirs')
    await client.hset(`session:${two}`, { payload: 'no mark', expiresAt: now + minute, version: 1 })
    await expect(store.get(one)).rejects.toThrow(/WRONGTYPE.*prefix/)
    await expect(store.set(one, recordOf())).rejects.toThrow(/WRONGTYPE.*prefix/)
    await expect(store.get(two)).rejects.toThrow(/holds something else.*prefix/)
  })

  test('deleteByUser ends a session that is rotated at the same time', async () => {
    for (let round = 0; round < 50; round++) {
      const [from, to] = [`f${round}`.padEnd(43, '_'), `t${round}`.padEnd(43, '_')] as SessionId[]
      await store.compareAndSet(from!, recordOf(), 0)
      const rotate = async (): Promise<void> => {
        await store.compareAndSet(to!, recordOf(), 0)
        if (!(await store.compareAndSet(from!, recordOf({ userId: null, version: 2 }), 1))) {
          await store.delete(to!)
        }
      }
      await Promise.all([rotate(), store.deleteByUser('ann')])
      expect((await store.listByUser('ann')).size).toBe(0)
      expect(await store.get(to!)).toBeNull()
    }
  })
})

test("on one server a session leaves its user's index with the write that makes it another's, or nobody's", async () => {
  const store = redisStore(client, { now: () => now })
  const indexOf = (userId: string): Promise<string[]> => client.zrange(`session:user:${userId}`, '0', '-1')
  await store.set(one, recordOf())
  await store.set(one, recordOf({ userId: 'bob' }))
  expect([await indexOf('ann'), await indexOf('bob')]).toEqual([[], [one]])
  await store.set(one, recordOf({ userId: null }))
  expect([await indexOf('bob'), await store.get(one)]).toEqual([[], recordOf({ userId: null })])
})

describe('what cannot work is refused when the store is made', () => {
  test.for([
    [{ prefix: 7 }, /prefix must be/],
    [{ prefix: '\uD800' }, /prefix must be/],
    [{ timeout: 0 }, /timeout must be/],
    [{ timeout: NaN }, /timeout must be/],
    [{ timeout: '2s' }, /timeout must be/],
    [{ now: 5 }, /now must be/],
    [{ cluster: 'yes' }, /cluster must be/],
  ] as const)('%j', ([options, message]) => {
    expect(() => redisStore(client, options as never)).toThrow(message)
  })

  test.for([undefined, null, {}, new Map(), 'redis://127.0.0.1'])('as a client: %o', (stranger) => {
    expect(() => redisStore(stranger as never)).toThrow(/node-redis .* or ioredis/)
  })
})
