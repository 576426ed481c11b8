/// <reference types="node" />
import depd from 'depd'
import { Cookie } from '../express-session/cookie.ts'
import { MemoryStore } from '../express-session/memory-store.ts'
import { createMiddleware, type SessionMiddleware } from '../express-session/middleware.ts'
import { readOptions, type SessionOptions } from '../express-session/options.ts'
import { Session } from '../express-session/session.ts'
import { Store } from '../express-session/store.ts'

// Of this file, so that its warnings name the line of the application.
const deprecate = depd('express-session')

/** The middleware of express-session, with its classes beside it. */
export interface ExpressSession {
  /** Throws a `TypeError` that names the option when one is wrong. */
  (options?: SessionOptions): SessionMiddleware
  readonly Cookie: typeof Cookie
  readonly MemoryStore: typeof MemoryStore
  readonly Session: typeof Session
  readonly Store: typeof Store
}

/**
 * Takes the place of express-session: the same options, cookies and records, with any store made for it. What differs
 * is what went wrong there: the session is in the store before the client sees the head of the response, parallel
 * requests do not overwrite each other's keys, and what was destroyed does not come back.
 *
 * @example
 * app.use(session({ secret: process.env.SESSION_SECRET, resave: false, saveUninitialized: false }))
 */
const session: ExpressSession = Object.assign(
  function session(options?: SessionOptions): SessionMiddleware {
    return createMiddleware(readOptions(options, deprecate))
  },
  { Cookie, MemoryStore, Session, Store },
)

export default session
// What `require()` of this module gives.
export { session as 'module.exports', Cookie, MemoryStore, Session, Store }
export type { SessionMiddleware, SessionOptions }
