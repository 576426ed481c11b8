import { longestUserId } from './sql-text.ts'

/** The databases that differ in their SQL. MariaDB speaks `'mysql'`, D1 `'sqlite'`. */
export type SqlDialect = 'sqlite' | 'postgres' | 'mysql'

/** The statements of a store, complete but for the bound values, which stand as `?`. */
export interface Statements {
  /** id, now. */
  readonly get: string
  /** The row. */
  readonly set: string
  /** The row; and now, unless there is `replaceExpired`. */
  readonly create: string
  /** The values, id, now. Only where `create` cannot replace an expired row itself. */
  readonly replaceExpired: string | null
  /** The values, id, expected version, now. */
  readonly update: string
  /** id, expected version, now. */
  readonly remove: string
  /** id. */
  readonly delete: string
  /** User, now. */
  readonly listByUser: string
  /** User, the excepted id, now. */
  readonly deleteExpiredByUser: string
  /** User, the excepted id. */
  readonly deleteByUser: string
  /** Time, how many. */
  readonly prune: string
  /** What creates the table, each part only where it is not there. */
  readonly schema: readonly string[]
}

/** What the dialects say differently. */
interface Grammar {
  readonly set: string
  readonly create: string
  readonly replaceExpired: string | null
  readonly prune: string
  readonly schema: readonly string[]
}

const columns = ['payload', 'expires_at', 'user_id', 'version'] as const
const values = columns.map((column) => `${column} = ?`).join(', ')
const fromExcluded = columns.map((column) => `${column} = excluded.${column}`).join(', ')
const row = `(id, ${columns.join(', ')}) VALUES (?, ?, ?, ?, ?)`

/** A name, and maybe the schema before it. With the longest suffix of an index it has the 63 bytes of PostgreSQL. */
const tableName = /^(?:(?<schema>[a-z_][a-z0-9_]{0,47})\.)?(?<name>[a-z_][a-z0-9_]{0,47})$/i

/** The statements for a table. Throws when the name of the table could be anything but a name. */
export function statementsFor(dialect: SqlDialect, table: string): Statements {
  const { name, schema } = tableName.exec(table)?.groups ?? {}
  if (name === undefined) {
    throw new Error(
      `The option 'table' is ${JSON.stringify(table)}; it must be a name of letters, digits and underscores, of at most 48 characters, with at most one schema before it: 'sessions' or 'app.sessions'.`,
    )
  }
  const quote = (part: string): string => (dialect === 'mysql' ? `\`${part}\`` : `"${part}"`)
  const prefix = schema === undefined ? '' : `${quote(schema)}.`
  const target = prefix + quote(name)
  const byVersion = 'WHERE id = ? AND version = ? AND expires_at > ?'
  return {
    get: `SELECT ${columns.join(', ')} FROM ${target} WHERE id = ? AND expires_at > ?`,
    update: `UPDATE ${target} SET ${values} ${byVersion}`,
    remove: `DELETE FROM ${target} ${byVersion}`,
    delete: `DELETE FROM ${target} WHERE id = ?`,
    listByUser: `SELECT id, ${columns.join(', ')} FROM ${target} WHERE user_id = ? AND expires_at > ?`,
    deleteExpiredByUser: `DELETE FROM ${target} WHERE user_id = ? AND id <> ? AND expires_at <= ?`,
    deleteByUser: `DELETE FROM ${target} WHERE user_id = ? AND id <> ?`,
    ...grammars[dialect](target, {
      prefix,
      name: quote(name),
      byExpiry: quote(`${name}_expires_at`),
      byUser: quote(`${name}_user_id`),
    }),
  }
}

interface Names {
  readonly prefix: string
  readonly name: string
  readonly byExpiry: string
  readonly byUser: string
}

const grammars: Readonly<Record<SqlDialect, (target: string, names: Names) => Grammar>> = {
  sqlite: (target, { byExpiry, byUser, name, prefix }) => ({
    ...upserts(target),
    prune: `DELETE FROM ${target} WHERE id IN (SELECT id FROM ${target} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
    schema: [
      `CREATE TABLE IF NOT EXISTS ${target} (
  id TEXT NOT NULL PRIMARY KEY,
  payload TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  user_id TEXT,
  version INTEGER NOT NULL
)`,
      // SQLite wants the schema before the index, not before the table.
      `CREATE INDEX IF NOT EXISTS ${prefix}${byExpiry} ON ${name} (expires_at)`,
      `CREATE INDEX IF NOT EXISTS ${prefix}${byUser} ON ${name} (user_id) WHERE user_id IS NOT NULL`,
    ],
  }),
  // The array is made once, so that no more than the batch is locked; and what another process prunes is passed by.
  postgres: (target, { byExpiry, byUser }) => ({
    ...upserts(target),
    prune: `DELETE FROM ${target} WHERE id = ANY(ARRAY(SELECT id FROM ${target} WHERE expires_at <= ? ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED))`,
    // Collation "C" compares bytes: exact, and the same after an upgrade of the operating system.
    schema: [
      `CREATE TABLE IF NOT EXISTS ${target} (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  payload text NOT NULL,
  expires_at bigint NOT NULL,
  user_id text COLLATE "C",
  version bigint NOT NULL
)`,
      `CREATE INDEX IF NOT EXISTS ${byExpiry} ON ${target} (expires_at)`,
      `CREATE INDEX IF NOT EXISTS ${byUser} ON ${target} (user_id) WHERE user_id IS NOT NULL`,
    ],
  }),
  mysql: (target, { byExpiry, byUser }) => ({
    set: `INSERT INTO ${target} ${row} ON DUPLICATE KEY UPDATE ${columns.map((column) => `${column} = VALUES(${column})`).join(', ')}`,
    // ON DUPLICATE KEY UPDATE has no condition, and the count of its rows depends on the flags of the connection.
    create: `INSERT IGNORE INTO ${target} ${row}`,
    replaceExpired: `UPDATE ${target} SET ${values} WHERE id = ? AND expires_at <= ?`,
    prune: `DELETE FROM ${target} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`,
    // The binary collation of text takes 'ann ' for 'ann'; bytes are compared as they are.
    schema: [
      `CREATE TABLE IF NOT EXISTS ${target} (
  id VARBINARY(255) NOT NULL PRIMARY KEY,
  payload LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  expires_at BIGINT NOT NULL,
  user_id VARBINARY(${longestUserId}),
  version BIGINT NOT NULL,
  KEY ${byExpiry} (expires_at),
  KEY ${byUser} (user_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC`,
    ],
  }),
}

function upserts(target: string): Pick<Grammar, 'set' | 'create' | 'replaceExpired'> {
  const upsert = `INSERT INTO ${target} AS held ${row} ON CONFLICT (id) DO UPDATE SET ${fromExcluded}`
  return { set: upsert, create: `${upsert} WHERE held.expires_at <= ?`, replaceExpired: null }
}
