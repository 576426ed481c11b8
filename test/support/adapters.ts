import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { session as expressSession, discardOnError } from '@coatcheck/adapters/express'
import { withSession as withFetchSession } from '@coatcheck/adapters/fetch'
import { lazySession, session as honoSession } from '@coatcheck/adapters/hono'
import { withSession as withNodeSession } from '@coatcheck/adapters/node'
import type { Session, SessionManager } from '@coatcheck/core'
import { Hono } from 'hono'
import type { Goods } from './cloakroom.ts'
import { honoNodeServer } from './hono-node-server.ts'
import { serverOf } from './hono-server.ts'
import { answer, nodeServer, type Listener } from './node-server.ts'
import type { Server } from './visits.ts'

/** A handler that asks for the session only when it needs it. */
export type LazyHandler = (
  session: () => Promise<Session<Goods>>,
  request: Request,
) => Response | Promise<Response>

/** Every adapter, as a function that makes a server of it. An error is answered with {@link sorry}. */
export const adapters: Readonly<
  Record<string, (sessions: SessionManager<Goods>, handler: LazyHandler) => Server>
> = {
  'session of Hono': (sessions, handler) => serverOf(honoFetch(sessions, handler)),

  'session of Hono on @hono/node-server': (sessions, handler) => honoNodeServer(honoFetch(sessions, handler)),

  'lazySession of Hono'(sessions, handler) {
    const app = new Hono().use(lazySession(sessions))
    app.all('*', (c) => handler(c.var.session, c.req.raw))
    app.onError((_, c) => c.text(sorry, 500))
    return serverOf(app.fetch)
  },

  fetch(sessions, handler) {
    const answerFetch = withFetchSession(sessions, (request, session) =>
      handler(async () => session, request),
    )
    // What the platforms do with a worker that throws.
    return (request) => answerFetch(request).catch(() => new Response(sorry, { status: 500 }))
  },

  node: (sessions, handler) =>
    nodeServer(
      withNodeSession(sessions, (req, res, session) => answer(plain(handler, req), session, req, res), {
        onError(_error, _req, res) {
          res.statusCode = 500
          res.end(sorry)
        },
      }),
    ),

  Express(sessions, handler) {
    const app = express()
    app.disable('x-powered-by')
    app.use(expressSession<Goods>(sessions))
    app.use((req: WithSession, res: ServerResponse, next: (error: unknown) => void) => {
      answer(plain(handler, req), req.session, req, res).then(undefined, next)
    })
    app.use(discardOnError(sessions))
    app.use((_error: unknown, _req: WithSession, res: ServerResponse, _next: unknown) => {
      res.statusCode = 500
      res.end(sorry)
    })
    return nodeServer(app)
  },
}

/** The page of a request that failed. */
export const sorry = 'Sorry'

/** An application of Hono with the session middleware. */
function honoFetch(
  sessions: SessionManager<Goods>,
  handler: LazyHandler,
): (request: Request, bindings?: object) => Response | Promise<Response> {
  const app = new Hono().use(honoSession(sessions))
  app.all('*', (c) => handler(async () => c.var.session, c.req.raw))
  app.onError((_, c) => c.text(sorry, 500))
  return app.fetch
}

/** The handler for `answer`, whose requests have no fields. */
function plain(handler: LazyHandler, { headers }: IncomingMessage): Parameters<typeof answer>[0] {
  const fields = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string])
  return (session, request) => handler(async () => session, new Request(request, { headers: fields }))
}

type WithSession = IncomingMessage & { session: Session<Goods> }

/** The part of an Express application that is used. */
interface Express extends Listener {
  disable(setting: string): void
  use(middleware: (...args: never[]) => unknown): void
}

// Express is a dependency of the adapters, and of nothing above them.
const express = createRequire(new URL('../../packages/adapters/package.json', import.meta.url))(
  'express',
) as () => Express
