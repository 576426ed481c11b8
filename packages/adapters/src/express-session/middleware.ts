import type { IncomingMessage, ServerResponse } from 'node:http'
import { gateResponse } from '../frameworks/response-gate.ts'
import type { CookieOptions } from './cookie.ts'
import type { Policy } from './options.ts'
import { readRecord, recordKeeperOf } from './record-keeper.ts'
import { reporterOf } from './report.ts'
import { pathMatches, pathOf, type SessionedRequest } from './request.ts'
import { presentedIds } from './presented.ts'
import type { Secret, SignedId } from './signature.ts'
import { isSessionRecord } from './store.ts'
import { createVisit, type Visit } from './visit.ts'

/** Hands the request on: to the next middleware, or with an error to the error handlers. */
export type Next = (error?: unknown) => void

/** Middleware as Connect and Express take it. */
export type SessionMiddleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void

/** Which middleware gives a request its new session, where one store serves several. */
const generators = new WeakMap<SessionedRequest, () => void>()

/** Makes the middleware for options that have been checked. */
export function createMiddleware(policy: Policy): SessionMiddleware {
  const { store } = policy
  const report = reporterOf(policy.onEvent)
  const keeper = recordKeeperOf(store)

  store.generate = (req: SessionedRequest) => {
    const generate = generators.get(req)
    if (generate === undefined) throw new TypeError('This request has not passed the session middleware.')
    generate()
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

    const begin = (presented: SignedId | null, start: (visit: Visit) => void): void => {
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
        start(visit)
      } catch (error) {
        // A function among the options threw, perhaps in a callback of the store.
        return next(error)
      }
      generators.set(req, visit.generate)
      gateResponse(res, { beforeHead: visit.beforeHead, beforeEnd: visit.beforeEnd, onFailure: next })
      next()
    }

    /** Looks for the first session that is named and there; a planted cookie must not hide the real one. */
    const seek = (index: number): void => {
      const presented = candidates[index]
      if (presented === undefined) return begin(candidates[0] ?? null, (visit) => visit.generate())
      readRecord(store, presented.sid, (error, record) => {
        if (error !== null) return next(error)
        if (!isSessionRecord(record)) return seek(index + 1)
        begin(presented, (visit) => visit.inflate(presented.sid, record))
      })
    }
    seek(0)
  }
}

function secretsOf(req: SessionedRequest, { compat, secrets }: Policy): readonly Secret[] {
  if (secrets.length > 0 || compat === 2 || !req.secret) return secrets
  return [req.secret as Secret]
}
