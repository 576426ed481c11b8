import type { SessionCookie } from '../cookie/session-cookie.ts'
import { createSplitCookie } from '../cookie/split-cookie.ts'
import { createSealer } from '../crypto/sealer.ts'
import type { SessionData } from '../session/session.ts'
import { readCookieOptions, type CookieSessionManagerOptions } from './cookie-options.ts'
import { createManager } from './manager.ts'
import type { SealedCarrier } from './read-sealed.ts'
import { createSealedSessions } from './sealed-sessions.ts'
import type { SessionManager } from './session-manager.ts'

/**
 * Makes a session manager that keeps each session in its cookie, encrypted (a JWE, RFC 7516), and needs no store. Throws
 * `ERR_SESSION_CONFIG` when an option is wrong. Does no work until the first request.
 *
 * Of changes that run in parallel the last one wins, in the browser: data that many requests change at once belong into a
 * store. A commit that does not fit into the cookies rejects with `ERR_SESSION_TOO_LARGE` and writes nothing.
 *
 * @example
 * const sessions = createCookieSessionManager({ secrets: [env.SESSION_SECRET], revocation: revocationStore(store) })
 */
export function createCookieSessionManager<Data extends object = SessionData>(
  options: CookieSessionManagerOptions<Data>,
): SessionManager<Data> {
  const policy = readCookieOptions(options)
  const { audience, cookies, keyring, maxParts } = policy
  const carrierOf = (cookie: SessionCookie): SealedCarrier => ({
    cookie: createSplitCookie(cookie, maxParts),
    sealer: createSealer(keyring, { purpose: 'cookie-session', audience, cookieName: cookie.name }),
  })
  const carriers = { secure: carrierOf(cookies.secure), loopback: carrierOf(cookies.loopback) }
  return createManager(policy, createSealedSessions(policy, carriers), {
    explain: async (request) =>
      (await import('./explain-sealed.ts')).explainSealed(policy, carriers, request),
    describe: async () => (await import('./describe-sealed.ts')).describeSealed(policy),
  })
}
