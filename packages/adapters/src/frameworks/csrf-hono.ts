import { SessionError } from '@coatcheck/core'
import {
  createCsrf,
  forbidden,
  type Csrf,
  type CsrfCheckOptions,
  type CsrfOptions,
  type CsrfSessionSource,
} from '@coatcheck/core/csrf'
import type { Context, MiddlewareHandler } from 'hono'

/**
 * Hono middleware against cross-site request forgery; mount it behind `session` or `lazySession`. A request that another
 * site may have caused, a login or the opening of a WebSocket included, is answered with 403 before any route sees it.
 *
 * @param protection Options, or what `createCsrf` made of them, where pages ask it for tokens (default: by headers only).
 * @example
 * const app = new Hono().use(session(sessions)).use(csrf())
 */
export function csrf(protection: Csrf | CsrfOptions = {}): MiddlewareHandler {
  const guard = 'check' in protection ? protection : createCsrf(protection)
  return async function csrf(c, next) {
    const verdict = await guard.check(c.req.raw, sessionOf(c), parsedFields(c))
    if (!verdict.allowed) return forbidden()
    await next()
  }
}

/** A session, or the function of `lazySession` that loads it. */
function sessionOf(c: Context): CsrfSessionSource {
  const session: unknown = c.get('session')
  if (session !== undefined) return session as CsrfSessionSource
  throw new SessionError(
    'ERR_SESSION_CONFIG',
    'c.var.session is not set: mount csrf behind the session middleware.',
  )
}

/** Once the body has been read, only Hono still has it. */
function parsedFields(c: Context): CsrfCheckOptions {
  if (!c.req.raw.bodyUsed) return {}
  return { field: async (_, name) => (await c.req.parseBody({ all: true }))[name] }
}
