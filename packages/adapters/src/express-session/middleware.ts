import type { IncomingMessage, ServerResponse } from 'node:http'
import { gateResponse } from '../frameworks/response-gate.ts'
import type { CookieOptions } from './cookie.ts'
import type { Policy } from './options.ts'
import { readRecord, recordKeeperOf } from './record-keeper.ts'
import { reporterOf } from './report.ts'
import { pathMatches, pathOf, type SessionedRequest } from './request.ts'
import { presentedIds } from './presented.ts'
import type { Secret, SignedId } from './signature.ts'
import { isSessionRecord, type SessionRecord } from './store.ts'
import { createVisit } from './visit.ts'

/** Hands the request on: to the next middleware, or with an error to the error handlers. */
export type Next = (error?: unknown) => void

/** Middleware as Connect and Express take it. */
export type SessionMiddleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void

/** Which middleware gives a request its new session, where one store serves several. */
const generators = new WeakMap<SessionedRequest, () => void>()

/** The session that a request names, and its record if there is one. */
interface Found {
  readonly presented: SignedId | null
  readonly record: SessionRecord | null
}

/** Makes the middleware for options that have been checked. */
export function createMiddleware(policy: Policy): SessionMiddleware {
  const { store } = policy
  const report = reporterOf(policy.onEvent)
  const keeper = recordKeeperOf(store)

  // Another middleware, perhaps of express-session itself, may share the store.
  const { generate: others } = store
  store.generate = (req: SessionedRequest) => {
    const generate = generators.get(req) ?? others?.bind(store, req)
    if (generate === undefined) throw new TypeError('This request has not passed the session middleware.')
    generate()
  }

  /** The first session that is named and there; a planted cookie must not hide the real one. */
  async function find(candidates: readonly SignedId[]): Promise<Found> {
    for (const presented of candidates) {
      const record = await readRecord(store, presented.sid)
      if (isSessionRecord(record)) return { presented, record }
    }
    return { presented: candidates[0] ?? null, record: null }
  }

  return function session(req: SessionedRequest, res, next) {
    if (req.session) return next()
    let cookie: CookieOptions
    try {
      cookie = typeof policy.cookie === 'function' ? policy.cookie(req) : policy.cookie
    } catch (error) {
      return next(error)
    }
    if (!pathMatches(pathOf(req), cookie.path || '/')) return next()
    const secrets = secretsOf(req, policy)
    const [secret] = secrets
    if (secret === undefined) return next(new Error('secret option required for sessions'))
    req.sessionStore = store
    const candidates = presentedIds(req, policy, secrets)

    const begin = ({ presented, record }: Found): void => {
      const visit = createVisit(req, {
        cookie,
        keeper,
        policy,
        presented,
        report,
        secret,
        status: () => res.statusCode,
      })
      try {
        if (presented === null || record === null) visit.generate()
        else visit.inflate(presented.sid, record)
      } catch (error) {
        // A function among the options threw.
        return next(error)
      }
      generators.set(req, visit.generate)
      const { beforeEnd } = visit
      // Mounted behind something that streams, it comes too late for a cookie; what is there can still be saved.
      const beforeHead = res.headersSent ? beforeEnd : visit.beforeHead
      gateResponse(res, { beforeHead, beforeEnd, onFailure: next })
      next()
    }

    if (candidates.length === 0) return begin({ presented: null, record: null })
    // On the next tick, out of the promise: what the handlers throw is an uncaught exception, as in express-session.
    find(candidates).then(
      (found) => process.nextTick(begin, found),
      (error: unknown) => process.nextTick(next, error),
    )
  }
}

function secretsOf(req: SessionedRequest, { compat, secrets }: Policy): readonly Secret[] {
  if (secrets.length > 0 || compat === 2 || !req.secret) return secrets
  return [req.secret as Secret]
}
