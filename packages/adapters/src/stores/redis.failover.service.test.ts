import type { SessionId, StoredRecord } from '@coatcheck/core'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { expect, test } from 'vitest'
import { inStep, startRedisCluster, startReplica, until } from '../../../../test/support/redis-server.ts'
import { redisStore } from './redis.ts'

const recordOf = (version: number): StoredRecord => ({
  payload: '{}',
  expiresAt: Date.now() + 3_600_000,
  userId: 'ann',
  version,
})

const host = '127.0.0.1'
const ids = Array.from({ length: 30 }, (_, at) => `failover${at}`.padEnd(43, '_') as SessionId)

test('what a replica had when its master was lost is there, and goes on', async () => {
  await using cluster = await startRedisCluster()
  const master = cluster.nodes[2]!
  await using replica = await startReplica(cluster, master)
  const nodes = cluster.nodes.map(({ port }) => ({ host, port }))
  const ioRedis = new Cluster(nodes, { clusterRetryStrategy: () => 20 })
  const rootNodes = cluster.nodes.map(({ url }) => ({ url }))
  const nodeRedis = createCluster({ rootNodes, defaults: { socket: { reconnectStrategy: 20 } } })
  for (const client of [ioRedis, nodeRedis]) client.on('error', () => {})
  await nodeRedis.connect()
  try {
    const stores = { ioRedis, nodeRedis }
    const under = (prefix: keyof typeof stores) => redisStore(stores[prefix], { prefix, timeout: 500 })
    const all = [under('ioRedis'), under('nodeRedis')]
    for (const store of all) {
      for (const id of ids) expect(await store.compareAndSet(id, recordOf(1), 0)).toBe(true)
    }
    await inStep(master, replica)
    await master.stop('SIGKILL')
    for (const store of all) {
      // Until the replica has been elected, the sessions of its slots are errors: at no time are they absent.
      let absent = false
      await until(async () => {
        const records = await Promise.all(ids.map(async (id) => store.get(id)))
        absent ||= records.includes(null)
        return true
      }, 'Nobody took over')
      expect(absent).toBe(false)
      for (const id of ids) expect(await store.compareAndSet(id, recordOf(2), 1)).toBe(true)
      expect((await store.listByUser('ann')).size).toBe(30)
    }
  } finally {
    ioRedis.disconnect()
    nodeRedis.destroy()
  }
})
