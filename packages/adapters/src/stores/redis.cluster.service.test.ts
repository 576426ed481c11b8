import { createSessionManager, type SessionId, type StoredRecord } from '@coatcheck/core'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, describe, expect, test } from 'vitest'
import { clusterKnows, startRedisCluster, until } from '../../../../test/support/redis-server.ts'
import { redisStore } from './redis.ts'

const cluster = await startRedisCluster()
const [first, second, third] = cluster.nodes as [
  (typeof cluster.nodes)[0],
  (typeof cluster.nodes)[0],
  (typeof cluster.nodes)[0],
]
const [host, rootNodes] = ['127.0.0.1', cluster.nodes.map(({ url }) => ({ url }))]
const ioCluster = new Cluster(
  cluster.nodes.map(({ port }) => ({ host, port })),
  { clusterRetryStrategy: () => 20 },
)
const nodeCluster = createCluster({ rootNodes, defaults: { socket: { reconnectStrategy: 20 } } })
for (const client of [ioCluster, nodeCluster]) client.on('error', () => {})
await nodeCluster.connect()

afterAll(async () => {
  ioCluster.disconnect()
  nodeCluster.destroy()
  await cluster[Symbol.asyncDispose]()
})

const recordOf = (userId: string | null): StoredRecord => ({
  payload: '{}',
  expiresAt: Date.now() + 3_600_000,
  userId,
  version: 1,
})

/** Some ids of sessions whose slots are a node's; slots are shared in thirds, in the order of the nodes. */
async function idsOn(at: number, name: string): Promise<SessionId[]> {
  const ids = Array.from({ length: 30 }, (_, count) => `${name}${count}`.padEnd(43, '_') as SessionId)
  const slots = await Promise.all(ids.map((id) => first.command('CLUSTER', 'KEYSLOT', `session:${id}`)))
  return ids.filter((_, count) => Math.floor(Number(slots[count]) / Math.ceil(16_384 / 3)) === at)
}

describe.for([
  { driver: 'ioredis', client: ioCluster },
  { driver: 'node-redis', client: nodeCluster },
])('with $driver', ({ driver, client }) => {
  const store = redisStore(client, { timeout: 500 })

  test('the sessions of a user lie on all nodes, and are found and ended together', async () => {
    const ids = (await Promise.all([0, 1, 2].map((at) => idsOn(at, `spread-${driver}`)))).flat()
    expect(ids).toHaveLength(30)
    await Promise.all(ids.map(async (id) => store.set(id, recordOf(`user-${driver}`))))
    expect((await store.listByUser(`user-${driver}`)).size).toBe(30)
    expect(await store.deleteByUser(`user-${driver}`, ids[0])).toBe(29)
    expect([...(await store.listByUser(`user-${driver}`)).keys()]).toEqual([ids[0]])
  })

  test('a change sends one command to read and one to write; a signed-in one writes its index before', async () => {
    const sessions = createSessionManager<{ views: number }>({
      secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
      store,
    })
    const visit = async (cookie: string, userId?: string): Promise<string> => {
      const request = new Request('https://shop.test/', { headers: cookie === '' ? {} : { cookie } })
      const response = await sessions.handle(request, (session) => {
        session.update('views', (views = 0) => views + 1)
        if (userId !== undefined) session.login(userId)
        return new Response()
      })
      return response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    }
    const sent = async (work: () => Promise<unknown>): Promise<number[]> => {
      const all = (): Promise<Map<string, number>[]> =>
        Promise.all(cluster.nodes.map((node) => node.commandCounts()))
      const count = (counts: Map<string, number>[], name: string): number =>
        counts.reduce((sum, each) => sum + (each.get(name) ?? 0), 0)
      const before = await all()
      await work()
      const after = await all()
      return ['evalsha', 'hset'].map((name) => count(after, name) - count(before, name))
    }
    const warm = Array.from({ length: 30 }, () => visit('', `warm-${driver}`))
    await Promise.all(warm)
    const visitor = await visit('')
    expect(await sent(() => visit(visitor))).toEqual([1, 1])
    const user = await visit('', `ann-${driver}`)
    expect((await sent(() => visit(user)))[0]).toBe(2)
  })

  test('without one node its sessions are errors and the others work; with it all are there', async () => {
    const [lost, safe] = [(await idsOn(2, `lost-${driver}`))[0]!, (await idsOn(0, `safe-${driver}`))[0]!]
    await Promise.all([lost, safe].map(async (id) => store.set(id, recordOf(null))))
    await third.stop('SIGKILL')
    await expect(store.get(lost)).rejects.toThrow(/Redis/)
    await expect(store.compareAndSet(lost, { ...recordOf(null), version: 2 }, 1)).rejects.toThrow(/Redis/)
    await until(async () => (await store.get(safe)) !== null, 'The other nodes did not answer')
    expect(await store.compareAndSet(safe, { ...recordOf(null), version: 2 }, 1)).toBe(true)
    await third.start()
    await Promise.all([first, second, third].map((node) => clusterKnows(node, 3)))
    await until(async () => (await store.get(lost)) !== null, 'The node did not come back')
    expect(await store.get(lost)).toMatchObject({ version: 1 })
  })
})
