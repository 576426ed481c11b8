import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Miniflare, type WorkerdStructuredLog } from 'miniflare'
import { bundleWorker } from './bundle.ts'
import { readMode } from './src/mode.ts'

export interface DemoOptions {
  /** Where to listen; 0 takes any free port (default 8787). */
  readonly port?: number
  /** Serves https with a self-signed certificate (default false). */
  readonly https?: boolean
  /** Keeps the secret and the KV data, so that sessions survive a restart (default `.data` beside this file). */
  readonly dataDir?: string | undefined
  /** Where sessions are kept: `store`, `cookie` or `hybrid` (default `store`). */
  readonly sessions?: string | undefined
  /** Receives each line for the terminal (default `console.log`). */
  readonly log?: (line: string) => void
}

export interface Demo {
  /** Where the demo answers, without a trailing slash. */
  readonly origin: string
  readonly port: number
  /** The Workers runtime, for tests: `dispatchFetch` and the KV namespace. */
  readonly miniflare: Miniflare
  /** Stops the runtime; no process stays behind. */
  stop(): Promise<void>
}

/** Bundles the Worker and runs it in workerd. Nothing contacts the network. Rejects when an option is wrong. */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const mode = readMode(options.sessions, 'sessions')
  const { https = false, log = console.log } = options
  const dataDir = options.dataDir ?? fileURLToPath(new URL('.data', import.meta.url))
  const wanted = options.port ?? 8787
  const free = await isFree(wanted)
  if (!free) log(`Port ${wanted} is taken by another program; taking a free one instead.`)

  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: free ? wanted : 0,
    https,
    cf: false,
    telemetry: { enabled: false },
    handleStructuredLogs({ level, message }: WorkerdStructuredLog) {
      // A browser that is asked about the self-signed certificate drops the connection first: no news to anybody.
      if (!message.includes('tls.c++')) log(`${level}: ${message}`)
    },
    modules: true,
    script: await bundleWorker(),
    compatibilityDate: '2026-07-01',
    compatibilityFlags: ['nodejs_als'],
    defaultPersistRoot: join(dataDir, 'storage'),
    kvNamespaces: ['SESSIONS'],
    durableObjects: { REVOCATIONS: { className: 'SessionObject', useSQLite: true } },
    bindings: { SESSION_SECRET: await persistentSecret(dataDir), SESSION_MODE: mode },
  })
  const { port } = await miniflare.ready
  const origin = `${https ? 'https' : 'http'}://localhost:${port}`
  return { origin, port: Number(port), miniflare, stop: () => miniflare.dispose() }
}

/** Made at the first start, kept for the next ones: with a new secret all sessions would end. */
async function persistentSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, 'secret')
  await mkdir(dataDir, { recursive: true })
  try {
    await writeFile(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(file, 'utf8')).trim()
}

/** Both loopback addresses: a program on `[::1]` alone would be what the browser finds under `localhost`. */
async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '::1'))
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      // A machine without IPv6 has nobody on ::1 either.
      else if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') resolve(true)
      else reject(error)
    })
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}
