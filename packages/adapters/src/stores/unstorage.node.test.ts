import { mkdtempSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSessionManager, type SessionEvent, type SessionId, type StoredRecord } from '@coatcheck/core'
import { testStore } from '@coatcheck/core/testing'
import { createStorage, type Driver } from 'unstorage'
import fsDriver from 'unstorage/drivers/fs'
import memoryDriver from 'unstorage/drivers/memory'
import { afterAll, describe, expect, test } from 'vitest'
import { unstorageStore, type UnstorageLike } from './unstorage.ts'

const base = mkdtempSync(join(tmpdir(), 'coatcheck-unstorage-'))
afterAll(() => rm(base, { recursive: true, force: true }))

const drivers: [name: string, make: () => Driver][] = [
  ['memory', () => memoryDriver()],
  ['fs', () => fsDriver({ base })],
]

for (const [name, make] of drivers) {
  testStore(`unstorageStore over ${name}`, () => unstorageStore(createStorage({ driver: make() })), {
    describe,
    test,
  })
}

function newId(): SessionId {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url') as SessionId
}

function recordOf(fields: Partial<StoredRecord> = {}): StoredRecord {
  return { payload: '{}', expiresAt: Date.now() + 3_600_000, userId: null, version: 1, ...fields }
}

/** Remembers the options of each write. */
function spied(): { driver: Driver; options: unknown[]; keys: string[] } {
  const [options, keys]: [unknown[], string[]] = [[], []]
  const memory = memoryDriver()
  const driver: Driver = {
    ...memory,
    setItem(key, value, given) {
      options.push(given)
      keys.push(key)
      return memory.setItem!(key, value, given)
    },
  }
  return { driver, options, keys }
}

describe.for(drivers)('over %s', ([, make]) => {
  const texts = [
    'true',
    'null',
    'undefined',
    '1',
    '12345678901234567890',
    '""',
    '"a"',
    '{"a":1}',
    '[1]',
    ' ',
    '',
    '{"__proto__":{"a":1}}',
    'base64:AAAA',
    'a\0b',
    'Grüße, 世界 👋',
    '\ud800',
    '\ufeffx',
    'x\r\n\u2028y',
  ]

  test.for(texts)('a text comes back as it was, and as a text: %j', async (text) => {
    const store = unstorageStore(createStorage({ driver: make() }))
    const [id, record] = [newId(), recordOf({ payload: text, userId: text })]
    await store.set(id, record)
    expect(await store.get(id)).toEqual(record)
  })

  test('ids that differ in case only are kept apart, also where it does not count', async () => {
    const { driver, keys } = spied()
    const store = unstorageStore(createStorage({ driver }))
    for (const end of ['aaaaA', 'AAAAA', 'aAaAA'])
      await store.set(('x'.repeat(38) + end) as SessionId, recordOf())
    expect(new Set(keys.map((key) => key.toLowerCase())).size).toBe(3)
  })
})

describe('the life of an item', () => {
  test.for([
    [-5000, 60],
    [1, 61],
    [90_000, 150],
  ])('is told to drivers that can forget, with a minute of slack: %i ms', async ([left, ttl]) => {
    const { driver, options } = spied()
    const store = unstorageStore(createStorage({ driver }), { now: () => 1_000_000 })
    await store.set(newId(), recordOf({ expiresAt: 1_000_000 + left! }))
    expect(options).toEqual([{ ttl }])
  })

  test('ends at its expiry, although the driver has it still', async () => {
    let now = 1_000_000
    const storage = createStorage()
    const store = unstorageStore(storage, { now: () => now })
    const [id, record] = [newId(), recordOf({ expiresAt: now + 1000 })]
    await store.set(id, record)
    now += 999
    expect(await store.get(id)).toEqual(record)
    now += 1
    expect(await store.get(id)).toBeNull()
    expect(await storage.getKeys()).toHaveLength(1)
  })
})

describe('an item of somebody else', () => {
  const values = [
    'text',
    7,
    true,
    [],
    {},
    { payload: 1, expiresAt: 1 },
    { payload: 'x', expiresAt: 1, version: 1, userId: 2 },
  ]

  test.for(values)('is an error that says what to do, not an absent session: %j', async (value) => {
    const storage = createStorage()
    const store = unstorageStore(storage)
    const id = newId()
    await store.set(id, recordOf())
    await storage.setItem((await storage.getKeys())[0]!, value)
    await expect(store.get(id)).rejects.toThrow(/holds something else.*prefix/)
  })

  test('that was cut short on the disk is an error as well', async () => {
    const folder = join(base, 'torn')
    const store = unstorageStore(createStorage({ driver: fsDriver({ base: folder }) }))
    const id = newId()
    await store.set(id, recordOf())
    const [file] = await readdir(join(folder, 'session'))
    for (const text of ['', '{"payload":"']) {
      await writeFile(join(folder, 'session', file!), text)
      await expect(store.get(id)).rejects.toThrow('holds something else')
    }
  })
})

describe('the prefix', () => {
  test('stands before each key, and chooses the mount', async () => {
    const storage = createStorage()
    const [one, two] = [spied(), spied()]
    storage.mount('a', one.driver)
    storage.mount('b', two.driver)
    await unstorageStore(storage, { prefix: 'a:x:' }).set(newId(), recordOf())
    expect([one.keys, two.keys]).toEqual([[expect.stringMatching(/^x:[0-9a-f]{86}$/)], []])
  })

  test.for(['a b', 'a?', ':a', 'a::b', 'a/b', '..:', 'a:.:', 'ä'])(
    'is refused when unstorage would rewrite it: %s',
    (prefix) => {
      expect(() => unstorageStore(createStorage(), { prefix })).toThrow('option prefix')
    },
  )
})

describe('a failure', () => {
  const broken = (
    method: 'getItem' | 'setItem' | 'removeItem',
    how: () => Promise<never>,
  ): UnstorageLike => ({
    getItem: async () => null,
    setItem: async () => {},
    removeItem: async () => {},
    [method]: how,
  })
  const calls = {
    getItem: (storage: UnstorageLike) => unstorageStore(storage, { timeout: 5 }).get(newId()),
    setItem: (storage: UnstorageLike) => unstorageStore(storage, { timeout: 5 }).set(newId(), recordOf()),
    removeItem: (storage: UnstorageLike) => unstorageStore(storage, { timeout: 5 }).delete(newId()),
  }

  test.for(['getItem', 'setItem', 'removeItem'] as const)('of %s rejects and says why', async (method) => {
    const cause = new Error('down')
    const failed = calls[method](broken(method, () => Promise.reject(cause)))
    await expect(failed).rejects.toMatchObject({
      message: expect.stringMatching(/^unstorage could not .*: down/),
      cause,
    })
  })

  test.for(['getItem', 'setItem', 'removeItem'] as const)('to answer is one: %s', async (method) => {
    const failed = calls[method](broken(method, () => new Promise(() => {})))
    await expect(failed).rejects.toThrow('took longer than 5 ms')
  })
})

test('a start-up event says what the store cannot do', async () => {
  const events: SessionEvent[] = []
  const store = unstorageStore(createStorage(), { consistency: 'eventual' })
  const secrets = ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'] as const
  const sessions = createSessionManager({ secrets, store, onEvent: (event) => events.push(event) })
  await sessions.handle(new Request('https://shop.test/'), () => new Response())
  expect(events).toMatchObject([{ type: 'last-write-wins', consistency: 'eventual' }])
  expect('consistency' in unstorageStore(createStorage())).toBe(false)
})

describe('construction', () => {
  test('refuses what is no storage', () => {
    for (const wrong of [undefined, null, {}, 'redis://'] as unknown[]) {
      expect(() => unstorageStore(wrong as UnstorageLike)).toThrow('createStorage({ driver })')
    }
  })

  test('refuses a driver that would drop every write without a word', () => {
    const { getItem, getKeys, hasItem } = memoryDriver()
    const driver: Driver = { name: 'reader', getItem, getKeys, hasItem }
    expect(() => unstorageStore(createStorage({ driver }))).toThrow(
      'driver reader at "session:" cannot write',
    )
  })

  test('refuses a timeout that no timer can keep', () => {
    for (const timeout of [0, -1, NaN, Infinity, 2 ** 31]) {
      expect(() => unstorageStore(createStorage(), { timeout })).toThrow('option timeout')
    }
  })
})
