import { Redis as UpstashRedis } from '@upstash/redis'
import { Cluster, Redis } from 'ioredis'
import { createClient } from 'redis'
import { redisStore } from '../../packages/adapters/src/stores/redis.ts'
import { upstashStore } from '../../packages/adapters/src/stores/upstash.ts'
import type { HeldStore } from './hammer-store.ts'

/** Where each of the drivers finds its server. */
export interface RedisAddresses {
  readonly driver: 'ioredis' | 'node-redis' | 'ioredis-cluster' | 'upstash'
  readonly url: string
  readonly token?: string
}

/** A store for the hammer, through one of the drivers. */
export async function makeStore(argument: unknown): Promise<HeldStore> {
  const { driver, token = '', url } = argument as RedisAddresses
  if (driver === 'upstash') {
    return { store: upstashStore(new UpstashRedis({ url, token })), close: async () => {} }
  }
  if (driver === 'node-redis') {
    const client = await createClient({ url }).on('error', console.error).connect()
    return { store: redisStore(client), close: () => client.close() }
  }
  const client = driver === 'ioredis' ? new Redis(url) : new Cluster([url])
  return { store: redisStore(client), close: () => client.quit() }
}
