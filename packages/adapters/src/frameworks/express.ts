/// <reference types="node" />
import { SessionError, type LoadOptions, type Session, type SessionManager } from '@coatcheck/core'
import type { LegacySessions } from './legacy-sessions.ts'
import { attachNow, type NodeRequest, type NodeServerResponse } from './node.ts'

declare global {
  namespace Express {
    interface Request {
      /** The session of this request. Augment `SessionData` of `@coatcheck/core` to type what it holds. */
      session: Session
    }
  }
}

interface WithSession<Data extends object> extends NodeRequest {
  session?: Session<Data>
}

type Next = (error?: unknown) => void

/** Options of {@link session}. */
export interface SessionMiddlewareOptions<Data extends object> extends LoadOptions {
  /** Sessions of another library that are to go on, for example `expressSessions(…)` (default: none). */
  readonly legacy?: LegacySessions<Data>
}

/**
 * Middleware for Express 5 and 4 (and Connect): loads the session as `req.session` and commits it before the head of
 * the response is sent. A failure of the store goes to the error handlers, with nothing sent and no cookie.
 *
 * @example
 * const app = express().use(session(sessions))
 * app.get('/', (req, res) => res.send(`Hello ${req.session.userId ?? 'stranger'}`))
 */
export function session<Data extends object>(
  manager: SessionManager<Data>,
  options: SessionMiddlewareOptions<Data> = {},
): (req: NodeRequest, res: NodeServerResponse, next: Next) => void {
  return function session(req: WithSession<Data>, res, next) {
    if (req.session !== undefined) return next(occupied())
    try {
      const loaded = attachNow(manager, req, res, options, next)
      if (loaded instanceof Promise) return void enterLater(req, loaded, next)
      req.session = loaded
    } catch (error) {
      return next(error)
    }
    next()
  }
}

/**
 * An error handler that drops what a failed request changed; mount it behind the routes and before other error
 * handlers. Express does not tell middleware of errors: without it, changes are saved with the error page.
 */
export function discardOnError<Data extends object>(
  manager: SessionManager<Data>,
): (error: unknown, req: NodeRequest, res: NodeServerResponse, next: Next) => void {
  return function discardOnError(error, req: WithSession<Data>, res, next) {
    if (req.session !== undefined && !res.headersSent) manager.discard(req.session)
    next(error)
  }
}

async function enterLater<Data extends object>(
  req: WithSession<Data>,
  loading: Promise<Session<Data>>,
  next: Next,
): Promise<void> {
  try {
    req.session = await loading
  } catch (error) {
    return next(error)
  }
  next()
}

function occupied(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFIG',
    'req.session is set already: the session middleware is mounted twice, or another one uses its name.',
  )
}
