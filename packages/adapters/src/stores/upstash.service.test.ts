import { createSessionManager, type SessionId } from '@coatcheck/core'
import { testStore } from '@coatcheck/core/testing'
import { Redis as UpstashRedis } from '@upstash/redis'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { startRedis } from '../../../../test/support/redis-server.ts'
import { startUpstashRest } from '../../../../test/support/upstash-rest.ts'
import { redisStore } from './redis.ts'
import { upstashStore } from './upstash.ts'

const server = await startRedis()
const rest = await startUpstashRest(server.port)
const { token, url } = rest
const upstash = new UpstashRedis({ url, token })
const literal = new UpstashRedis({ url, token, automaticDeserialization: false, enableAutoPipelining: false })
const plain = new UpstashRedis({ url, token, responseEncoding: false })
const ioRedis = new Redis(server.url)

afterAll(async () => {
  await ioRedis.quit()
  await rest[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

testStore('upstash', () => upstashStore(upstash), { describe, test, actors: 2 })
testStore('upstash without its conveniences', () => upstashStore(literal), { describe, test, actors: 2 })

const id = (name: string): SessionId => name.padEnd(43, '_') as SessionId
const record = { payload: '{"a":[1,"2"]}', expiresAt: Date.now() + 60_000, userId: '12', version: 1 }

describe('texts that look like JSON', () => {
  const texts = ['{"a":1}', '[1]', '"text"', '1', '1e400', '9007199254740993', 'null', 'true', 'OK', '', ':x']

  test.for(texts)('come back as texts: %s', async (text) => {
    for (const client of [upstash, literal, plain]) {
      const [store, one] = [upstashStore(client), id(`text-${texts.indexOf(text)}`)]
      await store.set(one, { ...record, payload: text, userId: text })
      expect(await store.get(one)).toEqual({ ...record, payload: text, userId: text })
      expect([...(await store.listByUser(text)).keys()]).toEqual([one])
      await store.delete(one)
    }
  })
})

test('the two doors share their records and their user index', async () => {
  const [http, wire] = [upstashStore(upstash), redisStore(ioRedis)]
  await http.set(id('a'), record)
  await wire.set(id('b'), record)
  expect(await wire.get(id('a'))).toEqual(record)
  expect(await http.compareAndSet(id('b'), { ...record, version: 2 }, 1)).toBe(true)
  expect((await wire.listByUser('12')).get(id('b'))?.version).toBe(2)
  expect(await http.deleteByUser('12', id('a'))).toBe(1)
  expect(await wire.deleteByUser('12')).toBe(1)
})

test('a request takes one HTTP request to read and one to write', async () => {
  const sessions = createSessionManager<{ views: number }>({
    secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
    store: upstashStore(upstash),
  })
  const visit = async (cookie: string, change: boolean): Promise<[response: Response, requests: number]> => {
    const before = rest.requests.length
    const response = await sessions.handle(
      new Request('https://shop.test/', { headers: cookie === '' ? {} : { cookie } }),
      (session) => {
        if (change) session.update('views', (views = 0) => views + 1)
        return new Response(`${session.get('views')}`)
      },
    )
    return [response, rest.requests.length - before]
  }
  const [first, created] = await visit('', true)
  const cookie = first.headers.getSetCookie()[0]!.split(';')[0]!
  expect([created, (await visit('', false))[1]]).toEqual([1, 0])
  expect((await visit(cookie, false))[1]).toBe(1)
  expect((await visit(cookie, true))[1]).toBe(2)
})

test('a write whose answer is lost and that the client sends again counts once', async () => {
  const store = upstashStore(new UpstashRedis({ url, token, retry: { retries: 2, backoff: () => 1 } }))
  const next = { ...record, userId: null, payload: 'second', version: 2 }
  await store.set(id('again'), { ...record, userId: null })
  rest.loseAnswers(1)
  expect(await store.compareAndSet(id('again'), next, 1)).toBe(true)
  expect(await store.compareAndSet(id('again'), next, 1)).toBe(false)
})

describe('a failure', () => {
  test('is an error that says what failed, and does not carry the session', async () => {
    const store = upstashStore(new UpstashRedis({ url, token: 'wrong' }))
    const call = async (): Promise<void> => store.set(id('x'), { ...record, payload: 'secret-payload' })
    const error = await call().then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(String(error)).toMatch(/Redis failed at write: .*WRONGPASS.* Give the client/)
    expect(JSON.stringify([String(error), (error as Error).cause ?? null])).not.toContain('secret-payload')
  })

  test('is no answer within the timeout', async () => {
    server.freeze()
    const call = upstashStore(upstash, { timeout: 100 }).get(id('x'))
    await expect(call).rejects.toThrow('Redis did not answer within 100 ms')
    server.thaw()
    expect(await upstashStore(upstash).get(id('x'))).toBeNull()
  })

  test('is no REST server', async () => {
    const client = new UpstashRedis({ url: 'http://127.0.0.1:9', token, retry: false })
    await expect(upstashStore(client).get(id('x'))).rejects.toThrow(/Redis failed at read/)
  })
})

test('what is no client of Upstash is refused, and told which door is right', () => {
  expect(() => upstashStore(ioRedis as never)).toThrow(/redisStore/)
  expect(() => upstashStore({} as never)).toThrow(/upstash/)
  expect(() => redisStore(upstash as never)).toThrow(/upstashStore/)
})
