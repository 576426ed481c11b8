import { redisChannel, type RedisSubscriber, type WatchableRedisRecords } from './redis-notify.ts'
import { defaultTimeout, redisLink, type RedisCommands, type RedisOptions } from './redis-link.ts'
import { redisRecords, type RedisRecords } from './redis-records.ts'

/** The part of node-redis (`createClient`, `createClientPool`, `createCluster`) that is used. */
export interface NodeRedisClient {
  hmGet(key: string, fields: string[]): Promise<unknown>
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  /** The same client, with other options for its commands; clients of before version 5 have none. */
  withCommandOptions?(options: { timeout: number; abortSignal: AbortSignal }): NodeRedisClient
}

/** The part of ioredis and iovalkey (`Redis`, `Cluster`) that is used. */
export interface IoRedisClient {
  readonly status: string
  readonly isCluster?: boolean
  call(command: string, args: string[]): Promise<unknown>
}

/** A connected client: of node-redis, ioredis, iovalkey, or of the same shape. */
export type RedisClient = NodeRedisClient | IoRedisClient

/** Options of {@link redisStore}. */
export interface RedisStoreOptions extends RedisOptions {
  /**
   * Whether keys lie on several servers (default: as the client shows). True keeps each script to a single key, at
   * the price of a second command in the same tick: for proxies and services that hide a cluster, and for servers
   * that want every key of a script declared, such as Dragonfly.
   */
  readonly cluster?: boolean
  /**
   * A second connection, by which ends of sessions are heard of (default: none, and none are published): what
   * `onRevoked` needs. It can do nothing else meanwhile. All processes whose sessions are to be heard of need it.
   */
  readonly notify?: RedisSubscriber
}

/** Every write is conditional; a revoked session is gone at once. */
export interface RedisStore extends RedisRecords {}

/** One that also tells of ends, by Redis' publish and subscribe. */
export interface NotifyingRedisStore extends RedisStore, WatchableRedisRecords {}

/**
 * A store over Redis 6.2 or newer, Valkey, and what speaks their protocol. One command to read, one to write.
 *
 * Connecting, and listening to the client's `error` event, is yours. Where a replica may answer reads
 * (`useReplicas`, `scaleReads`), an ended session can be seen for as long as the replica lags. Let no key be evicted
 * (`maxmemory-policy noeviction`, or `volatile-ttl` at least): what is evicted is signed out, and a user index that
 * is evicted no longer finds the user's sessions. The option `timeout` takes the place of node-redis' own limit for commands.
 *
 * Throws when the client is none of these, or an option is wrong. Calls reject when Redis fails or is late, and say why.
 *
 * @example
 * const client = await createClient().on('error', console.error).connect()
 * const store = redisStore(client)
 *
 * @example
 * const notify = await client.duplicate().connect()
 * const store = redisStore(client, { notify })
 */
export function redisStore(
  client: RedisClient,
  options: RedisStoreOptions & { readonly notify: RedisSubscriber },
): NotifyingRedisStore
export function redisStore(client: RedisClient, options?: RedisStoreOptions): RedisStore
export function redisStore(
  client: RedisClient,
  options: RedisStoreOptions = {},
): RedisStore | NotifyingRedisStore {
  const commands = commandsOf(client, options.timeout)
  const { cluster = isCluster(client), notify } = options
  if (typeof cluster !== 'boolean') throw new Error('cluster must be true or false.')
  const link = redisLink(commands, options)
  if (notify === undefined) return redisRecords(link, cluster)
  const { name, watch } = redisChannel(notify, link)
  return { ...redisRecords(link, cluster, name), watch }
}

function commandsOf(client: RedisClient, timeout?: number): RedisCommands {
  if (has(client, 'evalSha', 'eval', 'hmGet')) {
    const inTime = withdrawing(client, timeout)
    return {
      hmget: (key, fields) => inTime().hmGet(key, [...fields]),
      evalsha: (sha, keys, args) => inTime().evalSha(sha, { keys: [...keys], arguments: [...args] }),
      eval: (script, keys, args) => inTime().eval(script, { keys: [...keys], arguments: [...args] }),
    }
  }
  // A function has a `call` as well.
  if (has(client, 'call') && typeof client.status === 'string') {
    return {
      hmget: (key, fields) => client.call('HMGET', [key, ...fields]),
      evalsha: (sha, keys, args) => client.call('EVALSHA', [sha, `${keys.length}`, ...keys, ...args]),
      eval: (script, keys, args) => client.call('EVAL', [script, `${keys.length}`, ...keys, ...args]),
    }
  }
  throw new Error(
    'redisStore needs a client of node-redis (createClient, createCluster) or ioredis (Redis, Cluster); for @upstash/redis there is upstashStore.',
  )
}

/**
 * A client that does not send any more what it could not send in time. node-redis does so by itself, by a signal and a
 * timer for each command that cost more than the command; here those of the same millisecond share one.
 */
function withdrawing(client: NodeRedisClient, timeout = defaultTimeout): () => NodeRedisClient {
  let [current, since] = [client, -Infinity]
  return () => {
    const now = performance.now()
    if (now - since >= 1 && client.withCommandOptions !== undefined) {
      // The call, which tells more, is to fail first; and no timer is longer than this.
      const abortSignal = AbortSignal.timeout(Math.min(timeout + 10, 2 ** 31 - 1))
      current = client.withCommandOptions({ timeout: 0, abortSignal })
      since = now
    }
    return current
  }
}

/** ioredis says so itself; of node-redis' clients, only that of a cluster hands out a node. */
function isCluster(client: RedisClient): boolean {
  return ('isCluster' in client && client.isCluster) || has(client, 'nodeClient')
}

function has<Name extends string>(
  client: RedisClient,
  ...names: Name[]
): client is Extract<RedisClient, { readonly [name in Name]: unknown }> {
  const methods = Object(client) as Record<string, unknown>
  return names.every((name) => typeof methods[name] === 'function')
}
