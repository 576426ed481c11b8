import { createSessionManager, type Session, type SessionManager } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { kvStore } from '../stores/kv.ts'
import { withSession } from './fetch.ts'
import { lazySession, session } from './hono.ts'

interface Data {
  views: number
}

const secret = 'kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'

type Handler = (session: Session<Data>) => Response | Promise<Response>
type Server = (request: Request) => Response | Promise<Response>

const adapters: Record<string, (sessions: SessionManager<Data>, handler: Handler) => Server> = {
  withSession: (sessions, handler) => withSession(sessions, (_, loaded) => handler(loaded)),
  'session of hono': (sessions, handler) =>
    new Hono().use(session(sessions)).all('*', (c) => handler(c.var.session)).fetch,
  'lazySession of hono': (sessions, handler) =>
    new Hono().use(lazySession(sessions)).all('*', async (c) => handler(await c.var.session())).fetch,
}

function open() {
  const events: string[] = []
  const sessions = createSessionManager<Data>({
    secrets: [secret],
    store: memoryStore(),
    onEvent: ({ type }) => events.push(type),
  })
  return { events, sessions }
}

function request(cookie?: string | null, headers: Record<string, string> = {}): Request {
  return new Request('https://shop.test/', { headers: { ...headers, ...(cookie ? { Cookie: cookie } : {}) } })
}

/** The pair of our cookie that a response sets. */
function cookieOf(response: Response): string | null {
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? null
}

describe.for(Object.entries(adapters))('%s', ([, mount]) => {
  test('ASVS-4.4.3 lets a WebSocket through, with what was changed before the upgrade written', async () => {
    const { events, sessions } = open()
    const server = mount(sessions, (loaded) => {
      loaded.update('views', (views = 0) => views + 1)
      if (loaded.isNew) return new Response('Hi')
      const { 0: client, 1: socket } = new WebSocketPair()
      socket.accept()
      socket.addEventListener('message', ({ data }) => socket.send(`${String(data)} ${loaded.get('views')}`))
      return new Response(null, { status: 101, webSocket: client })
    })
    const cookie = cookieOf(await server(request()))
    const upgrade = await server(request(cookie, { Upgrade: 'websocket' }))
    expect(upgrade.status).toBe(101)
    expect([...upgrade.headers.keys()]).toEqual([])
    const socket = upgrade.webSocket!
    socket.accept()
    const answer = new Promise((resolve) => {
      socket.addEventListener('message', ({ data }) => resolve(data))
    })
    socket.send('views:')
    expect(await answer).toBe('views: 2')
    socket.close()
    expect(events).toEqual(['created', 'updated'])
  })

  test('ASVS-4.4.4 begins no session by a WebSocket, and says so', async () => {
    const { events, sessions } = open()
    const server = mount(sessions, (loaded) => {
      loaded.set('views', 1)
      const { 0: client, 1: socket } = new WebSocketPair()
      socket.accept()
      return new Response(null, { status: 101, webSocket: client })
    })
    const upgrade = await server(request(null, { Upgrade: 'websocket' }))
    expect(upgrade.status).toBe(101)
    expect(upgrade.webSocket).not.toBeNull()
    expect(events).toEqual(['withheld'])
  })

  test('passes a response of the cache on with our cookie, and leaves the one in the cache as it is', async () => {
    const { sessions } = open()
    const key = `https://shop.test/cached/${crypto.getRandomValues(new Uint32Array(1)).join('')}`
    await caches.default.put(
      key,
      new Response('cached', { headers: { 'Cache-Control': 'public, max-age=60' } }),
    )
    const server = mount(sessions, async (loaded) => {
      loaded.update('views', (views = 0) => views + 1)
      return (await caches.default.match(key))!
    })
    const cookies = new Set<string | null>()
    for (let visitor = 0; visitor < 2; visitor++) {
      const response = await server(request())
      expect(await response.text()).toBe('cached')
      expect(response.headers.get('Cache-Control')).toBe('no-store')
      cookies.add(cookieOf(response))
    }
    expect(cookies.size).toBe(2)
    const kept = await caches.default.match(key)
    expect(kept?.headers.get('Cache-Control')).toBe('public, max-age=60')
    expect(kept?.headers.getSetCookie()).toEqual([])
    await kept?.text()
  })
})

describe('a Worker', () => {
  interface Env {
    readonly SESSIONS: KVNamespace
  }

  const sessionsOf = (bindings: Env) =>
    createSessionManager<Data>({ secrets: [secret], store: kvStore(bindings.SESSIONS) })

  const count: Handler = (loaded) => {
    loaded.update('views', (views = 0) => views + 1)
    return new Response(`Visit ${loaded.get('views')}`)
  }

  const workers: Record<string, ExportedHandler<Env>> = {
    withSession: { fetch: withSession(sessionsOf, (_, loaded) => count(loaded)) },
    'withSession, with bindings and context': {
      fetch: withSession(sessionsOf, (_, loaded, bindings: Env, context: ExecutionContext) => {
        context.waitUntil(bindings.SESSIONS.get('nothing'))
        return count(loaded)
      }),
    },
    'session of hono': new Hono<{ Bindings: Env }>()
      .use(session(sessionsOf))
      .get('/', (c) => count(c.var.session)),
    'lazySession of hono': new Hono<{ Bindings: Env }>()
      .use(lazySession(sessionsOf))
      .get('/', async (c) => count(await c.var.session())),
  }

  test.for(Object.entries(workers))('keeps its sessions in KV: %s', async ([, worker]) => {
    let cookie: string | null = null
    for (let view = 1; view <= 3; view++) {
      const context = createExecutionContext()
      const incoming: Request<unknown, IncomingRequestCfProperties> = new Request<
        unknown,
        IncomingRequestCfProperties
      >(request(cookie))
      const response = await worker.fetch!(incoming, env, context)
      await waitOnExecutionContext(context)
      expect(await response.text()).toBe(`Visit ${view}`)
      cookie ??= cookieOf(response)
    }
  })
})
