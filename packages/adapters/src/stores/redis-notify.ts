import type { SessionId } from '@coatcheck/core'
import type { RedisLink } from './redis-link.ts'
import type { RedisRecords } from './redis-records.ts'

/** The part of node-redis' `createClient` that is used to subscribe. */
export interface NodeRedisSubscriber {
  pSubscribe(pattern: string, listener: (message: string, channel: string) => void): Promise<unknown>
  subscribe(channel: string, listener: (message: string, channel: string) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (message: string, channel: string) => void): Promise<unknown>
  ping(): Promise<unknown>
  on(event: 'ready', listener: () => void): unknown
}

/** The part of ioredis' and iovalkey's `Redis` that is used to subscribe. */
export interface IoRedisSubscriber {
  readonly status: string
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'ready', listener: () => void): unknown
}

/** A connection that is used for nothing else. */
export type RedisSubscriber = NodeRedisSubscriber | IoRedisSubscriber

/** Records whose ends are told: core's `WatchableStore`. */
export interface WatchableRedisRecords extends RedisRecords {
  /** Calls the listener with ids whose sessions may have ended, and with null when a message may have been missed. */
  watch(listener: (id: SessionId | null) => void): Promise<() => void>
}

/** Where ends are published, and how they are heard of. */
export interface RedisChannel {
  readonly name: string
  readonly watch: WatchableRedisRecords['watch']
}

/**
 * The channel of the sessions of a link. Redis does not keep messages for a subscriber that is away; once it is
 * back and its subscription stands again, the listeners are told to look at everything.
 *
 * Throws when the subscriber is of another kind.
 */
export function redisChannel(subscriber: RedisSubscriber, { ask, prefix }: RedisLink): RedisChannel {
  const name = `${prefix}ended`
  const listeners = new Set<(id: SessionId | null) => void>()
  const tell = (id: SessionId | null): void => {
    for (const listener of listeners) listener(id)
  }
  const { start, stop } = subscription(subscriber, name, (id) => tell(id as SessionId))
  let started: Promise<unknown> | null = null
  let hearsReturns = false

  return {
    name,
    async watch(listener) {
      const own = (id: SessionId | null): void => listener(id)
      listeners.add(own)
      const leave = (): void => {
        if (!listeners.delete(own) || listeners.size > 0) return
        started = null
        // A connection that is being closed needs no farewell.
        stop().catch(() => {})
      }
      if (!hearsReturns) onReturn(subscriber, () => tell(null))
      hearsReturns = true
      started ??= ask('subscribe', start)
      try {
        await started
      } catch (error) {
        leave()
        throw error
      }
      return leave
    },
  }
}

/** Each driver subscribes in its own way. */
function subscription(
  subscriber: RedisSubscriber,
  name: string,
  tell: (id: string) => void,
): { start(): Promise<unknown>; stop(): Promise<unknown> } {
  if (isNodeRedis(subscriber)) {
    const listener = (message: string): void => tell(message)
    return {
      start: () => subscriber.subscribe(name, listener),
      stop: () => subscriber.unsubscribe(name, listener),
    }
  }
  if (!isIoRedis(subscriber)) {
    throw new Error('notify needs a second client of node-redis or ioredis: client.duplicate().')
  }
  let listening = false
  return {
    start() {
      // Its messages are events, of all channels together.
      if (!listening) subscriber.on('message', (channel, message) => void (channel === name && tell(message)))
      listening = true
      return subscriber.subscribe(name)
    },
    stop: () => subscriber.unsubscribe(name),
  }
}

/** Both drivers subscribe again by themselves; the answer to a ping comes after that was done. */
function onReturn(subscriber: RedisSubscriber, tell: () => void): void {
  const ping = (): void => void subscriber.ping().then(tell, tell)
  if (isNodeRedis(subscriber)) subscriber.on('ready', ping)
  else subscriber.on('ready', ping)
}

function isNodeRedis(subscriber: RedisSubscriber): subscriber is NodeRedisSubscriber {
  return typeof (Object(subscriber) as Partial<NodeRedisSubscriber>).pSubscribe === 'function'
}

function isIoRedis(subscriber: RedisSubscriber): subscriber is IoRedisSubscriber {
  const { on, status, subscribe } = Object(subscriber) as Partial<IoRedisSubscriber>
  return typeof status === 'string' && typeof subscribe === 'function' && typeof on === 'function'
}
