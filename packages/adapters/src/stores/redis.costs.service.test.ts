import { createSessionManager, type SessionId, type StoredRecord } from '@coatcheck/core'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { startRedis } from '../../../../test/support/redis-server.ts'
import { redisStore } from './redis.ts'

const server = await startRedis()
const client = new Redis(server.url)
const monitored = new Redis(server.url)
const monitor = await monitored.monitor()
/** What clients have sent, without what scripts did. */
const sent: string[] = []
monitor.on('monitor', (_time: string, [name = '']: string[], source: string) => {
  if (source !== 'lua') sent.push(name.toLowerCase())
})

afterAll(async () => {
  monitor.disconnect()
  await Promise.all([client.quit(), monitored.quit()])
  await server[Symbol.asyncDispose]()
})

/** The commands of one stretch of work; marked by pings, so that none is still on its way. */
async function commandsOf(work: () => Promise<unknown>): Promise<string[]> {
  const reaches = async (): Promise<number> => {
    const mark = sent.length
    await client.ping()
    for (;;) {
      const at = sent.indexOf('ping', mark)
      if (at >= 0) return at
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const from = await reaches()
  await work()
  return sent.slice(from + 1, await reaches())
}

describe('a request sends', () => {
  let now = Date.now()
  const sessions = createSessionManager<{ views: number }>({
    secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
    store: redisStore(client, { now: () => now }),
    now: () => now,
  })
  let cookie = ''
  const visit = async (change: (views: number) => number | null, withCookie = true): Promise<void> => {
    const headers: HeadersInit = withCookie ? { cookie } : {}
    const response = await sessions.handle(new Request('https://shop.test/', { headers }), (session) => {
      const views = change(session.get('views') ?? 0)
      if (views !== null) session.set('views', views)
      return new Response()
    })
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
  }

  test('nothing without a cookie', async () => {
    expect(await commandsOf(() => visit(() => null, false))).toEqual([])
  })

  test('one script to begin a session, sent as text to a server that does not know it yet', async () => {
    await client.call('SCRIPT', ['FLUSH'])
    expect(await commandsOf(() => visit(() => 1, false))).toEqual(['evalsha', 'eval'])
    expect(await commandsOf(() => visit(() => 1, false))).toEqual(['evalsha'])
  })

  test('one command to read', async () => {
    expect(await commandsOf(() => visit(() => null))).toEqual(['hmget'])
  })

  test('two to change, for a signed-in user as well', async () => {
    expect(await commandsOf(() => visit((views) => views + 1))).toEqual(['hmget', 'evalsha'])
    const login = new Request('https://shop.test/', { headers: { cookie } })
    const response = await sessions.handle(login, (session) => {
      session.login('ann')
      return new Response()
    })
    cookie = response.headers.getSetCookie()[0]!.split(';')[0]!
    expect(await commandsOf(() => visit((views) => views + 1))).toEqual(['hmget', 'evalsha'])
  })

  test('hardly more than one, when 200 reads in 12 hours keep the session alive', async () => {
    const commands = await commandsOf(async () => {
      for (let request = 0; request < 200; request++) {
        now += 216_000
        await visit(() => null)
      }
    })
    console.log(`redis: ${commands.length} commands for 200 reads in 12 hours`)
    expect(commands.filter((name) => name === 'evalsha').length).toBeGreaterThan(0)
    expect(commands.length / 200).toBeLessThanOrEqual(1.05)
  })
})

describe('the sessions of one user among 100 000', () => {
  const store = redisStore(client, { prefix: 'many:', timeout: 30_000 })
  const until = Date.now() + 3_600_000
  const recordOf = (userId: string): StoredRecord => ({ payload: '{}', expiresAt: until, userId, version: 1 })
  const idOf = (at: number): SessionId => `${at}`.padStart(43, 'n') as SessionId

  test('are found and ended by commands that depend on that user alone', async () => {
    for (let start = 0; start < 100_000; start += 5000) {
      const some = Array.from({ length: 5000 }, (_, at) => start + at)
      await Promise.all(some.map(async (at) => store.set(idOf(at), recordOf(`user-${at % 20_000}`))))
    }
    expect(await client.dbsize()).toBeGreaterThanOrEqual(120_000)
    const before = await server.commandCounts()
    expect((await store.listByUser('user-7')).size).toBe(5)
    const listed = await server.commandCounts()
    expect(await store.deleteByUser('user-7', idOf(7))).toBe(4)
    const deleted = await server.commandCounts()
    const ran = (from: Map<string, number>, to: Map<string, number>): Record<string, number> =>
      Object.fromEntries(
        ['hmget', 'zrange', 'zrem', 'del', 'keys', 'scan'].map((name) => [
          name,
          (to.get(name) ?? 0) - (from.get(name) ?? 0),
        ]),
      )
    expect(ran(before, listed)).toEqual({ hmget: 5, zrange: 1, zrem: 0, del: 0, keys: 0, scan: 0 })
    expect(ran(listed, deleted)).toEqual({ hmget: 4, zrange: 1, zrem: 4, del: 4, keys: 0, scan: 0 })
    expect([...(await store.listByUser('user-7')).keys()]).toEqual([idOf(7)])
  })
})
