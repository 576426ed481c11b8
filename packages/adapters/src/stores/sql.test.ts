import { describe, expect, test } from 'vitest'
import { newId, payloads, recordOf, users } from '../../../../test/support/sql-records.ts'
import { decodeText, encodeText, longestUserId } from './sql-text.ts'
import { d1, mysql, postgres, sqlite, sqlStore, type SqlDatabase, type SqlDialect } from './sql.ts'

const dialects: readonly SqlDialect[] = ['sqlite', 'postgres', 'mysql']

/** A database that has nothing and notes what it is asked. */
function recorder(dialect: SqlDialect): { database: SqlDatabase; asked: [string, readonly unknown[]][] } {
  const asked: [string, readonly unknown[]][] = []
  const query: SqlDatabase['query'] = async (sql, parameters) => {
    asked.push([sql, parameters])
    return { rows: [], changes: 0 }
  }
  return { database: { dialect, query }, asked }
}

describe.each(dialects)('%s: the text of a statement', (dialect) => {
  test('never depends on a value, and has a place for each', async () => {
    const { asked, database } = recorder(dialect)
    const store = sqlStore(database)
    const statements = new Set<string>()
    const attacks = ["'; DROP TABLE sessions; --", '"; --', '`; --', '/*']
    for (const [at, evil] of [...users, ...payloads, ...attacks].entries()) {
      const record = recordOf({
        payload: evil,
        userId: at % 3 === 0 ? null : evil,
        version: at,
        expiresAt: at,
      })
      const id = evil as ReturnType<typeof newId>
      await store.get(id)
      await store.set(id, record)
      await store.delete(id)
      await store.compareAndSet(id, record, 0)
      await store.compareAndSet(id, record, at + 1)
      await store.compareAndSet(id, null, at + 1)
      await store.listByUser(evil)
      await store.deleteByUser(evil)
      await store.deleteByUser(evil, id)
      await store.prune({ batch: at + 1 })
      for (const [sql, parameters] of asked.splice(0)) {
        statements.add(sql)
        expect(sql.split('?').length - 1).toBe(parameters.length)
      }
      // MySQL has one more, which replaces what has expired.
      expect(statements.size).toBe(dialect === 'mysql' ? 11 : 10)
    }
  })

  test.each(['sessions', 'app.sessions', '_s1', 'S', 'x'.repeat(48)])('takes the table %s', async (table) => {
    const { asked, database } = recorder(dialect)
    await sqlStore(database, { table }).get(newId())
    const quote = dialect === 'mysql' ? '`' : '"'
    expect(asked[0]![0]).toContain(`FROM ${quote}${table.replace('.', `${quote}.${quote}`)}${quote} WHERE`)
  })

  test.each([
    '',
    'a b',
    'a"',
    'a`',
    "a'",
    'a;',
    'a--',
    'a.b.c',
    '.a',
    'a.',
    '1a',
    'ä',
    'a\n',
    'a\0',
    '$1',
    '?',
    'x'.repeat(49),
  ])('refuses the table %j', (table) => {
    expect(() => sqlStore(recorder(dialect).database, { table })).toThrow(/'table'.*letters, digits/)
  })
})

describe('a call', () => {
  const busy = [
    { code: '40001' },
    { code: '40P01' },
    { code: 'ER_LOCK_DEADLOCK', errno: 1213 },
    { code: 'ER_CHECKREAD', errno: 1020 },
    { code: 'SQLITE_BUSY' },
    { code: 'SQLITE_BUSY_SNAPSHOT' },
    { code: 'ERR_SQLITE_ERROR', errcode: 5 },
    { code: 'ERR_SQLITE_ERROR', errcode: 517 },
  ]

  test.each(busy)('is repeated after %j, which has done nothing', async (properties) => {
    let left = 3
    const query = async (): Promise<{ rows: []; changes: number }> => {
      if (left-- > 0) throw Object.assign(new Error('busy'), properties)
      return { rows: [], changes: 1 }
    }
    expect(await sqlStore({ dialect: 'sqlite', query }).compareAndSet(newId(), recordOf(), 4)).toBe(true)
  })

  test('is not repeated after any other error', async () => {
    let calls = 0
    const cause = Object.assign(new Error('terminating connection'), { code: '57P01' })
    const query = async (): Promise<never> => {
      calls++
      throw cause
    }
    const call = sqlStore({ dialect: 'postgres', query }).compareAndSet(newId(), recordOf(), 1)
    await expect(call).rejects.toMatchObject({
      message: 'The SQL store could not write a session: terminating connection.',
      cause,
    })
    expect(calls).toBe(1)
  })

  test('ends when time is up, whether the database is silent or busy', async () => {
    const silent = sqlStore({ dialect: 'mysql', query: () => new Promise(() => {}) }, { timeout: 20 })
    await expect(silent.get(newId())).rejects.toThrow('did not answer within 20 ms')
    const query = async (): Promise<never> => {
      throw Object.assign(new Error('database is locked'), { errcode: 5 })
    }
    const locked = sqlStore({ dialect: 'sqlite', query }, { timeout: 20 }).get(newId())
    await expect(locked).rejects.toMatchObject({ cause: { cause: { message: 'database is locked' } } })
  })

  test('that reads is one statement, and so is one that writes', async () => {
    for (const dialect of dialects) {
      const { asked, database } = recorder(dialect)
      const written: SqlDatabase = {
        ...database,
        query: async (sql, values) => ({ ...(await database.query(sql, values)), changes: 1 }),
      }
      const store = sqlStore(written)
      await store.get(newId())
      expect(await store.compareAndSet(newId(), recordOf(), 0)).toBe(true)
      expect(await store.compareAndSet(newId(), recordOf(), 1)).toBe(true)
      expect(await store.compareAndSet(newId(), null, 1)).toBe(true)
      await store.set(newId(), recordOf())
      await store.delete(newId())
      expect(asked).toHaveLength(6)
    }
  })
})

describe('mysql', () => {
  // Which of the two happened is seen by inserting once more.
  test.each([
    ['an id that is taken is refused', [0, 0, 0], false],
    ['what has expired is replaced', [0, 1], true],
    ['an id that is given up between the two statements is free', [0, 0, 1], true],
  ] as const)('%s', async (_, changes, written) => {
    const left: number[] = [...changes]
    const query = async (): Promise<{ rows: []; changes: number }> => ({ rows: [], changes: left.shift()! })
    expect(await sqlStore({ dialect: 'mysql', query }).compareAndSet(newId(), recordOf(), 0)).toBe(written)
    expect(left).toEqual([])
  })

  test('numbers are bound as text: MySQL 8 refuses the DOUBLE of the driver after LIMIT', async () => {
    const bound: unknown[] = []
    const execute = async (_: string, parameters: readonly unknown[]): Promise<[unknown, unknown]> => {
      bound.push(...parameters)
      return [{ affectedRows: 0 }, undefined]
    }
    await sqlStore(mysql({ execute }), { now: () => 100_000 }).prune({ batch: 5 })
    expect(bound).toEqual(['40000', '5'])
  })

  test('a pool with callbacks is asked for its promises', async () => {
    const execute = async (): Promise<[unknown, unknown]> => [
      [{ payload: 'x', expires_at: 1, user_id: null, version: 1 }],
      [],
    ]
    const pool = { execute() {}, promise: () => ({ execute }) }
    expect(await sqlStore(mysql(pool)).get(newId())).toMatchObject({ payload: 'x' })
  })
})

describe('numbers', () => {
  test.each([
    ['text', '1700000000000', '3'],
    ['BigInt', 1_700_000_000_000n, 3n],
  ])('may come as %s', async (_, expires_at, version) => {
    const row = { payload: 'x', expires_at, user_id: null, version }
    const store = sqlStore({ dialect: 'mysql', query: async () => ({ rows: [row], changes: 0 }) })
    expect(await store.get(newId())).toStrictEqual({
      payload: 'x',
      expiresAt: 1_700_000_000_000,
      userId: null,
      version: 3,
    })
  })
})

describe('something else than the driver', () => {
  test.each([
    ['sqlite', sqlite, 'DatabaseSync'],
    ['d1', d1, 'env.DB'],
    ['postgres', postgres, 'Pool'],
    ['mysql', mysql, 'mysql2/promise'],
  ] as const)('is refused by %s()', (name, wrap, wanted) => {
    for (const wrong of [undefined, null, {}, 'postgres://', () => {}, { prepare: 1 }]) {
      expect(() => wrap(wrong as never)).toThrow(new RegExp(`${name}\\(\\) was given.*${wanted}`))
    }
  })

  test('is refused by the store', () => {
    for (const wrong of [
      undefined,
      null,
      {},
      { query() {} },
      { dialect: 'oracle', query() {} },
      { dialect: 'sqlite' },
    ]) {
      expect(() => sqlStore(wrong as never)).toThrow(/wrap the driver/)
    }
  })

  test.each([0, -1, 1.5, NaN, Infinity])('a timeout of %d is refused', (timeout) => {
    expect(() => sqlStore(recorder('sqlite').database, { timeout })).toThrow("'timeout'")
  })
})

describe('text', () => {
  test('is decoded to what it was, and is different for different text', () => {
    const texts = [...users, ...payloads]
    for (const text of texts) expect(decodeText(encodeText(text))).toBe(text)
    expect(new Set(texts.map(encodeText)).size).toBe(new Set(texts).size)
  })

  test('holds nothing that a database could refuse or change', () => {
    for (const text of [...users, ...payloads]) {
      expect(encodeText(text).isWellFormed()).toBe(true)
      expect(encodeText(text).replaceAll('\u001B', '')).not.toMatch(/\p{Cc}/u)
    }
  })

  test('of a user fits its column', () => {
    const bytes = users.map((user) => new TextEncoder().encode(encodeText(user)).length)
    expect(Math.max(...bytes)).toBe(longestUserId)
  })
})
