import { createSessionManager, type SessionEvent, type SessionId, type StoredRecord } from '@coatcheck/core'
import { testStore } from '@coatcheck/core/testing'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { kvStore } from './kv.ts'

const kv = env.SESSIONS
const secret = 'kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'

testStore('kvStore', () => kvStore(kv), { describe, test })

/** An id that no other test has. */
function newId(): SessionId {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '') as SessionId
}

function recordUntil(expiresAt: number): StoredRecord {
  return { payload: '{"format":1}', expiresAt, userId: 'ann', version: 3 }
}

/** Seconds from `now` until KV forgets the entry. */
async function lifeOf(key: string, now: number): Promise<number> {
  const { keys } = await kv.list({ prefix: key })
  return keys[0]!.expiration! - now / 1000
}

describe('the life of an entry', () => {
  test.for([1, 59, 60, 61, 90, 3600])(
    'is that of the record, but at least the 60 s that KV demands: %i s',
    async (seconds) => {
      const now = Date.now()
      const id = newId()
      await kvStore(kv, { now: () => now }).set(id, recordUntil(now + seconds * 1000))
      const life = await lifeOf(`session:${id}`, now)
      // KV counts from its own clock, which has moved on, and in whole seconds.
      expect(life).toBeGreaterThan(Math.max(60, seconds) - 2)
      expect(life).toBeLessThan(Math.max(60, seconds) + 10)
    },
  )

  test('of a record that has expired already is no error', async () => {
    const now = Date.now()
    const id = newId()
    const store = kvStore(kv, { now: () => now })
    await store.set(id, recordUntil(now - 1))
    expect(await store.get(id)).toBeNull()
  })

  test('KV itself refuses less than 60 s', async () => {
    await expect(kv.put(newId(), 'x', { expirationTtl: 59 })).rejects.toThrow('60')
  })

  test.for([
    { when: 'a second before', offset: -1000, found: true },
    { when: 'at', offset: 0, found: false },
    { when: 'a second after', offset: 1000, found: false },
  ])('$when its expiry a record is found: $found, although KV has it still', async ({ offset, found }) => {
    let now = Date.now()
    const id = newId()
    const record = recordUntil(now + 10_000)
    const store = kvStore(kv, { now: () => now })
    await store.set(id, record)
    now += 10_000 + offset
    expect(await store.get(id)).toEqual(found ? record : null)
    expect(await kv.get(`session:${id}`)).not.toBeNull()
  })
})

describe('the prefix', () => {
  test("stands before each id, and is 'session:' by default", async () => {
    const [one, two] = [newId(), newId()]
    await kvStore(kv).set(one, recordUntil(Date.now() + 60_000))
    await kvStore(kv, { prefix: 'admin/' }).set(two, recordUntil(Date.now() + 60_000))
    expect(await kv.get(`session:${one}`)).not.toBeNull()
    expect(await kv.get(`admin/${two}`)).not.toBeNull()
    expect(await kv.get(two)).toBeNull()
  })

  test('keeps two stores in one namespace apart', async () => {
    const id = newId()
    const [shop, admin] = [kvStore(kv, { prefix: 'shop:' }), kvStore(kv, { prefix: 'admin:' })]
    const record = recordUntil(Date.now() + 60_000)
    await shop.set(id, record)
    expect(await admin.get(id)).toBeNull()
    await admin.delete(id)
    expect(await shop.get(id)).toEqual(record)
    await shop.delete(id)
    expect(await shop.get(id)).toBeNull()
  })
})

describe('an entry of somebody else', () => {
  const entries = [
    'null',
    '"text"',
    '7',
    '[]',
    '{}',
    '{"payload":1,"expiresAt":1}',
    '{"payload":"x"}',
    'no JSON',
    '',
  ]

  test.for(entries)('is an error that says what to do, not an absent session: %s', async (text) => {
    const id = newId()
    await kv.put(`session:${id}`, text)
    await expect(kvStore(kv).get(id)).rejects.toThrow(/holds something else.*prefix/)
  })

  test('is never taken for "not logged in"', async () => {
    const events: SessionEvent[] = []
    const sessions = createSessionManager<{ views: number }>({
      secrets: [secret],
      store: kvStore(kv),
      onEvent: (event) => events.push(event),
    })
    const response = await sessions.handle(new Request('https://shop.test/'), (session) => {
      session.set('views', 1)
      return new Response('Hi')
    })
    const cookie = response.headers.getSetCookie()[0]!.split(';')[0]!
    const [, id] = /=([^.]+)/.exec(cookie)!
    await kv.put(`session:${id}`, '{"theirs":true}')
    const request = new Request('https://shop.test/', { headers: { cookie } })
    await expect(sessions.load(request)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(events).toMatchObject([
      { type: 'last-write-wins', consistency: 'eventual' },
      { type: 'created' },
      { type: 'store-failure', operation: 'get' },
    ])
  })
})
