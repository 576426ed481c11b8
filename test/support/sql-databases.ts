// Databases by an argument that survives JSON, so that other processes can open them too.
import { createRequire } from 'node:module'
import { DatabaseSync } from 'node:sqlite'
import {
  mysql,
  postgres,
  sqlite,
  sqlStore,
  type MysqlClient,
  type PostgresClient,
  type SqlDatabase,
  type SqlParameter,
} from '../../packages/adapters/src/stores/sql.ts'
import type { HeldStore } from './hammer-store.ts'

/** Where a database is. */
export type DatabasePlace =
  | { readonly dialect: 'sqlite'; readonly file: string }
  | { readonly dialect: 'postgres'; readonly port: number; readonly isolation?: 'serializable' }
  | { readonly dialect: 'mysql'; readonly port: number }

/** A database with its connections. */
export interface HeldDatabase {
  readonly database: SqlDatabase
  /** Runs any SQL of the dialect, past the store. */
  raw(sql: string): Promise<readonly Record<string, unknown>[]>
  /** How the database goes about a statement, as text. */
  explain(sql: string, parameters: readonly SqlParameter[]): Promise<string>
  close(): Promise<unknown>
}

interface Pool {
  on(event: 'error', listener: () => void): unknown
  query(sql: string): Promise<unknown>
  end(): Promise<unknown>
}

// The drivers are installed beside the adapters.
const adapters = createRequire(new URL('../../packages/adapters/package.json', import.meta.url))

/** Opens a database as an application would. */
export function openDatabase(place: DatabasePlace): HeldDatabase {
  if (place.dialect === 'sqlite') return openSqlite(place.file)
  const connection = { host: '127.0.0.1', port: place.port }
  if (place.dialect === 'postgres') {
    const { Pool } = adapters('pg') as { Pool: new (options: object) => PostgresClient & Pool }
    const account = { user: 'postgres', password: 'postgres', database: 'postgres' }
    const options = `-c default_transaction_isolation=${place.isolation ?? 'read\\ committed'}`
    const pool = new Pool({ ...connection, ...account, options, max: 10 })
    // A pool reports the end of an idle connection here, and would end the process if nobody listened.
    pool.on('error', () => {})
    const raw = async (sql: string): Promise<Record<string, unknown>[]> =>
      ((await pool.query(sql)) as { rows: Record<string, unknown>[] }).rows
    return heldPool(postgres(pool), raw, pool)
  }
  const { createPool } = adapters('mysql2/promise') as { createPool(options: object): MysqlClient & Pool }
  const pool = createPool({ ...connection, user: 'root', database: 'test', connectionLimit: 10 })
  const raw = async (sql: string): Promise<Record<string, unknown>[]> =>
    ((await pool.query(sql)) as [Record<string, unknown>[]])[0]
  return heldPool(mysql(pool), raw, pool)
}

function heldPool(database: SqlDatabase, raw: HeldDatabase['raw'], pool: Pool): HeldDatabase {
  return {
    database,
    raw,
    async explain(sql, parameters) {
      const { rows } = await database.query(`EXPLAIN ${sql}`, parameters)
      return rows
        .map((row) => (row['QUERY PLAN'] as string | undefined) ?? `key ${String(row['key'])}`)
        .join('\n')
    },
    close: () => pool.end(),
  }
}

function openSqlite(file: string): HeldDatabase {
  const connection = new DatabaseSync(file)
  connection.exec('PRAGMA journal_mode = WAL')
  return {
    database: sqlite(connection),
    raw: async (sql) => connection.prepare(sql).all(),
    async explain(sql, parameters) {
      const rows = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters)
      return rows.map((row) => String(row['detail'])).join('\n')
    },
    close: async () => connection.close(),
  }
}

/** For the hammer: a store over the table `sessions`, which has to be there. */
export function makeStore(place: unknown): HeldStore {
  const { close, database } = openDatabase(place as DatabasePlace)
  return { store: sqlStore(database, { timeout: 20_000 }), close }
}
