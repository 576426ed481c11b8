import type { SqlDialect } from './sql-dialect.ts'

/** A value that is bound to a `?`. */
export type SqlParameter = string | number | null

/** What a statement gave. */
export interface SqlResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** How many rows a statement that writes has matched. */
  readonly changes: number
}

/** What the store needs of a database; the wrappers make it of the common drivers. */
export interface SqlDatabase {
  readonly dialect: SqlDialect
  /** Runs one statement in a transaction of its own. Each `?` in it stands for a value; there is no other `?`. */
  query(sql: string, parameters: readonly SqlParameter[]): Promise<SqlResult>
}

/** The part of a connection of `node:sqlite` or `better-sqlite3` that is used. */
export interface SqliteConnection {
  prepare(sql: string): {
    all(...parameters: SqlParameter[]): unknown[]
    run(...parameters: SqlParameter[]): { readonly changes: number | bigint }
  }
  close(): unknown
}

/** The part of a D1 binding that is used. */
export interface D1Binding {
  prepare(sql: string): {
    bind(...parameters: SqlParameter[]): {
      all(): Promise<{ readonly results: unknown[]; readonly meta: { readonly changes?: number } }>
    }
  }
  batch: unknown
}

/** The part of a pool or client of `pg`, or of PGlite, that is used. */
export interface PostgresClient {
  query(
    sql: string,
    parameters: SqlParameter[],
  ): Promise<{
    readonly rows: unknown[]
    readonly rowCount?: number | null
    readonly affectedRows?: number
  }>
}

/** The part of a pool or connection of `mysql2/promise` that is used. */
export interface MysqlClient {
  execute(sql: string, parameters: SqlParameter[]): Promise<[unknown, unknown]>
}

/** A pool or connection of `mysql2` with callbacks. */
export interface MysqlCallbackClient {
  promise(): MysqlClient
}

/**
 * SQLite through `node:sqlite` or `better-sqlite3`. The database is asked synchronously. Where several processes
 * use one file, put it into WAL mode: `PRAGMA journal_mode = WAL`.
 */
export function sqlite(connection: SqliteConnection): SqlDatabase {
  expectMethods('sqlite', connection, ['prepare', 'close'], "a DatabaseSync of 'node:sqlite'")
  type Statement = ReturnType<SqliteConnection['prepare']>
  const prepared = new Map<string, Statement>()
  function prepare(sql: string): Statement {
    const statement = connection.prepare(sql)
    prepared.set(sql, statement)
    return statement
  }
  return {
    dialect: 'sqlite',
    async query(sql, parameters) {
      const statement = prepared.get(sql) ?? prepare(sql)
      // better-sqlite3 refuses all() where nothing can come back.
      if (sql.startsWith('SELECT')) return { rows: rowsOf(statement.all(...parameters)), changes: 0 }
      return { rows: [], changes: Number(statement.run(...parameters).changes) }
    },
  }
}

/** Cloudflare D1: the binding, or what its `withSession('first-primary')` gives. */
export function d1(binding: D1Binding): SqlDatabase {
  expectMethods('d1', binding, ['prepare', 'batch'], 'a D1 binding: env.DB')
  return {
    dialect: 'sqlite',
    async query(sql, parameters) {
      const { meta, results } = await binding
        .prepare(sql)
        .bind(...parameters)
        .all()
      return { rows: rowsOf(results), changes: meta.changes ?? 0 }
    },
  }
}

/** PostgreSQL through `pg`, best by a pool, or PGlite. A client must not be in a transaction of yours. */
export function postgres(client: PostgresClient): SqlDatabase {
  expectMethods('postgres', client, ['query'], "a Pool of 'pg' or a PGlite")
  return {
    dialect: 'postgres',
    async query(sql, parameters) {
      let count = 0
      const numbered = sql.replaceAll('?', () => `$${++count}`)
      const { affectedRows, rowCount, rows } = await client.query(numbered, [...parameters])
      return { rows: rowsOf(rows), changes: rowCount ?? affectedRows ?? 0 }
    },
  }
}

/**
 * MySQL and MariaDB through `mysql2`, best by a pool, with promises or with callbacks. The connection's charset
 * must be utf8mb4, as it is by default. A connection must not be in a transaction of yours.
 */
export function mysql(client: MysqlClient | MysqlCallbackClient): SqlDatabase {
  const given: unknown = client
  expectMethods('mysql', given, ['execute'], "a pool of 'mysql2/promise'")
  const promised = 'promise' in client && typeof client.promise === 'function' ? client.promise() : client
  const { execute } = promised as MysqlClient
  return {
    dialect: 'mysql',
    async query(sql, parameters) {
      // The driver sends numbers as DOUBLE, which MySQL 8 refuses after LIMIT; text it takes anywhere.
      const texts = parameters.map((value) => (typeof value === 'number' ? String(value) : value))
      const [result] = await execute.call(promised, sql, texts)
      if (Array.isArray(result)) return { rows: rowsOf(result).map(withText), changes: 0 }
      return { rows: [], changes: (result as { affectedRows: number }).affectedRows }
    },
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Columns of bytes come as bytes; here they are text. */
function withText(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const texts = Object.entries(row).map(([column, value]) => [
    column,
    value instanceof Uint8Array ? utf8.decode(value) : value,
  ])
  return Object.fromEntries(texts) as Record<string, unknown>
}

function rowsOf(rows: readonly unknown[]): readonly Readonly<Record<string, unknown>>[] {
  return rows as readonly Readonly<Record<string, unknown>>[]
}

function expectMethods(wrapper: string, client: unknown, methods: readonly string[], wanted: string): void {
  const has = (method: string): boolean =>
    typeof (client as Record<string, unknown> | null | undefined)?.[method] === 'function'
  if (methods.every(has)) return
  throw new Error(`${wrapper}() was given something without ${methods.join('() and ')}(); give it ${wanted}.`)
}
