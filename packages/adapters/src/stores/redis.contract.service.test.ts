import { testStore } from '@coatcheck/core/testing'
import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster } from 'redis'
import { afterAll, describe, expect, test } from 'vitest'
import { hammer } from '../../../../test/support/hammer.ts'
import { startRedis, startRedisCluster } from '../../../../test/support/redis-server.ts'
import type { RedisAddresses } from '../../../../test/support/redis-hammer.ts'
import { startUpstashRest } from '../../../../test/support/upstash-rest.ts'
import { redisStore } from './redis.ts'

const [server, cluster] = await Promise.all([startRedis(), startRedisCluster()])
const { url } = server
const rest = await startUpstashRest(server.port)
const ports = cluster.nodes.map(({ port }) => port)
const onError = (error: unknown): void => console.error(error)

const nodeRedis = await createClient({ url }).on('error', onError).connect()
const pool = createClientPool({ url }).on('error', onError)
await pool.connect()
const ioRedis = new Redis(url)
const prefixed = new Redis(url, { keyPrefix: 'shop:' })
const nodeCluster = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) })
nodeCluster.on('error', onError)
await nodeCluster.connect()
const ioCluster = new Cluster(ports.map((port) => ({ host: '127.0.0.1', port })))

afterAll(async () => {
  await Promise.all([nodeRedis.close(), pool.close(), nodeCluster.close()])
  await Promise.all([ioRedis.quit(), prefixed.quit(), ioCluster.quit()])
  await rest[Symbol.asyncDispose]()
  await Promise.all([server[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()])
})

testStore('node-redis', () => redisStore(nodeRedis), { describe, test })
testStore('ioredis', () => redisStore(ioRedis), { describe, test, actors: 2 })
testStore("node-redis' pool", () => redisStore(pool), { describe, test, actors: 2 })
testStore('ioredis with a key prefix', () => redisStore(prefixed), { describe, test, actors: 2 })
testStore('one key a script', () => redisStore(ioRedis, { cluster: true, prefix: 'apart:' }), {
  describe,
  test,
  actors: 2,
})
testStore("node-redis' cluster", () => redisStore(nodeCluster), { describe, test, actors: 2 })
testStore("ioredis' cluster", () => redisStore(ioCluster), { describe, test, actors: 2 })

describe('processes that change one session at the same time', () => {
  const addresses: RedisAddresses[] = [
    { driver: 'ioredis', url },
    { driver: 'node-redis', url },
    { driver: 'ioredis-cluster', url: cluster.nodes[0]!.url },
    { driver: 'upstash', url: rest.url, token: rest.token },
  ]

  test.for(addresses)('lose no update and no key: $driver', async (argument) => {
    const storeModule = new URL('../../../../test/support/redis-hammer.ts', import.meta.url)
    const { conflicts, keys, sum } = await hammer({ storeModule, argument, processes: 3 })
    expect({ keys, sum }).toEqual({ keys: 300, sum: 300 })
    expect(conflicts).toBeGreaterThan(0)
  })
})
