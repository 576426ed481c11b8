import type { AtomicStore, UserIndexedStore } from '@coatcheck/core'
import { Redis as UpstashRedis } from '@upstash/redis'
import { Redis as UpstashWorkers } from '@upstash/redis/cloudflare'
import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { expectTypeOf, test } from 'vitest'
import { redisStore, type RedisClient } from './redis.ts'
import { upstashStore, type UpstashClient } from './upstash.ts'

test('redisStore takes the clients of node-redis and ioredis as they are', () => {
  const rootNodes = [{ url: 'redis://127.0.0.1' }]
  redisStore(createClient())
  redisStore(createClient({ RESP: 2 }))
  redisStore(createClientPool())
  redisStore(createCluster({ rootNodes }))
  redisStore(createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] }))
  redisStore(new Redis(), { prefix: 'shop:', timeout: 500, cluster: true, now: Date.now })
  redisStore(new Cluster([]))
})

test('upstashStore takes the clients of @upstash/redis', () => {
  upstashStore(new UpstashRedis({ url: '', token: '' }))
  upstashStore(UpstashWorkers.fromEnv({ UPSTASH_REDIS_REST_URL: '', UPSTASH_REDIS_REST_TOKEN: '' }))
})

test('what is no such client does not compile', () => {
  expectTypeOf<Map<string, string>>().not.toExtend<RedisClient>()
  expectTypeOf<{ get(key: string): Promise<string> }>().not.toExtend<RedisClient>()
  expectTypeOf<() => void>().not.toExtend<RedisClient>()
  expectTypeOf<UpstashRedis>().not.toExtend<RedisClient>()
  expectTypeOf<ReturnType<typeof createClient>>().not.toExtend<UpstashClient>()
  // @ts-expect-error an option that is not there
  redisStore(new Redis(), { ttl: 60 })
  // @ts-expect-error only redisStore knows clusters
  upstashStore(new UpstashRedis({ url: '', token: '' }), { cluster: true })
})

test('only a store that hears of ends tells of them', () => {
  const client = createClient()
  expectTypeOf(redisStore(client, { notify: client.duplicate() })).toHaveProperty('watch')
  expectTypeOf(redisStore(new Redis(), { notify: new Redis() })).toHaveProperty('watch')
  expectTypeOf(redisStore(client)).not.toHaveProperty('watch')
  // @ts-expect-error what cannot subscribe
  redisStore(client, { notify: new Map() })
})

test('both stores have every capability', () => {
  expectTypeOf<ReturnType<typeof redisStore>>().toExtend<AtomicStore & UserIndexedStore>()
  expectTypeOf<ReturnType<typeof upstashStore>>().toExtend<AtomicStore & UserIndexedStore>()
})
