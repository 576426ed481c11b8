import { createSessionManager, type SessionEvent, type SessionId } from '@coatcheck/core'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { startRedis, until } from '../../../../test/support/redis-server.ts'
import { redisStore, type RedisClient } from './redis.ts'

const [server, replica] = await Promise.all([
  startRedis(['--appendonly', 'yes', '--appendfsync', 'always']),
  startRedis(),
])
const ioRedis = new Redis(server.url, { retryStrategy: () => 20 })
const nodeRedis = createClient({ url: server.url, socket: { reconnectStrategy: 20 } })
for (const client of [ioRedis, nodeRedis]) client.on('error', () => {})
await nodeRedis.connect()
await replica.command('REPLICAOF', '127.0.0.1', server.port)

afterAll(async () => {
  ioRedis.disconnect()
  nodeRedis.destroy()
  await Promise.all([server[Symbol.asyncDispose](), replica[Symbol.asyncDispose]()])
})

const record = { payload: 'secret-payload', expiresAt: Date.now() + 3_600_000, userId: 'ann', version: 1 }
const idOf = (name: string): SessionId => name.padEnd(43, '_') as SessionId

/** Asks until the client has found back to its server. */
const reconnected = (client: RedisClient): Promise<void> =>
  until(async () => {
    await redisStore(client, { timeout: 500 }).get(idOf('any'))
    return true
  }, 'The client did not reconnect')

describe.for([
  { driver: 'ioredis', client: ioRedis },
  { driver: 'node-redis', client: nodeRedis },
])('with $driver', ({ driver, client }) => {
  const events: SessionEvent[] = []
  const sessions = createSessionManager<{ views: number }>({
    secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
    store: redisStore(client, { timeout: 300 }),
    onEvent: (event) => events.push(event),
  })
  const visit = async (cookie?: string): Promise<[views: string, cookie: string]> => {
    const headers: HeadersInit = cookie === undefined ? {} : { cookie }
    const response = await sessions.handle(new Request('https://shop.test/', { headers }), (session) => {
      session.update('views', (views = 0) => views + 1)
      return new Response(`${session.get('views')}`)
    })
    return [await response.text(), response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie ?? '']
  }
  const failure = { code: 'ERR_SESSION_STORE' }

  afterEach(() => {
    server.thaw()
    events.length = 0
  })

  test('a server that is down is an error, never a new session; after its return the session is there', async () => {
    const [, cookie] = await visit()
    await server.stop()
    await expect(visit(cookie)).rejects.toMatchObject(failure)
    expect(events.map((event) => event.type)).toEqual(['created', 'store-failure'])
    await server.start()
    await reconnected(client)
    expect((await visit(cookie))[0]).toBe('2')
  })

  test('a server that hangs is an error in time; when it goes on, so do the sessions', async () => {
    const [, cookie] = await visit()
    server.freeze()
    const error: unknown = await visit(cookie).catch((reason: unknown) => reason)
    expect(error).toMatchObject(failure)
    expect(String((error as Error).cause)).toContain('Redis did not answer within 300 ms')
    server.thaw()
    await reconnected(client)
    expect(Number((await visit(cookie))[0])).toBeGreaterThanOrEqual(2)
  })

  test('a connection that is cut under load loses no acknowledged write and counts none twice', async () => {
    const store = redisStore(client)
    const one = idOf(`cut-${driver}`)
    await store.set(one, { ...record, payload: '0' })
    const cuts: Promise<unknown>[] = []
    let [acknowledged, unknown] = [0, 0]
    for (let version = 1; version <= 300; version++) {
      const next = { ...record, payload: `${version}`, version: version + 1 }
      const written = Promise.resolve(store.compareAndSet(one, next, version))
      if (version % 25 === 0) cuts.push(server.command('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => {}))
      const outcome = await written.catch(() => null)
      if (outcome === null) {
        unknown++
        await reconnected(client)
        version = (await store.get(one))!.version - 1
      } else {
        expect(outcome).toBe(true)
        acknowledged++
      }
    }
    // The last cut must not fall into the next test.
    await Promise.all(cuts)
    await reconnected(client)
    console.log(`redis: ${acknowledged} writes acknowledged, ${unknown} cut off (${driver})`)
    expect((await store.get(one))?.version).toBe(301)
  })

  test('no acknowledged write is lost when the server is killed', async () => {
    const store = redisStore(client)
    const one = idOf(`killed-${driver}`)
    let acknowledged = 0
    await store.set(one, record)
    const writing = (async () => {
      for (let version = 1; ; version++) {
        await store.compareAndSet(one, { ...record, version: version + 1 }, version)
        acknowledged = version + 1
      }
    })().catch(() => {})
    await until(async () => acknowledged > 50, 'There were no writes')
    await server.stop('SIGKILL')
    await writing
    await server.start()
    await reconnected(client)
    expect((await store.get(one))?.version).toBeGreaterThanOrEqual(acknowledged)
    expect([...(await store.listByUser('ann')).keys()]).toContain(one)
  })

  test('scripts that the server was told to forget are sent again', async () => {
    const [, cookie] = await visit()
    await server.command('SCRIPT', 'FLUSH')
    expect((await visit(cookie))[0]).toBe('2')
  })
})

test('what node-redis could not send in time is not sent later, when the call has failed long ago', async () => {
  const own = createClient({ url: server.url, socket: { reconnectStrategy: 20 } })
  await own.on('error', () => {}).connect()
  const hasty = redisStore(own, { timeout: 100 })
  await server.stop()
  const write = async (name: string): Promise<void> => hasty.set(idOf(name), record)
  await expect(write('late')).rejects.toThrow('Redis did not answer within 100 ms (write).')
  await server.start()
  await reconnected(own)
  const store = redisStore(own)
  await store.set(idOf('in-time'), record)
  expect(await store.get(idOf('late'))).toBeNull()
  expect(await store.get(idOf('in-time'))).toEqual(record)
  own.destroy()
})

describe('a failure says what to do, and does not carry the session', () => {
  test('on a replica', async () => {
    const reader = new Redis(replica.url)
    const write = async (): Promise<void> => redisStore(reader).set(idOf('x'), record)
    const error: unknown = await write().catch((reason: unknown) => reason)
    expect(String(error)).toMatch(/Redis failed at write: .*READONLY.*connect the client to the primary/)
    expect(JSON.stringify([String(error), (error as Error).cause ?? null])).not.toContain('secret-payload')
    await reader.quit()
  })

  test('on a server that wants a password', async () => {
    const guarded = await startRedis()
    await guarded.command('CONFIG', 'SET', 'requirepass', 'secret')
    const client = new Redis(guarded.url)
    client.on('error', () => {})
    await expect(redisStore(client).get(idOf('x'))).rejects.toThrow(/NOAUTH.*Give the client a user/)
    client.disconnect()
    await guarded[Symbol.asyncDispose]()
  })

  test('with a client that was not connected', async () => {
    const idle = createClient({ url: server.url })
    await expect(redisStore(idle).get(idOf('x'))).rejects.toThrow(/Call connect\(\)/)
  })

  test('with a client that is not to wait for a server', async () => {
    const hasty = new Redis(9, { enableOfflineQueue: false, retryStrategy: () => null, lazyConnect: true })
    hasty.on('error', () => {})
    await expect(redisStore(hasty).get(idOf('x'))).rejects.toThrow(/Redis failed at read: /)
    hasty.disconnect()
  })
})
