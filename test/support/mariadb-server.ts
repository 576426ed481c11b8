import { freeze } from './freeze.ts'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { programs, requireProgram } from '../../scripts/programs.ts'
import { freePort, until, type DatabaseServer } from './database-server.ts'

/** A MariaDB with the database `test`, for root without a password. It flushes its log at each commit. */
export async function mariadbServer(): Promise<DatabaseServer> {
  const program = requireProgram(programs.mariadb)
  const folder = await mkdtemp(join(tmpdir(), 'coatcheck-mariadb-'))
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  let server: ChildProcess | null = null

  async function start(): Promise<void> {
    const child = spawn(
      program,
      [
        '--no-defaults',
        ...user,
        `--datadir=${folder}/data`,
        `--socket=${folder}/s`,
        `--pid-file=${folder}/pid`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        '--innodb-flush-log-at-trx-commit=1',
        '--innodb-buffer-pool-size=64M',
        `--init-file=${folder}/init.sql`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    server = child
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    await until('MariaDB starts', async () => {
      if (child.exitCode !== null) throw new Error(`MariaDB ended:\n${log}`)
      return log.includes('ready for connections') && (await accepts(port))
    })
  }

  async function end(name: NodeJS.Signals): Promise<void> {
    const child = server
    server = null
    if (child === null) return
    child.kill('SIGCONT')
    child.kill(name)
    await until('MariaDB ends', () => child.exitCode !== null || child.signalCode !== null)
  }

  await promisify(execFile)(
    'mariadb-install-db',
    ['--no-defaults', ...user, `--datadir=${folder}/data`, '--auth-root-authentication-method=normal'],
    { env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/bin` } },
  )
  await writeFile(join(folder, 'init.sql'), 'CREATE DATABASE IF NOT EXISTS test;\n')
  await start()
  return {
    port,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => freeze([server?.pid ?? NaN]),
    thaw: () => void server?.kill('SIGCONT'),
    async remove() {
      await end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}
