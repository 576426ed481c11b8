import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Visitor } from '../../../test/express/visitor.ts'
import { until, type DatabaseServer } from '../../../test/support/database-server.ts'
import { mariadbServer } from '../../../test/support/mariadb-server.ts'
import { startRedis, type RedisServer } from '../../../test/support/redis-server.ts'
import { copyOf, temporaryFolder, underExpressSession } from './copy.ts'
import { demoFolder, startProgram } from './program.ts'
import { take, transcriptOf, type Step, type Visit } from './transcript.ts'

let redis: RedisServer
let mariadb: DatabaseServer
beforeAll(async () => {
  ;[redis, mariadb] = await Promise.all([startRedis(), mariadbServer()])
}, 120_000)
afterAll(() => Promise.all([redis[Symbol.asyncDispose](), mariadb.remove()]))

/** Fresh surroundings for one program: nothing is left in them of an earlier one. */
async function surroundings(): Promise<Record<string, string>> {
  await redis.command('FLUSHALL')
  const database = await connect()
  await database.query('DROP TABLE IF EXISTS visits')
  return {
    SESSION_FOLDER: await temporaryFolder(),
    REDIS_URL: redis.url,
    MYSQL_HOST: '127.0.0.1',
    MYSQL_PORT: String(mariadb.port),
    MYSQL_USER: 'root',
    MYSQL_PASSWORD: '',
    MYSQL_DATABASE: 'test',
  }
}

async function connect(): Promise<Connection> {
  const database = await createConnection({
    host: '127.0.0.1',
    port: mariadb.port,
    user: 'root',
    database: 'test',
  })
  onTestFinished(() => database.end())
  return database
}

const restart: Step = { restart: true }
const ada: Visit = { path: '/login', form: { user: 'Ada' } }
const logout: Visit = { path: '/logout', form: {} }
const login: readonly Step[] = [
  '/',
  '/account',
  ada,
  '/account',
  '/',
  ada,
  '/account',
  logout,
  '/account',
  '/',
]

const programs: readonly (readonly [file: string, steps: readonly Step[]])[] = [
  ['src/memory.js', ['/', '/', restart, '/', '/']],
  ['src/file.js', ['/', '/', restart, '/', '/']],
  ['src/mysql.js', ['/', '/', restart, '/', '/']],
  ['src/redis.js', ['/', '/about', '/about', restart, '/', '/about']],
  ['src/login.js', login],
  ['src/login.cjs', login],
]

test('each program is driven here', () => {
  const files = globSync('src/*', { cwd: demoFolder }).toSorted()
  expect(files).toEqual(programs.map(([file]) => file).toSorted())
})

describe('a program is unchanged but for the import', () => {
  test.for(programs)('%s runs the same under express-session', async ([file, steps]) => {
    const seen: unknown[][] = []
    for (const path of [file, await copyOf(file, underExpressSession)]) {
      const program = await startProgram(path, { env: await surroundings() })
      seen.push(await transcriptOf(program, new Visitor(program.origin), steps))
    }
    const [underDropIn, underOriginal] = seen
    expect(underDropIn).toEqual(underOriginal)
  })

  test.for(['src/file.js', 'src/mysql.js', 'src/redis.js'])(
    'a session of %s goes on when express-session is replaced, and when it comes back',
    async (file) => {
      const env = await surroundings()
      const original = await copyOf(file, underExpressSession)
      let visitor = new Visitor('http://localhost')
      const cookies = new Set<string>()
      for (const [index, path] of [original, file, original, file].entries()) {
        const program = await startProgram(path, { env })
        visitor = visitor.copy(program.origin)
        expect(await viewsOf(visitor)).toBe(index + 1)
        cookies.add(visitor.cookies.get(file === 'src/mysql.js' ? 'visit' : 'connect.sid')!)
        await program.stop()
      }
      expect(cookies.size).toBe(1)
    },
  )
})

describe('a program that is stopped and started again', () => {
  test('forgets its visitors where their sessions are in its memory', async () => {
    const program = await startProgram('src/memory.js')
    const visitor = new Visitor(program.origin)
    expect([await viewsOf(visitor), await viewsOf(visitor)]).toEqual([1, 2])
    expect(await visitor.read()).toContain('ends in 60 minutes')
    const cookie = visitor.cookies.get('connect.sid')
    await program.restart()
    expect(await viewsOf(visitor)).toBe(1)
    expect(visitor.cookies.get('connect.sid')).not.toBe(cookie)
  })

  test.for(['src/file.js', 'src/mysql.js', 'src/redis.js'])('%s remembers each visitor', async (file) => {
    const program = await startProgram(file, { env: await surroundings() })
    const [first, second] = [new Visitor(program.origin), new Visitor(program.origin)]
    expect([await viewsOf(first), await viewsOf(first), await viewsOf(second)]).toEqual([1, 2, 1])
    await program.restart('SIGKILL')
    expect([await viewsOf(first), await viewsOf(second)]).toEqual([3, 2])
    expect(await viewsOf(new Visitor(program.origin))).toBe(1)
  })

  test('src/redis.js remembers its visitors when Redis was restarted too', async () => {
    await using durable = await startRedis(['--appendonly', 'yes'])
    const program = await startProgram('src/redis.js', { env: { REDIS_URL: durable.url } })
    const visitor = new Visitor(program.origin)
    expect(await viewsOf(visitor)).toBe(1)
    await program.stop()
    await durable.restart()
    await program.start()
    expect(await viewsOf(visitor)).toBe(2)
  })
})

describe('the program with express-mysql-session', () => {
  test('keeps sessions in the table and columns that its options name', async () => {
    const program = await startProgram('src/mysql.js', { env: await surroundings() })
    const visitor = new Visitor(program.origin)
    await visitor.read()
    const database = await connect()
    const [rows] = await database.query<RowDataPacket[]>('SELECT visit_id, ends_at, contents FROM visits')
    const sid = sidOf(visitor, 'visit')
    expect(rows).toEqual([{ visit_id: sid, ends_at: expect.any(Number), contents: expect.any(String) }])
    expect(JSON.parse(String(rows[0]!['contents']))).toMatchObject({ views: 1 })
  })

  test('removes sessions that are over, and no other', async () => {
    const program = await startProgram('src/mysql.js', { env: await surroundings() })
    const visitor = new Visitor(program.origin)
    await visitor.read()
    const database = await connect()
    await database.query("INSERT INTO visits VALUES ('long over', 1, '{}')")
    await until('the session goes', async () => {
      const [over] = await database.query<RowDataPacket[]>(
        "SELECT 1 FROM visits WHERE visit_id = 'long over'",
      )
      return over.length === 0
    })
    expect(await viewsOf(visitor)).toBe(2)
  })

  test('and cookie-parser each read their own cookie', async () => {
    const program = await startProgram('src/mysql.js', { env: await surroundings() })
    const visitor = new Visitor(program.origin)
    expect(await visitor.read()).toBe('Views: 1, last time: none')
    expect(await visitor.read()).toBe('Views: 2, last time: 1')
    expect([...visitor.cookies.keys()].toSorted()).toEqual(['last', 'visit'])
    const { cookies } = visitor
    const other = new Visitor(program.origin, [
      ['visit', cookies.get('visit')!],
      ['last', 's%3A9.forged'],
    ])
    expect(await other.read()).toBe('Views: 3, last time: none')
  })
})

describe.for(['src/login.js', 'src/login.cjs'])('%s', (file) => {
  test('gives a new session at the login, and no cookie before', async () => {
    const program = await startProgram(file)
    const visitor = new Visitor(program.origin)
    await visitor.read()
    expect(visitor.cookies.size).toBe(0)
    expect(await signedIn(visitor)).toBe(false)
    await take(visitor, ada)
    const cookie = visitor.cookies.get('connect.sid')
    expect(await (await visitor.visit('/account')).json()).toMatchObject({ user: 'Ada' })
    await take(visitor, ada)
    expect(visitor.cookies.get('connect.sid')).not.toBe(cookie)
    expect(await signedIn(new Visitor(program.origin, [['connect.sid', cookie!]]))).toBe(false)
  })

  test('destroys the session at the logout, takes the cookie away, and lets no copy of it in', async () => {
    const program = await startProgram(file)
    const visitor = new Visitor(program.origin)
    await take(visitor, ada)
    const thief = visitor.copy()
    expect(await signedIn(thief)).toBe(true)
    await take(visitor, logout)
    expect(visitor.cookies.size).toBe(0)
    expect(await signedIn(thief)).toBe(false)
  })

  test('takes the cookie away also where the program leaves that out', async () => {
    const silent = (code: string): string => code.replace(/^ *res\.clearCookie.*\n/m, '')
    const copy = await copyOf(file, silent)
    expect(await readFile(copy, 'utf8')).not.toContain('clearCookie')
    const program = await startProgram(copy)
    const visitor = new Visitor(program.origin)
    await take(visitor, ada)
    expect(visitor.cookies.size).toBe(1)
    await take(visitor, logout)
    expect(visitor.cookies.size).toBe(0)
  })
})

async function signedIn(visitor: Visitor): Promise<boolean> {
  return (await visitor.visit('/account')).status === 200
}

async function viewsOf(visitor: Visitor): Promise<number> {
  return Number(/(?:Views|Views of .*): (\d+)/.exec(await visitor.read())?.[1])
}

function sidOf(visitor: Visitor, name: string): string {
  return /^s:(.*)\./.exec(decodeURIComponent(visitor.cookies.get(name)!))![1]!
}
