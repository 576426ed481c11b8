import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SessionId, StoredRecord } from '@coatcheck/core'
import { Miniflare } from 'miniflare'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StoreAnswer, StoreCall } from '../../../../test/support/session-worker.ts'
import { durableObjectStore, type SessionNamespace } from './durable-object.ts'

const folder = mkdtempSync(join(tmpdir(), 'coatcheck-object-'))
let script: string
let workers: Miniflare

/** The Worker of the tests, with the packages from their sources. */
async function bundled(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('../../../../test/support/session-worker.ts', import.meta.url)),
    platform: 'neutral',
    resolve: { conditionNames: ['coatcheck-source', 'workerd', 'import', 'default'] },
    logLevel: 'warn',
  })
  try {
    return (await bundle.generate({ format: 'esm', codeSplitting: false })).output[0].code
  } finally {
    await bundle.close()
  }
}

function startWorkers(useSQLite = true): Miniflare {
  return new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    modules: true,
    script,
    compatibilityDate: '2026-07-01',
    durableObjects: { SESSIONS: { className: 'Probe', useSQLite } },
    durableObjectsPersist: useSQLite ? folder : false,
    handleStructuredLogs() {},
  })
}

beforeAll(async () => {
  script = await bundled()
  workers = startWorkers()
  await workers.ready
}, 60_000)

afterAll(async () => {
  await workers.dispose()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

async function call(
  method: StoreCall['method'],
  args: StoreCall['args'],
  options: { now?: number; on?: Miniflare } = {},
): Promise<StoreAnswer> {
  const { on = workers, now } = options
  const order: StoreCall = { method, args, ...(now === undefined ? {} : { now }) }
  const body = JSON.stringify(order)
  const response = await on.dispatchFetch('https://shop.test/call', { method: 'POST', body })
  return (await response.json()) as StoreAnswer
}

interface Inside {
  readonly keys: string[]
  readonly alarm: number | null
}

async function inside(name: string, doing: 'probe' | 'wake' | 'age' = 'probe'): Promise<Inside> {
  const query = new URLSearchParams({ name, do: doing })
  return (await (await workers.dispatchFetch(`https://shop.test/object?${query}`)).json()) as Inside
}

/** Asks until the object keeps nothing, since its alarm goes off by itself. */
async function emptied(name: string): Promise<Inside> {
  let found = await inside(name)
  for (let asked = 0; asked < 500 && found.keys.length > 0; asked++) found = await inside(name)
  return found
}

function newId(): SessionId {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url') as SessionId
}

function recordOf(fields: Partial<StoredRecord> = {}): StoredRecord {
  return { payload: '{}', expiresAt: Date.now() + 3_600_000, userId: null, version: 1, ...fields }
}

function userObject(userId: string): string {
  return `user:${JSON.stringify(userId)}`
}

test('keeps the contract of a store, races included', { timeout: 120_000 }, async () => {
  const response = await workers.dispatchFetch('https://shop.test/contract?actors=2')
  const { faults, ran } = (await response.json()) as { faults: string[]; ran: number }
  expect(faults).toEqual([])
  expect(ran).toBeGreaterThan(20)
})

test('a session that is rotated while its user is revoked is gone', async () => {
  const response = await workers.dispatchFetch('https://shop.test/revocation')
  expect(await response.json()).toBe(true)
})

test('loses none of many parallel updates of one session', async () => {
  const first = await workers.dispatchFetch('https://shop.test/count')
  const cookie = first.headers.getSetCookie()[0]!.split(';')[0]!
  const visit = async (path: string): Promise<{ count: number }> => {
    const response = await workers.dispatchFetch(`https://shop.test${path}`, { headers: { cookie } })
    expect(response.status).toBe(200)
    return (await response.json()) as { count: number }
  }
  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: 10 }, () => visit('/count')))
  expect(await visit('/')).toMatchObject({ count: 101 })
})

test('lets one of a hundred parallel writers win', async () => {
  const id = newId()
  const writes = Array.from({ length: 100 }, (_, at) =>
    call('compareAndSet', [id, recordOf({ payload: `${at}` }), 0]),
  )
  const won = (await Promise.all(writes)).flatMap(({ value }, at) => (value === true ? [at] : []))
  expect(won).toHaveLength(1)
  expect((await call('get', [id])).value).toMatchObject({ payload: `${won[0]}` })
})

describe('the calls', () => {
  test('are one for a read, one for an anonymous write, and two for that of a user', async () => {
    const id = newId()
    expect((await call('get', [id])).calls).toEqual(['session read'])
    expect((await call('compareAndSet', [id, recordOf(), 0])).calls).toEqual(['session write'])
    const bound = recordOf({ userId: 'calls', version: 2 })
    expect((await call('compareAndSet', [id, bound, 1])).calls).toEqual(['session write', 'user enter'])
    expect((await call('listByUser', ['calls'])).calls).toEqual(['user entries', 'session read'])
    expect((await call('delete', [id])).calls).toEqual(['session write'])
  })

  test('of a list grow with the sessions of that user only', async () => {
    const ids = Array.from({ length: 40 }, newId)
    await Promise.all(ids.map((id) => call('set', [id, recordOf({ userId: 'many' })])))
    await Promise.all(ids.map(() => call('set', [newId(), recordOf({ userId: 'others' })])))
    const { calls, value } = await call('listByUser', ['many'])
    expect((value as [SessionId, unknown][]).map(([id]) => id).toSorted()).toEqual(ids.toSorted())
    expect(calls).toHaveLength(41)
    expect((await call('deleteByUser', ['many', ids[0]])).value).toBe(39)
  })
})

describe('texts', () => {
  const texts = [
    'true',
    '1',
    'a\0b',
    'Grüße, 世界 👋',
    '\ud800',
    '\udc00x',
    '__proto__',
    '"',
    'x'.repeat(255),
    '界'.repeat(255),
  ]

  test.for(texts)('come back as they were, and no two users are mixed up: %j', async (text) => {
    const [id, record] = [newId(), recordOf({ payload: text, userId: text })]
    expect((await call('set', [id, record])).error).toBeUndefined()
    expect((await call('get', [id])).value).toEqual(record)
    expect((await call('listByUser', [text])).value).toEqual([[id, record]])
    expect((await call('deleteByUser', [text])).value).toBe(1)
  })
})

describe('the index of a user', () => {
  test('forgets what leads nowhere, but only when no write can be on its way any more', async () => {
    const [gone, left, kept] = [newId(), newId(), newId()]
    for (const id of [gone, left, kept]) await call('set', [id, recordOf({ userId: 'index' })])
    await call('delete', [gone])
    await call('set', [left, recordOf({ userId: 'another' })])
    expect((await call('listByUser', ['index'])).calls).not.toContain('user forget')
    expect((await inside(userObject('index'))).keys).toHaveLength(3)
    await inside(userObject('index'), 'age')
    expect((await call('listByUser', ['index'])).calls).toContain('user forget')
    expect((await inside(userObject('index'))).keys).toEqual([`entry:${kept}`])
  })

  test('never ends what belongs to another by now', async () => {
    const id = newId()
    await call('set', [id, recordOf({ userId: 'former' })])
    const record = recordOf({ userId: 'latter', version: 2 })
    await call('set', [id, record])
    expect((await call('deleteByUser', ['former'])).value).toBe(0)
    expect((await call('get', [id])).value).toEqual(record)
  })

  test('has every session whose writing was acknowledged, while others list it and tidy up', async () => {
    const id = newId()
    const record = recordOf({ userId: 'busy' })
    for (let round = 0; round < 20; round++) {
      await call('delete', [id])
      await inside(userObject('busy'), 'age')
      const lists = Array.from({ length: 4 }, () => call('listByUser', ['busy']))
      const [written] = await Promise.all([call('compareAndSet', [id, record, 0]), ...lists])
      expect(written.value).toBe(true)
      expect((await call('listByUser', ['busy'])).value).toEqual([[id, record]])
    }
  })
})

describe('the end', () => {
  test('comes a minute after expiry, by an alarm that removes the whole object', async () => {
    const [id, userId] = [newId(), 'ended']
    const past = Date.now() - 60_500
    await call('set', [id, recordOf({ userId, expiresAt: past })])
    expect(await emptied(`session:${id}`)).toEqual({ keys: [], alarm: null })
    expect(await emptied(userObject(userId))).toEqual({ keys: [], alarm: null })
  })

  test('is set by the first write, and later ones do not pay for moving it', async () => {
    const id = newId()
    const expiresAt = Date.now() + 100_000
    await call('set', [id, recordOf({ expiresAt })])
    expect((await inside(`session:${id}`)).alarm).toBe(expiresAt + 60_000)
    await call('set', [id, recordOf({ expiresAt: expiresAt + 5000 })])
    expect((await inside(`session:${id}`)).alarm).toBe(expiresAt + 60_000)
    await call('set', [id, recordOf({ expiresAt: expiresAt - 5000 })])
    expect((await inside(`session:${id}`)).alarm).toBe(expiresAt + 55_000)
  })

  test('is put off by an alarm that comes too early', async () => {
    const id = newId()
    const expiresAt = Date.now() + 100_000
    await call('set', [id, recordOf({ expiresAt, userId: 'early' })])
    for (const name of [`session:${id}`, userObject('early')]) {
      const { alarm, keys } = await inside(name, 'wake')
      expect([keys.length, alarm]).toEqual([1, expiresAt + 60_000])
    }
  })

  test('of one session leaves the others of its user in the index', async () => {
    const [dead, alive] = [newId(), newId()]
    const expiresAt = Date.now() + 100_000
    await call('set', [alive, recordOf({ expiresAt, userId: 'partly' })])
    await call('set', [dead, recordOf({ expiresAt: Date.now() - 61_000, userId: 'partly' })])
    const { alarm, keys } = await inside(userObject('partly'), 'wake')
    expect([keys, alarm]).toEqual([[`entry:${alive}`], expiresAt + 60_000])
  })

  test('of a deleted session leaves nothing behind', async () => {
    const id = newId()
    await call('set', [id, recordOf()])
    await call('delete', [id])
    expect(await inside(`session:${id}`)).toEqual({ keys: [], alarm: null })
  })

  test("is told by the store's clock, not by that of the object", async () => {
    const id = newId()
    const expiresAt = Date.now() + 100_000
    await call('set', [id, recordOf({ expiresAt })])
    const now = expiresAt
    expect((await call('get', [id], { now: now - 1 })).value).not.toBeNull()
    expect((await call('get', [id], { now })).value).toBeNull()
    expect((await call('compareAndSet', [id, recordOf(), 1], { now })).value).toBe(false)
    expect((await call('compareAndSet', [id, recordOf(), 0], { now })).value).toBe(true)
  })
})

describe('a failure', () => {
  test('of a class without SQLite says what to do', async () => {
    const old = startWorkers(false)
    try {
      expect((await call('get', [newId()], { on: old })).error).toMatch(/could not read.*new_sqlite_classes/)
    } finally {
      await old.dispose()
    }
  })

  test('to answer ends the waiting', async () => {
    const silent: SessionNamespace = {
      idFromName: String,
      get: () => ({ fetch: () => new Promise(() => {}) }),
    }
    await expect(durableObjectStore(silent, { timeout: 5 }).get(newId())).rejects.toThrow('longer than 5 ms')
  })

  test('of the object is never "not there"', async () => {
    const broken: SessionNamespace = {
      idFromName: String,
      get: () => ({ fetch: async () => new Response('Out of memory', { status: 500 }) }),
    }
    await expect(durableObjectStore(broken).get(newId())).rejects.toThrow('500 Out of memory')
  })

  test('is a write whose user could not be put into the index', async () => {
    const broken: SessionNamespace<string> = {
      idFromName: String,
      get: (name) => ({
        fetch: async () =>
          name.startsWith('user:') ? new Response('', { status: 500 }) : Response.json(true),
      }),
    }
    const store = durableObjectStore(broken)
    expect(await store.compareAndSet(newId(), recordOf(), 0)).toBe(true)
    await expect(store.compareAndSet(newId(), recordOf({ userId: 'ann' }), 0)).rejects.toThrow(
      'could not enter',
    )
  })

  test('at construction names the namespace', () => {
    for (const wrong of [undefined, null, {}, { get() {} }]) {
      expect(() => durableObjectStore(wrong as unknown as SessionNamespace)).toThrow('env.SESSIONS')
    }
    expect(() => durableObjectStore({} as SessionNamespace, { timeout: 0 })).toThrow()
  })
})

test('sessions outlive the runtime', async () => {
  const [id, record] = [newId(), recordOf({ userId: 'restart' })]
  await call('set', [id, record])
  await workers.dispose()
  workers = startWorkers()
  expect((await call('get', [id])).value).toEqual(record)
  expect((await call('listByUser', ['restart'])).value).toEqual([[id, record]])
  expect((await inside(`session:${id}`)).alarm).toBe(record.expiresAt + 60_000)
})
