import type { IncomingMessage } from 'node:http'
import type { InsecureReason } from '@coatcheck/core'
import { isEncrypted } from '../frameworks/node-request.ts'
import type { Session } from './session.ts'
import type { ExpressStore } from './store.ts'

/** A request as the middleware finds it and leaves it; what Express and cookie-parser add may be missing. */
export interface SessionedRequest extends IncomingMessage {
  session?: Session | null | undefined
  sessionID?: unknown
  sessionStore?: ExpressStore
  originalUrl?: string
  secure?: boolean
  secret?: unknown
  cookies?: Record<string, unknown>
  signedCookies?: Record<string, unknown>
}

/** The session of a request; null when there is none, or when `req.sessionID` was made useless. */
export function currentSession({ session = null, sessionID }: SessionedRequest): Session | null {
  if (session === null || typeof sessionID !== 'string') return null
  if (typeof (session as Partial<Session>).touch === 'function') return session
  throw new TypeError(
    'req.session was replaced by something that is no session. Set values on req.session, or call req.session.regenerate().',
  )
}

const plainPath = /^\/[^?#]*$/

/** The path that the client asked for, before any mounting; without query, also from an absolute URL. */
export function pathOf(req: SessionedRequest): string {
  const target = req.originalUrl ?? req.url ?? ''
  if (plainPath.test(target)) return target
  const path = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
  return path === '' ? '/' : path
}

/** Whether a cookie with this path goes with that request (RFC 6265 §5.1.4): `/foo` covers `/foo/bar`, not `/foobar`. */
export function pathMatches(path: string, cookiePath: string): boolean {
  if (!path.startsWith(cookiePath)) return false
  return path.length === cookiePath.length || cookiePath.endsWith('/') || path[cookiePath.length] === '/'
}

/**
 * Whether the request came by TLS. `proxy` true trusts the first entry of X-Forwarded-Proto, false trusts the socket
 * only, undefined asks Express (`trust proxy`).
 */
export function isSecure(req: SessionedRequest, proxy: boolean | undefined): boolean {
  if (isEncrypted(req.socket)) return true
  if (proxy === undefined) return req.secure === true
  if (!proxy) return false
  const forwarded = req.headers['x-forwarded-proto']?.toString() ?? ''
  return forwarded.split(',', 1)[0]!.trim().toLowerCase() === 'https'
}

/** Why a request that did not come by TLS cannot carry a secure cookie, and the remedy in a sentence. */
export function insecurity(
  req: SessionedRequest,
  proxy: boolean | undefined,
): { readonly reason: InsecureReason; readonly remedy: string } {
  const proxied = req.headers['x-forwarded-proto'] !== undefined && proxy !== true
  return proxied
    ? {
        reason: 'untrusted-proxy',
        remedy:
          "The request came through a proxy. If it is yours, call app.set('trust proxy', 1), or set the session option proxy to true.",
      }
    : {
        reason: 'plain-http',
        remedy: "cookie.secure needs https. For development without it, set cookie.secure to 'auto'.",
      }
}
