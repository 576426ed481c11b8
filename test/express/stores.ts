import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import type { SessionData, Store } from 'express-session'
import createMemoryStore from 'memorystore'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { createClient } from 'redis'
import createFileStore from 'session-file-store'
import { mariadbServer } from '../support/mariadb-server.ts'
import { postgresServer } from '../support/postgres-server.ts'
import { startRedis } from '../support/redis-server.ts'
import type { Implementation } from './implementations.ts'
import type { Visitor } from './visitor.ts'

/** What stands in a place under the id of a session. */
export interface Kept {
  readonly text: string
  /** When the place forgets it, in milliseconds since the epoch; null: never. */
  readonly until: number | null
}

/** Where sessions are kept, and the package from npm that takes them there. */
export interface Place {
  /** How long a session is kept whose cookie ends with the browser, in milliseconds; null: for ever. */
  readonly browserLife: number | null
  /** A new store object, as each process has its own, over what was kept here before. */
  connect(session: Implementation): Promise<Store>
  find(sid: string): Promise<Kept | null>
  /** Lets a server with a clock of its own come after, when the test has put the clock of this process forward. */
  pass(milliseconds: number): Promise<void>
  close(): Promise<void>
}

const second = 1000
const day = 86_400 * second
const noClock = (): Promise<void> => Promise.resolve()

async function memory(): Promise<Place> {
  // Stands for the server: what the store objects of this place have in common.
  const sessions = Object.create(null) as Record<string, string>
  return {
    browserLife: null,
    connect: (session) => Promise.resolve(Object.assign(new session.MemoryStore(), { sessions })),
    async find(sid) {
      const text = sessions[sid]
      if (text === undefined) return null
      const { cookie } = JSON.parse(text) as { cookie: { expires: string | null } }
      return { text, until: cookie.expires === null ? null : Date.parse(cookie.expires) }
    },
    pass: noClock,
    async close() {},
  }
}

/** The part of the cache in memorystore that is used here. */
interface Cache {
  dump(): { k: string; v: string; e: number }[]
}

async function memorystore(): Promise<Place> {
  let cache: Cache | null = null
  return {
    browserLife: day,
    async connect(session) {
      const MemoryStore = createMemoryStore(session)
      const store = new MemoryStore({ checkPeriod: day }) as unknown as Store & { store: Cache }
      store.store = cache ??= store.store
      return store
    },
    async find(sid) {
      const entry = cache?.dump().find(({ k }) => k === sid)
      return entry === undefined ? null : { text: entry.v, until: entry.e }
    },
    pass: noClock,
    async close() {},
  }
}

async function redis(): Promise<Place> {
  const server = await startRedis()
  const clients: { destroy(): void }[] = []
  return {
    browserLife: day,
    async connect() {
      const client = createClient({ url: server.url })
      clients.push(client)
      client.on('error', () => {})
      await client.connect()
      return new RedisStore({ client })
    },
    async find(sid) {
      const text = (await server.command('GET', `sess:${sid}`)) as string | null
      if (text === null) return null
      const rest = Number(await server.command('PTTL', `sess:${sid}`))
      return { text, until: rest === -1 ? null : Date.now() + rest }
    },
    async pass(milliseconds) {
      for (const key of (await server.command('KEYS', 'sess:*')) as string[]) {
        const rest = Number(await server.command('PTTL', key))
        await server.command('PEXPIRE', key, rest - milliseconds)
      }
    },
    async close() {
      for (const client of clients) client.destroy()
      await server[Symbol.asyncDispose]()
    },
  }
}

interface MySqlStore extends Store {
  onReady(): Promise<void>
  close(): Promise<void>
}

// The package has no types.
const createMySqlStore = createRequire(import.meta.url)('express-mysql-session') as (
  session: Implementation,
) => new (options: object) => MySqlStore

async function mysql(): Promise<Place> {
  const server = await mariadbServer()
  const account = { host: '127.0.0.1', port: server.port, user: 'root', database: 'test' }
  const pool = createPool(account)
  const stores: MySqlStore[] = []
  return {
    browserLife: day,
    async connect(session) {
      const store = new (createMySqlStore(session))({
        ...account,
        clearExpired: true,
        checkExpirationInterval: 900 * second,
        expiration: day,
        createDatabaseTable: true,
        schema: {
          tableName: 'coats',
          columnNames: { session_id: 'ticket', expires: 'until', data: 'coat' },
        },
      })
      await store.onReady()
      stores.push(store)
      return store
    },
    async find(sid) {
      const [rows] = await pool.query('SELECT coat, until FROM coats WHERE ticket = ?', [sid])
      const [row] = rows as { coat: string; until: number }[]
      return row === undefined ? null : { text: row.coat, until: row.until * second }
    },
    pass: noClock,
    async close() {
      await Promise.all(stores.map((store) => store.close()))
      await pool.end()
      await server.remove()
    },
  }
}

async function postgres(): Promise<Place> {
  const server = await postgresServer()
  const account = { host: '127.0.0.1', port: server.port, user: 'postgres', password: 'postgres' }
  const pools: Pool[] = []
  const openPool = (): Pool => {
    // A connection that is idle when the server stops has nobody to tell but the pool.
    const pool = new Pool(account).on('error', () => {})
    pools.push(pool)
    return pool
  }
  const own = openPool()
  return {
    browserLife: day,
    async connect(session) {
      const PgStore = connectPgSimple(session)
      return new PgStore({ pool: openPool(), createTableIfMissing: true, pruneSessionInterval: false })
    },
    async find(sid) {
      const { rows } = await own.query<Kept>(
        `SELECT sess::text AS text, 1000 * extract(epoch FROM expire::timestamptz)::float8 AS until
         FROM session WHERE sid = $1`,
        [sid],
      )
      return rows[0] ?? null
    },
    pass: noClock,
    async close() {
      await Promise.all(pools.map((pool) => pool.end()))
      await server.remove()
    },
  }
}

async function files(): Promise<Place> {
  const path = await mkdtemp(join(tmpdir(), 'coatcheck-files-'))
  const ttl = 3600
  return {
    browserLife: ttl * second,
    async connect(session) {
      const FileStore = createFileStore(session)
      return new FileStore({ path, ttl, logFn: () => {} })
    },
    async find(sid) {
      const text = await readFile(join(path, `${sid}.json`), 'utf8').catch(() => null)
      if (text === null) return null
      const { __lastAccess, cookie } = JSON.parse(text) as {
        __lastAccess: number
        cookie: { originalMaxAge: number | null }
      }
      return { text, until: __lastAccess + (cookie.originalMaxAge ?? ttl * second) }
    },
    pass: noClock,
    close: () => rm(path, { recursive: true }),
  }
}

/** Each opens its server, or what stands for one: once for each test file. */
export const places: readonly (readonly [name: string, open: () => Promise<Place>])[] = [
  ['MemoryStore', memory],
  ['memorystore', memorystore],
  ['connect-redis', redis],
  ['express-mysql-session', mysql],
  ['connect-pg-simple', postgres],
  ['session-file-store', files],
]

/** The id of a visitor's session, as its cookie names it. */
export function sidOf(visitor: Visitor): string {
  const [, sid = ''] =
    /^s:(.+)\.[^.]+$/.exec(decodeURIComponent(visitor.cookies.get('connect.sid') ?? '')) ?? []
  return sid
}

/** Keeps the next record that is to be written outside the real store until `release` is called. */
export function holdNextSet(store: Store): { readonly reached: Promise<void>; release(): void } {
  const reached = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const { set } = store
  store.set = (sid: string, session: SessionData, done?: (error?: unknown) => void) => {
    store.set = set
    reached.resolve()
    void released.promise.then(() => set.call(store, sid, session, done))
  }
  return { reached: reached.promise, release: released.resolve }
}
