import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withSession } from '@coatcheck/adapters/node'
import type { Session } from '@coatcheck/core'
import { openCloakroom, type Cloakroom, type Goods } from './cloakroom.ts'
import { programs, requireProgram } from '../../scripts/programs.ts'

/** A shop over https, and whatever else its host and the hosts beside it serve. */
export interface AttackSite {
  readonly room: Cloakroom<Goods>
  readonly port: number
  /** The shop, and a host under the same domain that the attacker has. */
  readonly shop: string
  readonly sibling: string
  /** Holds each login until it is called. */
  holdLogins(): { arrived: Promise<void>; release: () => void }
  stop(): Promise<void>
}

/** What a browser has to be told to find the hosts. */
export const hostRules = '--host-resolver-rules=MAP *.coats.test 127.0.0.1'

/** Starts the shop, with a cookie like this. Pages: `/` says who one is; `/login`, `/begin`, `/rotate` and `/logout` do it. */
export async function startAttackSite(cookieName?: string): Promise<AttackSite> {
  const plain = openCloakroom()
  const room = cookieName === undefined ? plain : plain.reopen<Goods>({ cookie: { name: cookieName } })
  let hold: { arrived: () => void; released: Promise<void> } | null = null

  const acts: Readonly<Record<string, (session: Session<Goods>) => unknown>> = {
    '/begin': (session) => session.set('theme', 'dark'),
    '/rotate': (session) => session.rotate(),
    '/logout': (session) => session.destroy(),
    async '/login'(session) {
      hold?.arrived()
      await hold?.released
      session.login('ann')
    },
  }

  const answer = withSession(room.sessions, async (req: IncomingMessage, res, session) => {
    res.setHeader('Content-Type', 'text/html')
    const path = new URL(req.url ?? '/', 'https://coats.test').pathname
    // The attacker's own host, where any script runs; and a hole in the shop, where it runs too.
    if (req.headers.host?.startsWith('evil.') || path === '/hole')
      return void res.end('<title>A page</title>')
    if (path === '/favicon.ico') return void res.end()
    await acts[path]?.(session)
    res.end(`<p>${session.userId ?? 'nobody'} ${session.get('theme') ?? 'plain'}</p>`)
  })

  const server = createServer(await selfSigned(), answer)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return {
    room,
    port,
    shop: `https://shop.coats.test:${port}`,
    sibling: `https://evil.coats.test:${port}`,
    holdLogins() {
      const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      hold = { arrived: arrived.resolve, released: released.promise }
      return { arrived: arrived.promise, release: released.resolve }
    },
    stop: () => stopped(server),
  }
}

async function stopped(server: Server): Promise<void> {
  const closed = new Promise((close) => server.close(close))
  server.closeAllConnections()
  await closed
}

/** A certificate that nobody trusts. */
async function selfSigned(): Promise<{ key: string; cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'coatcheck-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const about = ['-subj', '/CN=coats.test', '-addext', 'subjectAltName=DNS:*.coats.test', '-days', '1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await promisify(execFile)(requireProgram(programs.openssl), [
    'req',
    '-x509',
    ...kind,
    ...about,
    '-keyout',
    key,
    '-out',
    cert,
  ])
  const files = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  await rm(folder, { recursive: true })
  return files
}
