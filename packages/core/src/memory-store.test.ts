import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SessionId } from './crypto/token.ts'
import { SessionError } from './errors.ts'
import { memoryStore, type MemoryStore, type MemoryStoreOptions } from './memory-store.ts'
import type { StoredRecord } from './store/store.ts'

const idOf = (name: number | string): SessionId => `id-${name}` as SessionId

function recordOf(fields: Partial<StoredRecord> = {}): StoredRecord {
  return { payload: '{}', expiresAt: 1000, userId: null, version: 1, ...fields }
}

/** A store whose clock stands still until it is told. */
function open(options: MemoryStoreOptions = {}): {
  readonly store: MemoryStore
  readonly clock: { now: number }
} {
  const clock = { now: 0 }
  return { store: memoryStore({ now: () => clock.now, ...options }), clock }
}

/** The names whose records are there; looking changes the order of use, so this comes last. */
async function namesIn(
  store: MemoryStore,
  names: readonly (number | string)[],
): Promise<(number | string)[]> {
  const records = await Promise.all(names.map(async (name) => store.get(idOf(name))))
  return names.filter((_, at) => records[at] !== null)
}

test('a record is there until it expires, and not at that moment', async () => {
  const { store, clock } = open()
  await store.set(idOf('a'), recordOf())
  clock.now = 999
  expect(await store.get(idOf('a'))).toEqual(recordOf())
  clock.now = 1000
  expect(await store.get(idOf('a'))).toBeNull()
})

test('the clock is the runtime’s unless another is given', async () => {
  const store = memoryStore()
  await store.set(idOf('past'), recordOf({ expiresAt: Date.now() - 60_000 }))
  await store.set(idOf('future'), recordOf({ expiresAt: Date.now() + 60_000 }))
  expect(await namesIn(store, ['past', 'future'])).toEqual(['future'])
})

test.each([[0], [-1], [1.5], [Number.NaN], [Infinity], ['10'], [null]])(
  'maxEntries: %j is refused',
  (maxEntries) => {
    const make = () => memoryStore({ maxEntries: maxEntries as number })
    expect(make).toThrow(SessionError)
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  },
)

test.each<[string, (store: MemoryStore) => unknown, string]>([
  ['get', (store) => store.get(idOf('a')), 'b'],
  ['set', (store) => store.set(idOf('a'), recordOf()), 'b'],
  ['compareAndSet', (store) => store.compareAndSet(idOf('a'), recordOf({ version: 2 }), 1), 'b'],
  ['compareAndSet that fails', (store) => store.compareAndSet(idOf('a'), recordOf({ version: 3 }), 2), 'a'],
  ['listByUser', (store) => store.listByUser('ada'), 'a'],
])('beyond the limit, what was not used for longest is dropped: after %s', async (_, use, dropped) => {
  const { store } = open({ maxEntries: 3 })
  const names = ['a', 'b', 'c', 'd']
  for (const name of names.slice(0, 3)) await store.set(idOf(name), recordOf({ userId: 'ada' }))
  expect(store.size).toBe(3)
  await use(store)
  await store.set(idOf('d'), recordOf())
  expect(store.size).toBe(3)
  expect(await namesIn(store, names)).toEqual(names.filter((name) => name !== dropped))
})

test('a record that is written again takes no further place', async () => {
  const { store } = open({ maxEntries: 2 })
  for (const name of ['a', 'b', 'a', 'a']) await store.set(idOf(name), recordOf())
  expect(store.size).toBe(2)
  expect(await namesIn(store, ['a', 'b'])).toEqual(['a', 'b'])
})

test('a store of one record keeps the newest', async () => {
  const { store } = open({ maxEntries: 1 })
  for (const name of ['a', 'b', 'c']) await store.set(idOf(name), recordOf({ userId: 'ada' }))
  expect(await namesIn(store, ['a', 'b', 'c'])).toEqual(['c'])
  expect([...(await store.listByUser('ada')).keys()]).toEqual([idOf('c')])
})

test('asking for a session that is not there makes no room for an attacker to fill', async () => {
  const { store } = open({ maxEntries: 3 })
  await store.set(idOf('a'), recordOf())
  for (let guess = 0; guess < 100; guess++) await store.get(idOf(guess))
  expect(store.size).toBe(1)
})

test.each([
  ['get of an id that is not there', (store: MemoryStore) => store.get(idOf('none'))],
  [
    'set of one and the same record',
    (store: MemoryStore) => store.set(idOf('kept'), recordOf({ expiresAt: 9999 })),
  ],
  ['get of one and the same record', (store: MemoryStore) => store.get(idOf('kept'))],
])(
  'expired records leave without a timer: each is gone after as many calls as there were records: %s',
  async (_, call) => {
    const { store, clock } = open()
    await store.set(idOf('kept'), recordOf({ expiresAt: 9999 }))
    for (let name = 0; name < 500; name++) await store.set(idOf(name), recordOf({ userId: 'ada' }))
    expect(store.size).toBe(501)
    clock.now = 1000
    let calls = 0
    // Each call looks at two places, so a full round needs no more than this.
    while (store.size > 1 && calls < 2 * 501) {
      await call(store)
      calls++
    }
    expect(store.size).toBe(1)
    expect(await namesIn(store, ['kept'])).toEqual(['kept'])
  },
)

test('a call looks at a few records only, however many have expired', async () => {
  const { store, clock } = open()
  for (let name = 0; name < 1000; name++) await store.set(idOf(name), recordOf())
  clock.now = 1000
  await store.get(idOf('none'))
  await store.compareAndSet(idOf('new'), recordOf({ expiresAt: 9999 }), 0)
  await store.delete(idOf('none'))
  expect(store.size).toBeLessThan(1001)
  expect(store.size).toBeGreaterThanOrEqual(1001 - 6)
})

test.each(Array.from({ length: 16 }, (_, name) => [name]))(
  'of sixteen, the one that was not used for longest is dropped: %d',
  async (dropped) => {
    const { store } = open({ maxEntries: 16 })
    const names = Array.from({ length: 16 }, (_, name) => name)
    for (const name of names) await store.set(idOf(name), recordOf())
    for (const name of names) if (name !== dropped) await store.get(idOf(name))
    await store.set(idOf('new'), recordOf())
    expect(await namesIn(store, names)).toEqual(names.filter((name) => name !== dropped))
  },
)

test('in a big store as well, what is in use is not dropped', async () => {
  const { store } = open({ maxEntries: 2000 })
  for (let name = 0; name < 6000; name++) {
    await store.set(idOf(name), recordOf())
    expect(await store.get(idOf(0))).not.toBeNull()
  }
  expect(store.size).toBe(2000)
})

test('many records come and go, and each is found', async () => {
  const { store } = open()
  const expected = new Map<SessionId, StoredRecord>()
  for (let name = 0; name < 9000; name++) {
    const gone = idOf(name - 3000 + (name % 2))
    await store.delete(gone)
    expected.delete(gone)
    const record = recordOf({
      payload: `${name}`,
      userId: `user-${name % 100}`,
      version: name,
      expiresAt: 1000 + name,
    })
    await store.set(idOf(name), record)
    expected.set(idOf(name), record)
  }
  expect(store.size).toBe(expected.size)
  for (const [id, record] of expected) expect(await store.get(id)).toEqual(record)
  const ofUser = [...expected].filter(([, { userId }]) => userId === 'user-7')
  expect(await store.listByUser('user-7')).toEqual(new Map(ofUser))
})

test('what is kept is nobody’s to change', async () => {
  const { store } = open()
  const record = { payload: 'x', expiresAt: 1000, userId: 'ada', version: 1 }
  await store.set(idOf('a'), record)
  Object.assign(record, recordOf({ payload: 'y' }))
  Object.assign((await store.get(idOf('a')))!, recordOf({ payload: 'z' }))
  expect(await store.get(idOf('a'))).toEqual(recordOf({ payload: 'x', userId: 'ada' }))
})

test('records that live on are not swept', async () => {
  const { store, clock } = open()
  for (let name = 0; name < 50; name++)
    await store.set(idOf(name), recordOf({ expiresAt: name % 2 ? 9999 : 1000 }))
  clock.now = 1000
  for (let calls = 0; calls < 200; calls++) await store.get(idOf('none'))
  expect(store.size).toBe(25)
  const odd = Array.from({ length: 25 }, (_, at) => 2 * at + 1)
  expect(await namesIn(store, odd)).toEqual(odd)
})

test.each<[string, number, StoredRecord | null, number, boolean, StoredRecord | null]>([
  ['a new record over none', 0, recordOf({ version: 1 }), 0, true, recordOf({ version: 1 })],
  ['a newer one over the expected one', 3, recordOf({ version: 4 }), 3, true, recordOf({ version: 4 })],
  ['a new one over one that is there', 3, recordOf({ version: 1 }), 0, false, recordOf({ version: 3 })],
  ['a newer one over another than expected', 3, recordOf({ version: 3 }), 2, false, recordOf({ version: 3 })],
  ['a newer one over none', 0, recordOf({ version: 4 }), 3, false, null],
  ['nothing over the expected one', 3, null, 3, true, null],
  ['nothing over another than expected', 3, null, 2, false, recordOf({ version: 3 })],
  ['nothing over none', 0, null, 0, true, null],
])('compareAndSet: %s', async (_, before, next, expected, written, after) => {
  const { store } = open()
  if (before > 0) await store.set(idOf('a'), recordOf({ version: before }))
  expect(await store.compareAndSet(idOf('a'), next, expected)).toBe(written)
  expect(await store.get(idOf('a'))).toEqual(after)
})

test('for compareAndSet an expired record is absent', async () => {
  const { store, clock } = open()
  const next = recordOf({ version: 4, expiresAt: 9999 })
  await store.set(idOf('a'), recordOf({ version: 3 }))
  clock.now = 1000
  expect(await store.compareAndSet(idOf('a'), next, 3)).toBe(false)
  expect(await store.get(idOf('a'))).toBeNull()
  expect(await store.compareAndSet(idOf('a'), next, 0)).toBe(true)
  expect(await store.get(idOf('a'))).toEqual(next)
})

test('of many that compare and set at once, one wins', async () => {
  const { store } = open()
  await store.set(idOf('a'), recordOf())
  const wins = await Promise.all(
    Array.from({ length: 20 }, async (_, at) =>
      store.compareAndSet(idOf('a'), recordOf({ version: 2, payload: `${at}` }), 1),
    ),
  )
  expect(wins.filter(Boolean)).toHaveLength(1)
})

test('a user’s sessions are found, whichever way the records come and go', async () => {
  const { store, clock } = open()
  const of = async (userId: string): Promise<string[]> =>
    [...(await store.listByUser(userId)).keys()].toSorted()
  await store.set(idOf('a'), recordOf({ userId: 'ada' }))
  await store.compareAndSet(idOf('b'), recordOf({ userId: 'ada', expiresAt: 2000 }), 0)
  await store.set(idOf('c'), recordOf({ userId: 'bob', expiresAt: 2000 }))
  await store.set(idOf('d'), recordOf())
  expect([await of('ada'), await of('bob'), await of('eve')]).toEqual([['id-a', 'id-b'], ['id-c'], []])

  await store.set(idOf('c'), recordOf({ userId: 'ada' })) // goes over to another user
  await store.set(idOf('a'), recordOf()) // is logged out
  expect([await of('ada'), await of('bob')]).toEqual([['id-b', 'id-c'], []])

  clock.now = 1000 // c expires
  expect(await of('ada')).toEqual(['id-b'])
  await store.delete(idOf('b'))
  expect(await of('ada')).toEqual([])
})

test('the list holds the records themselves', async () => {
  const { store } = open()
  const record = recordOf({ userId: 'ada', payload: 'x' })
  await store.set(idOf('a'), record)
  expect(await store.listByUser('ada')).toEqual(new Map([[idOf('a'), record]]))
})

test('deleteByUser ends the sessions of one user, but not the one that is excepted', async () => {
  const { store, clock } = open()
  for (const name of ['a', 'b', 'c'])
    await store.set(idOf(name), recordOf({ userId: 'ada', expiresAt: 2000 }))
  await store.set(idOf('expired'), recordOf({ userId: 'ada' }))
  await store.set(idOf('other'), recordOf({ userId: 'bob', expiresAt: 2000 }))
  await store.set(idOf('nobody'), recordOf({ expiresAt: 2000 }))
  clock.now = 1000
  expect(await store.deleteByUser('ada', idOf('b'))).toBe(2)
  expect(await store.deleteByUser('ada', idOf('other'))).toBe(1)
  expect(await store.deleteByUser('ada')).toBe(0)
  expect(await store.deleteByUser('eve')).toBe(0)
  expect(await namesIn(store, ['a', 'b', 'c', 'expired', 'other', 'nobody'])).toEqual(['other', 'nobody'])
})

// Model-based: a list of entries in their order of use, with neither index nor sweeper.

interface Entry {
  readonly name: number
  readonly record: StoredRecord
}

const name = fc.nat({ max: 5 })
const record = fc.record({
  payload: fc.constantFrom('x', 'y'),
  expiresAt: fc.integer({ min: 1, max: 60 }),
  userId: fc.constantFrom(null, 'ada', 'bob'),
  version: fc.integer({ min: 1, max: 3 }),
})
const op = fc.oneof(
  fc.record({ do: fc.constant('get' as const), name }),
  fc.record({ do: fc.constant('set' as const), name, record }),
  fc.record({ do: fc.constant('delete' as const), name }),
  fc.record({
    do: fc.constant('cas' as const),
    name,
    record: fc.option(record),
    expected: fc.nat({ max: 3 }),
  }),
  fc.record({ do: fc.constant('deleteByUser' as const), name, userId: fc.constantFrom('ada', 'bob') }),
  fc.record({ do: fc.constant('wait' as const), span: fc.nat({ max: 10 }) }),
)

test('any sequence of calls does what it does to a plain list', async () => {
  const maxEntries = 4
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 40 }), async (ops) => {
      const { store, clock } = open({ maxEntries })
      // Expired entries stay in the model, since when the store sweeps them is its own affair.
      let entries: Entry[] = []
      const live = (): Entry[] => entries.filter(({ record }) => record.expiresAt > clock.now)
      const find = (name: number): Entry | undefined => live().find((entry) => entry.name === name)
      const drop = (name: number): void => void (entries = entries.filter((entry) => entry.name !== name))
      const use = (name: number, record: StoredRecord): void => {
        drop(name)
        entries.push({ name, record })
      }
      // The store evicts by what it holds, and may have swept expired ones: keep clear of the difference.
      const isCrowded = (name: number): boolean =>
        entries.filter((entry) => entry.name !== name).length >= maxEntries && live().length < entries.length

      for (const op of ops) {
        if (op.do === 'wait') clock.now += op.span
        else if (op.do === 'get') {
          const entry = find(op.name)
          expect(await store.get(idOf(op.name))).toEqual(entry?.record ?? null)
          if (entry !== undefined) use(op.name, entry.record)
        } else if (op.do === 'delete') {
          await store.delete(idOf(op.name))
          drop(op.name)
        } else if (op.do === 'deleteByUser') {
          const doomed = live().filter(({ name, record }) => record.userId === op.userId && name !== op.name)
          expect(await store.deleteByUser(op.userId, idOf(op.name))).toBe(doomed.length)
          for (const { name } of doomed) drop(name)
        } else if (!isCrowded(op.name)) {
          const written = op.do === 'set' || (find(op.name)?.record.version ?? 0) === op.expected
          if (op.do === 'set') await store.set(idOf(op.name), op.record)
          else expect(await store.compareAndSet(idOf(op.name), op.record, op.expected)).toBe(written)
          if (written && op.record === null) drop(op.name)
          else if (written) use(op.name, op.record!)
          entries = entries.slice(-maxEntries)
        }
        for (const userId of ['ada', 'bob']) {
          const expected = live().filter(({ record }) => record.userId === userId)
          expect(await store.listByUser(userId)).toEqual(
            new Map(expected.map(({ name, record }) => [idOf(name), record])),
          )
        }
        expect(store.size).toBeGreaterThanOrEqual(live().length)
        expect(store.size).toBeLessThanOrEqual(maxEntries)
      }
      const alive = live().map(({ name }) => name)
      expect(await namesIn(store, [0, 1, 2, 3, 4, 5])).toEqual(alive.toSorted((a, b) => a - b))
    }),
    { seed: 4, numRuns: 500 },
  )
})

test('who watches hears of what is removed or nobody’s, once it can be read, and of nothing else', async () => {
  const { store } = open({ maxEntries: 2 })
  const heard: string[] = []
  const look = async (id: SessionId): Promise<void> => {
    const now = await store.get(id)
    heard.push(`${id} ${now?.version}`)
  }
  const stop = await store.watch((id) => void look(id!))
  await store.set(idOf('a'), recordOf({ userId: 'ada' }))
  await store.compareAndSet(idOf('a'), recordOf({ userId: 'ada', version: 2 }), 1)
  await store.compareAndSet(idOf('a'), recordOf({ version: 9 }), 1)
  await store.delete(idOf('b'))
  expect(heard).toEqual([])
  await store.compareAndSet(idOf('a'), recordOf({ version: 3 }), 2)
  expect(heard).toEqual(['id-a 3'])
  await store.compareAndSet(idOf('a'), null, 3)
  for (const name of ['c', 'd']) await store.set(idOf(name), recordOf({ userId: 'ada' }))
  await store.deleteByUser('ada', idOf('d'))
  for (const name of ['e', 'f']) await store.set(idOf(name), recordOf())
  expect(heard.slice(1)).toEqual(['id-a undefined', 'id-c undefined', 'id-d undefined'])
  stop()
  await store.delete(idOf('f'))
  expect(heard).toHaveLength(4)
})
