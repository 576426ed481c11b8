import type { AtomicStore, SessionId, StoredRecord, UserIndexedStore } from '@coatcheck/core'
import { attempt, pause } from './sql-attempt.ts'
import type { SqlDatabase, SqlParameter } from './sql-database.ts'
import { statementsFor } from './sql-dialect.ts'
import { decodeText, encodeText } from './sql-text.ts'

export { d1, mysql, postgres, sqlite } from './sql-database.ts'
export type {
  D1Binding,
  MysqlCallbackClient,
  MysqlClient,
  PostgresClient,
  SqlDatabase,
  SqliteConnection,
  SqlParameter,
  SqlResult,
} from './sql-database.ts'
export type { SqlDialect } from './sql-dialect.ts'

/** Options of {@link sqlStore}. */
export interface SqlStoreOptions {
  /** The table, with its schema if it needs one: `'app.sessions'` (default `'sessions'`). */
  readonly table?: string
  /**
   * How long the database may take for a call, in milliseconds (default 2000). Then the call rejects. A write may
   * have been done all the same.
   */
  readonly timeout?: number
  /** The clock, in milliseconds since the epoch (default `Date.now`). The database's own is never asked. */
  readonly now?: () => number
}

/** Options of {@link SqlStore.prune}. */
export interface PruneOptions {
  /** How many rows one statement removes at most (default 1000). */
  readonly batch?: number
}

/** A store in a table. */
export interface SqlStore extends AtomicStore, UserIndexedStore {
  /** The statements that create the table and its indexes, for those who migrate by hand. */
  schema(): string
  /** Creates the table and its indexes where they are not there. Safe to call at each start, by many at once. */
  createSchema(): Promise<void>
  /**
   * Removes the rows that expired more than a minute ago, in batches. Run it now and then: nothing depends on it
   * but the size of the table.
   *
   * @returns How many there were.
   */
  prune(options?: PruneOptions): Promise<number>
}

/** Clocks differ: what has expired here may be alive for another server, so it is left for a while. In milliseconds. */
const slack = 60_000

/** An index over a table that is full already takes its time. In milliseconds. */
const schemaTimeout = 60_000

/** What PostgreSQL says when two create the same table at the same time; the second time it is there. */
const createdMeanwhile = ['23505', '42P07', '42710']

/**
 * A store over SQLite, D1, PostgreSQL, MySQL or MariaDB. Reading is one statement, and so is writing. Every value
 * is bound.
 *
 * @example
 * ```ts
 * const store = sqlStore(postgres(new Pool({ connectionString: process.env.DATABASE_URL })))
 * await store.createSchema()
 * ```
 */
export function sqlStore(database: SqlDatabase, options: SqlStoreOptions = {}): SqlStore {
  const { now = Date.now, table = 'sessions', timeout = 2000 } = options
  expectDatabase(database)
  expectPositive('timeout', timeout)
  const sql = statementsFor(database.dialect, table)

  /** Runs a statement that writes. Gives how many rows it has changed. */
  async function change(purpose: string, sql: string, parameters: readonly SqlParameter[]): Promise<number> {
    return (await attempt(database, { purpose, sql, parameters, timeout })).changes
  }

  async function select(
    purpose: string,
    sql: string,
    parameters: readonly SqlParameter[],
  ): Promise<readonly Row[]> {
    const { rows } = await attempt(database, { purpose, sql, parameters, timeout })
    return rows as unknown as readonly Row[]
  }

  async function get(id: SessionId): Promise<StoredRecord | null> {
    const [row] = await select('read a session', sql.get, [id, now()])
    return row === undefined ? null : recordOf(row)
  }

  async function create(id: SessionId, next: StoredRecord): Promise<boolean> {
    const insert = (...condition: number[]): Promise<number> =>
      change('create a session', sql.create, [id, ...valuesOf(next), ...condition])
    if (sql.replaceExpired === null) return (await insert(now())) === 1
    if ((await insert()) === 1) return true
    const replaced = await change('replace an expired session', sql.replaceExpired, [
      ...valuesOf(next),
      id,
      now(),
    ])
    // Neither free nor expired: alive, or removed between the two; only in the second case it is free now.
    return replaced === 1 || (await insert()) === 1
  }

  return {
    get,
    async set(id, record) {
      await change('write a session', sql.set, [id, ...valuesOf(record)])
    },
    async delete(id) {
      await change('delete a session', sql.delete, [id])
    },
    async compareAndSet(id, next, expected) {
      if (expected === 0) return next === null ? (await get(id)) === null : create(id, next)
      if (next === null) return (await change('remove a session', sql.remove, [id, expected, now()])) === 1
      return (await change('write a session', sql.update, [...valuesOf(next), id, expected, now()])) === 1
    },
    async listByUser(userId) {
      const rows = await select("list a user's sessions", sql.listByUser, [encodeText(userId), now()])
      return new Map(rows.map((row) => [row.id as SessionId, recordOf(row)]))
    },
    async deleteByUser(userId, except) {
      // Expired rows go too, uncounted: a server whose clock is behind could prolong them. They go first, so that
      // one which is prolonged at this moment meets the second statement.
      const [purpose, whose] = ["delete a user's sessions", [encodeText(userId), except ?? '']]
      await change(purpose, sql.deleteExpiredByUser, [...whose, now()])
      let deleted = 0
      // PostgreSQL shows a statement the rows from when it began. A rotation that runs meanwhile makes the new row
      // before it gives the old one up, so who has missed the one finds the other when it looks again.
      for (let pass = 0; ; pass++) {
        const found = await change(purpose, sql.deleteByUser, whose)
        deleted += found
        if (found === 0 && pass > 0) return deleted
      }
    },
    schema: () => sql.schema.map((statement) => `${statement};\n`).join(''),
    async createSchema() {
      for (const statement of sql.schema) {
        await attempt(database, {
          purpose: 'create its table',
          sql: statement,
          parameters: [],
          timeout: Math.max(timeout, schemaTimeout),
          transient: createdMeanwhile,
        })
      }
    },
    async prune({ batch = 1000 } = {}) {
      expectPositive('batch', batch)
      let pruned = 0
      for (;;) {
        const removed = await change('prune', sql.prune, [now() - slack, batch])
        pruned += removed
        if (removed < batch) return pruned
        // A synchronous driver would keep everybody else waiting.
        await pause(0)
      }
    },
  }
}

/** A row as drivers give it: large numbers may be text or BigInt. */
interface Row {
  readonly id: string
  readonly payload: string
  readonly expires_at: number | string | bigint
  readonly user_id: string | null
  readonly version: number | string | bigint
}

function recordOf(row: Row): StoredRecord {
  return {
    payload: decodeText(row.payload),
    expiresAt: Number(row.expires_at),
    userId: row.user_id === null ? null : decodeText(row.user_id),
    version: Number(row.version),
  }
}

/** In the order of the columns. */
function valuesOf({ expiresAt, payload, userId, version }: StoredRecord): SqlParameter[] {
  return [encodeText(payload), expiresAt, userId === null ? null : encodeText(userId), version]
}

function expectPositive(option: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return
  throw new Error(`The option '${option}' is ${value}; it must be a whole number, at least 1.`)
}

function expectDatabase(database: SqlDatabase): void {
  const known: readonly unknown[] = ['sqlite', 'postgres', 'mysql']
  if (known.includes((database as SqlDatabase | undefined)?.dialect) && typeof database.query === 'function')
    return
  throw new Error(
    'sqlStore() was given something else than a database; wrap the driver: sqlStore(postgres(pool)), and likewise sqlite(), d1(), mysql().',
  )
}
