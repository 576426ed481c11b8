import { redisLink, type RedisOptions } from './redis-link.ts'
import { redisRecords, type RedisRecords } from './redis-records.ts'

/** The part of `Redis` from `@upstash/redis` that is used. */
export interface UpstashClient {
  hmget(key: string, ...fields: string[]): Promise<Record<string, unknown> | null>
  evalsha(sha: string, keys: string[], args: string[]): Promise<unknown>
  eval(script: string, keys: string[], args: string[]): Promise<unknown>
}

/** Options of {@link upstashStore}. */
export interface UpstashStoreOptions extends RedisOptions {}

/** Every write is conditional; a revoked session is gone at once. */
export interface UpstashStore extends RedisRecords {}

/**
 * A store over Upstash Redis, by HTTP: for Workers, edge functions, and wherever no connection can be kept. One
 * request to read, one to write. Its records are those of `redisStore`: both can be used on the same data.
 *
 * In a global database reads come from the nearest region; an ended session can be seen there for as long as the
 * copy lags, unless the client has `readYourWrites` (its default) and did the ending itself.
 *
 * Throws when the client is of another kind, or an option is wrong. Calls reject when Upstash fails or is late.
 *
 * @example
 * const store = upstashStore(new Redis({ url: env.UPSTASH_REDIS_REST_URL, token: env.UPSTASH_REDIS_REST_TOKEN }))
 */
export function upstashStore(client: UpstashClient, options: UpstashStoreOptions = {}): UpstashStore {
  if (!isUpstash(client)) {
    throw new Error(
      "upstashStore needs a Redis of '@upstash/redis'; for node-redis and ioredis there is redisStore.",
    )
  }
  const commands = {
    hmget: (key: string, fields: readonly string[]) => client.hmget(key, ...fields),
    evalsha: (sha: string, keys: readonly string[], args: readonly string[]) =>
      client.evalsha(sha, [...keys], [...args]),
    eval: (script: string, keys: readonly string[], args: readonly string[]) =>
      client.eval(script, [...keys], [...args]),
  }
  return redisRecords(redisLink(commands, options), false)
}

/** ioredis has methods of these names as well; only it has `call`. */
function isUpstash(client: UpstashClient): boolean {
  const methods = Object(client) as Record<string, unknown>
  const needed = ['hmget', 'evalsha', 'eval'].every((name) => typeof methods[name] === 'function')
  return needed && !('call' in methods)
}
