import type { SqlDatabase, SqlParameter, SqlResult } from './sql-database.ts'

/** One statement, and how long it may take. */
export interface Attempt {
  /** Completes "The SQL store could not …". */
  readonly purpose: string
  readonly sql: string
  readonly parameters: readonly SqlParameter[]
  /** In milliseconds, repetitions included. */
  readonly timeout: number
  /** Errors after which the statement is repeated, besides those of every statement. */
  readonly transient?: readonly string[]
}

/**
 * Runs a statement. One that the database gave up in favour of another (a deadlock, a serialization failure, a
 * locked file) has done nothing and is repeated: each is a transaction of its own. Rejects when time is up.
 */
export async function attempt(database: SqlDatabase, { timeout, ...what }: Attempt): Promise<SqlResult> {
  let late = false
  let last: unknown
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true
      reject(new Error(`the database did not answer within ${timeout} ms`, { cause: last }))
    }, timeout)
  })
  async function run(): Promise<SqlResult> {
    for (let tries = 0; ; tries++) {
      try {
        return await database.query(what.sql, what.parameters)
      } catch (error) {
        last = error
        if (late || !isTransient(error, what.transient)) throw error
        await pause(Math.min(2 ** tries, 50))
      }
    }
  }
  try {
    return await Promise.race([run(), deadline])
  } catch (cause) {
    throw new Error(`The SQL store could not ${what.purpose}: ${messageOf(cause)}${remedyFor(cause)}.`, {
      cause,
    })
  } finally {
    clearTimeout(timer)
  }
}

/** Lets others have their turn. In milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
}

/** What the drivers tell about an error. */
interface DriverError {
  readonly message?: unknown
  readonly code?: unknown
  /** SQLite's extended code, from `node:sqlite`. */
  readonly errcode?: unknown
  /** MySQL's number. */
  readonly errno?: unknown
}

/** Serialization failure and deadlock of PostgreSQL; deadlock and "record has changed" of MySQL and MariaDB. */
const givenUp: readonly unknown[] = ['40001', '40P01', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD']
const sqliteBusy = 5

function isTransient(error: unknown, more: readonly string[] = []): boolean {
  const { code, errcode } = (error ?? {}) as DriverError
  if (typeof errcode === 'number' && (errcode & 0xff) === sqliteBusy) return true
  return (
    typeof code === 'string' &&
    (givenUp.includes(code) || more.includes(code) || code.startsWith('SQLITE_BUSY'))
  )
}

function messageOf(error: unknown): string {
  // An AggregateError, which is what Node gives for a refused connection, has no message of its own.
  const { code, message } = (error ?? {}) as DriverError
  return String(message === undefined || message === '' ? (code ?? error) : message).replace(/\.$/, '')
}

function remedyFor(error: unknown): string {
  const { code, message } = (error ?? {}) as DriverError
  const missing =
    code === '42P01' ||
    code === 'ER_NO_SUCH_TABLE' ||
    (typeof message === 'string' && message.includes('no such table'))
  return missing ? '. Create the table: run createSchema() once, or what schema() gives' : ''
}
