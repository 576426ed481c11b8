import type { ExecutionContext } from '@cloudflare/workers-types'
import type { Session, SessionManager } from '@coatcheck/core'
import { expectTypeOf, test } from 'vitest'
import { withSession } from './fetch.ts'

interface Goods {
  views: number
}

interface Env {
  readonly SECRET: string
}

/** What Deno.serve takes. */
type DenoHandler = (
  request: Request,
  info: { remoteAddr: { hostname: string }; completed: Promise<void> },
) => Response | Promise<Response>

/** What Bun.serve passes on. */
interface BunServer {
  upgrade(request: Request): boolean
  timeout(request: Request, seconds: number): void
}

/** What Bun.serve takes: a handler gives nothing back once it has upgraded the connection. */
type BunHandler = (
  request: Request,
  server: BunServer,
) => Response | undefined | Promise<Response | undefined>

/** What a Worker exports. */
interface Worker<Bindings> {
  fetch(request: Request, env: Bindings, context: ExecutionContext): Response | Promise<Response>
}

declare const sessions: SessionManager<Goods>
declare const sessionsOf: (env: Env) => SessionManager<Goods>

test('the session has the type of its data', () => {
  withSession(sessions, (request, session) => {
    expectTypeOf(request).toEqualTypeOf<Request>()
    expectTypeOf(session).toEqualTypeOf<Session<Goods>>()
    // @ts-expect-error no such key
    session.get('hat')
    return new Response('Hi')
  })
})

test('a Worker exports it', () => {
  const plain = { fetch: withSession(sessions, () => new Response('Hi')) }
  expectTypeOf(plain).toExtend<Worker<Env>>()
  const made = { fetch: withSession(sessionsOf, () => new Response('Hi')) }
  expectTypeOf(made).toExtend<Worker<Env>>()
})

test('a Worker has its bindings and its context, typed by what it exports', () => {
  const worker: Worker<Env> = {
    fetch: withSession(sessionsOf, (_request, session, env, context) => {
      expectTypeOf(session).toEqualTypeOf<Session<Goods>>()
      expectTypeOf(env).toEqualTypeOf<Env>()
      expectTypeOf(context).toEqualTypeOf<ExecutionContext>()
      return new Response('Hi')
    }),
  }
  expectTypeOf(worker).toEqualTypeOf<Worker<Env>>()
})

test('a Worker has its bindings and its context, typed by what it names', () => {
  const worker = {
    fetch: withSession(sessionsOf, (_request, _session, env: Env, context: ExecutionContext) => {
      expectTypeOf(env.SECRET).toEqualTypeOf<string>()
      context.waitUntil(Promise.resolve())
      return new Response('Hi')
    }),
  }
  expectTypeOf(worker).toExtend<Worker<Env>>()
})

test('what it exports can be called by its own tests', () => {
  const { fetch } = { fetch: withSession(sessionsOf, () => new Response('Hi')) }
  expectTypeOf(fetch).toBeCallableWith(new Request('https://shop.test/'), { SECRET: '' }, { waitUntil() {} })
})

test('bindings that the manager cannot be made from do not compile', () => {
  // @ts-expect-error the Worker has no SECRET
  const worker: Worker<{ OTHER: string }> = { fetch: withSession(sessionsOf, () => new Response('Hi')) }
  void worker
})

test('Deno.serve takes it', () => {
  expectTypeOf(withSession(sessions, () => new Response('Hi'))).toExtend<DenoHandler>()
  const handler: DenoHandler = withSession(sessions, (_request, session, info) => {
    expectTypeOf(info.remoteAddr.hostname).toEqualTypeOf<string>()
    return new Response(`${info.remoteAddr.hostname} ${session.get('views')}`)
  })
  void handler
})

test('Bun.serve takes it', () => {
  expectTypeOf(withSession(sessions, () => new Response('Hi'))).toExtend<BunHandler>()
  const handler: BunHandler = withSession(sessions, (request, session, server) => {
    server.timeout(request, 10)
    return new Response(`${session.get('views')}`)
  })
  void handler
})

test('Bun.serve takes it also where the connection is upgraded', () => {
  const handler: BunHandler = withSession(sessions, (request, session, server: BunServer) => {
    if (server.upgrade(request)) return undefined
    return new Response(`${session.get('views')}`)
  })
  void handler
})

test('a handler that forgets its response does not compile', () => {
  // @ts-expect-error no response
  const worker: Worker<Env> = { fetch: withSession(sessions, () => {}) }
  void worker
})
