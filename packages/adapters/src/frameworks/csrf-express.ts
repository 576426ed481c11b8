/// <reference types="node" />
import { SessionError, type SessionRequest } from '@coatcheck/core'
import {
  createCsrf,
  type Csrf,
  type CsrfOptions,
  type CsrfRequest,
  type CsrfSession,
} from '@coatcheck/core/csrf'
import { sessionRequest, type NodeRequest } from './node-request.ts'
import type { NodeServerResponse } from './node.ts'

/** What Express and its body parsers add to a request. */
interface ExpressRequest extends NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly originalUrl?: string
  readonly session?: CsrfSession
  readonly body?: unknown
}

type Next = (error?: unknown) => void

/**
 * Middleware for Express 5 and 4 against cross-site request forgery; mount it behind `session`. A request that another
 * site may have caused, a login included, is answered with 403 before any route sees it. A token in a form is found in `req.body`, so
 * `express.urlencoded()` then comes first; one in the header `X-CSRF-Token` needs no parser. Express sees no requests
 * for WebSockets: ask `verifyUpgrade` in the server's `upgrade` event.
 *
 * @param protection Options, or what `createCsrf` made of them, where pages ask it for tokens (default: by headers only).
 * @example
 * const app = express().use(session(sessions), csrf())
 */
export function csrf(
  protection: Csrf | CsrfOptions = {},
): (req: NodeRequest, res: NodeServerResponse, next: Next) => void {
  const guard = 'check' in protection ? protection : createCsrf(protection)
  async function judge(req: ExpressRequest, res: NodeServerResponse, next: Next): Promise<void> {
    try {
      const { session } = req
      if (session === undefined) throw unmounted()
      const field = async (_: CsrfRequest, name: string): Promise<unknown> => fieldsOf(req.body)[name]
      const { allowed } = await guard.check(csrfRequest(req), session, { field })
      if (!allowed) return forbid(res)
    } catch (error) {
      return next(error)
    }
    next()
  }
  return function csrf(req, res, next) {
    void judge(req, res, next)
  }
}

/**
 * A Node request in the terms of `createCsrf` and `SessionManager.load`: for `upgrade` events, which no framework sees.
 *
 * @example
 * server.on('upgrade', async (req, socket) => {
 *   const request = csrfRequest(req)
 *   const session = await sessions.load(request)
 *   const { allowed } = await protection.verifyUpgrade(request, session)
 *   if (!allowed || session.userId === null) return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
 * })
 */
export function csrfRequest(
  req: NodeRequest & { method?: string | undefined; url?: string | undefined },
): CsrfRequest & SessionRequest {
  const { originalUrl = req.url ?? '/' } = req as ExpressRequest
  const path = originalUrl.startsWith('/') ? originalUrl : `/${originalUrl}`
  return { method: req.method ?? 'GET', ...sessionRequest(req, path) }
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
}

function forbid(res: NodeServerResponse): void {
  res.statusCode = 403
  res.setHeader('Content-Type', 'text/plain; charset=utf-8')
  res.setHeader('Cache-Control', 'no-store')
  res.end('Forbidden')
}

function unmounted(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFIG',
    'req.session is not set: mount csrf behind the session middleware.',
  )
}
