import { createSessionManager, type SessionId } from '@coatcheck/core'
import { Cluster, Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, describe, expect, test } from 'vitest'
import { createUserSessions } from '../../../core/src/user-sessions.ts'
import { startRedis, startRedisCluster, until } from '../../../../test/support/redis-server.ts'
import { redisStore, type NotifyingRedisStore } from './redis.ts'

const [server, cluster] = await Promise.all([startRedis(), startRedisCluster()])
const { url } = server
const quiet = (): void => {}
const retry = { retryStrategy: () => 20 }

const ioRedis = new Redis(url, retry)
const ioSubscriber = new Redis(url, retry)
const prefixed = new Redis(url, { ...retry, keyPrefix: 'shop:' })
const prefixedSubscriber = prefixed.duplicate()
const nodeRedis = createClient({ url, socket: { reconnectStrategy: 20 } })
const nodeSubscriber = nodeRedis.duplicate()
const ioCluster = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
const clusterSubscriber = new Redis(cluster.nodes[2]!.port)
for (const client of [ioRedis, ioSubscriber, prefixed, prefixedSubscriber, ioCluster, clusterSubscriber]) {
  client.on('error', quiet)
}
for (const client of [nodeRedis, nodeSubscriber]) await client.on('error', quiet).connect()

afterAll(async () => {
  for (const client of [ioRedis, ioSubscriber, prefixed, prefixedSubscriber, ioCluster, clusterSubscriber]) {
    client.disconnect()
  }
  for (const client of [nodeRedis, nodeSubscriber]) client.destroy()
  await Promise.all([server[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()])
})

/** A server of the application, and another one that has the socket: two stores over the same data. */
const pairs: readonly [string, () => [server: NotifyingRedisStore, other: NotifyingRedisStore]][] = [
  [
    'node-redis to ioredis',
    () => [redisStore(ioRedis, { notify: ioSubscriber }), redisStore(nodeRedis, { notify: nodeSubscriber })],
  ],
  [
    'ioredis to node-redis',
    () => [redisStore(nodeRedis, { notify: nodeSubscriber }), redisStore(ioRedis, { notify: ioSubscriber })],
  ],
  [
    'ioredis with a key prefix',
    () => {
      const store = redisStore(prefixed, { notify: prefixedSubscriber, prefix: 'prefixed:' })
      return [store, store]
    },
  ],
  [
    "ioredis' cluster",
    () => {
      const store = redisStore(ioCluster, { notify: clusterSubscriber })
      return [store, store]
    },
  ],
]

describe.for(pairs)('%s', ([, make]) => {
  const [listening, acting] = make()
  const sessions = createSessionManager<{ views: number }>({
    secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
    store: acting,
  })
  const watching = createUserSessions(listening)
  const users = createUserSessions(acting)
  type Act = Parameters<typeof sessions.handle<Response>>[1]

  async function visit(cookie: string, act: (session: Parameters<Act>[0]) => void): Promise<string> {
    const request = new Request('https://shop.test/', { headers: cookie === '' ? {} : { cookie } })
    const response = await sessions.handle(request, (session) => {
      act(session)
      return new Response()
    })
    return response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
  }
  const login = (user: string): Promise<string> => visit('', (session) => session.login(user))
  const idOf = (cookie: string): SessionId => cookie.split('=')[1]!.split('.')[0] as SessionId

  /** Waits for the end of a session; gives how often it was told. */
  async function watch(cookie: string): Promise<() => number> {
    let ends = 0
    await watching.onRevoked(idOf(cookie), () => void ends++)
    return () => ends
  }
  const told = (ends: () => number): Promise<void> => until(async () => ends() > 0, 'Nobody was told')

  const ends: readonly [string, (cookie: string, user: string) => Promise<unknown>][] = [
    ['a logout', (cookie) => visit(cookie, (session) => session.destroy())],
    ['revoke', async (_, user) => users.revoke(user, (await users.list(user))[0]!.handle)],
    ['revokeAll', (_, user) => users.revokeAll(user)],
    ['a login in its place', (cookie, user) => visit(cookie, (session) => session.login(user))],
  ]

  test.for(ends)(
    '%s is heard of once, after rotations too, and no other session with it',
    async ([name, end]) => {
      const user = `ann-${name}`
      let cookie = await login(user)
      const others = await watch(await login('bob'))
      const heard = await watch(cookie)
      cookie = await visit(cookie, (session) => session.rotate())
      cookie = await visit(cookie, (session) => session.stepUp({}))
      await end(cookie, user)
      await told(heard)
      const last = await login(user)
      const again = await watch(last)
      await visit(last, (session) => session.destroy())
      await told(again)
      expect([heard(), again(), others()]).toEqual([1, 1, 0])
    },
  )

  test('the end of a session that nobody has signed in to is heard of', async () => {
    let cookie = await visit('', (session) => session.set('views', 1))
    const heard = await watch(cookie)
    cookie = await visit(cookie, (session) => session.rotate())
    await visit(cookie, (session) => session.destroy())
    await told(heard)
    expect(heard()).toBe(1)
  })
})

test.for([
  {
    driver: 'ioredis',
    store: () => redisStore(ioRedis, { notify: ioSubscriber, prefix: 'lost:' }),
  },
  {
    driver: 'node-redis',
    store: () => redisStore(nodeRedis, { notify: nodeSubscriber, prefix: 'lost:' }),
  },
])(
  'what was missed while the subscriber was away is found when it is back: $driver',
  async ({ driver, store }) => {
    const listening = store()
    const users = createUserSessions(listening)
    const id = `lost-${driver}`.padEnd(43, '_') as SessionId
    const payload = JSON.stringify({ format: 1, createdAt: 1, seenAt: 1, authenticatedAt: 1, data: {} })
    await listening.set(id, { payload, expiresAt: Date.now() + 60_000, userId: 'ann', version: 1 })
    let ends = 0
    await users.onRevoked(id, () => void ends++)
    // Removed behind everybody's back: no message tells of it.
    await server.command('DEL', `lost:${id}`)
    expect(ends).toBe(0)
    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(async () => ends > 0, 'Nobody looked')
    expect(ends).toBe(1)
  },
)

test('nothing is published without notify', async () => {
  const listener = new Redis(url)
  const heard: string[] = []
  listener.on('pmessage', (_pattern, channel: string, message: string) => heard.push(`${channel} ${message}`))
  await listener.psubscribe('silent:*', 'loud:*')
  const id = 'x'.padEnd(43, '_') as SessionId
  const record = { payload: '{}', expiresAt: Date.now() + 60_000, userId: null, version: 1 }
  const silent = redisStore(ioRedis, { prefix: 'silent:' })
  const loud = redisStore(ioRedis, { prefix: 'loud:', notify: ioSubscriber })
  for (const store of [silent, loud]) {
    await store.set(id, record)
    await store.delete(id)
  }
  await until(async () => heard.length > 0, 'Nothing was published')
  expect(heard).toEqual([`loud:ended ${id}`])
  listener.disconnect()
})

test.for([{}, null, 'redis://127.0.0.1', new Map()])('a stranger as notify is refused: %o', (stranger) => {
  expect(() => redisStore(ioRedis, { notify: stranger as never })).toThrow(/second client/)
})

test('a subscription that gets no answer is an error, and the next try counts', async () => {
  const late = createClient({ url })
  late.on('error', quiet)
  const listening = redisStore(ioRedis, { notify: late, timeout: 300, prefix: 'late:' })
  const users = createUserSessions(listening)
  const id = 'late'.padEnd(43, '_') as SessionId
  const payload = JSON.stringify({ format: 1, createdAt: 1, seenAt: 1, authenticatedAt: 1, data: {} })
  await listening.set(id, { payload, expiresAt: Date.now() + 60_000, userId: 'ann', version: 1 })
  const failure = { code: 'ERR_SESSION_STORE' }
  await expect(users.onRevoked(id, quiet)).rejects.toMatchObject(failure)
  await late.connect()
  let ends = 0
  await users.onRevoked(id, () => void ends++)
  expect(await users.revokeAll('ann')).toBe(1)
  await until(async () => ends > 0, 'Nobody was told')
  late.destroy()
})
