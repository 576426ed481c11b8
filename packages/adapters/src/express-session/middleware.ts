import type { IncomingMessage, ServerResponse } from 'node:http'
import { gateResponse, type ResponseHooks } from '../frameworks/response-gate.ts'
import type { CookieOptions } from './cookie.ts'
import { using, type Maybe } from './maybe.ts'
import type { Policy } from './options.ts'
import { recordKeeperOf } from './record-keeper.ts'
import { reporterOf } from './report.ts'
import { pathMatches, pathOf, type SessionedRequest } from './request.ts'
import { presentedIds } from './presented.ts'
import type { Secret, SignedId } from './signature.ts'
import { isSessionRecord, type SessionRecord } from './store.ts'
import { Visit } from './visit.ts'

/** Hands the request on: to the next middleware, or with an error to the error handlers. */
export type Next = (error?: unknown) => void

/** Middleware as Connect and Express take it. */
export type SessionMiddleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void

/** Which middleware gives a request its new session, where one store serves several. */
const visitOf: unique symbol = Symbol('coatcheck.visit')

interface PassedRequest extends SessionedRequest {
  [visitOf]?: Visit
}

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
  store.generate = (req: PassedRequest) => {
    const visit = req[visitOf]
    if (visit !== undefined) return visit.generate()
    if (others === undefined) throw new TypeError('This request has not passed the session middleware.')
    others.call(store, req)
  }

  /** The first session that is named and there; a planted cookie must not hide the real one. */
  function find(candidates: readonly SignedId[], index = 0): Maybe<Found> {
    const presented = candidates[index]
    if (presented === undefined) return { presented: candidates[0] ?? null, record: null }
    return using(keeper.peek(presented.sid), (record) =>
      isSessionRecord(record) ? { presented, record } : find(candidates, index + 1),
    )
  }

  return function session(req: PassedRequest, res, next) {
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

    const begin = ({ presented, record }: Found): void => {
      const visit = new Visit(req, res, { cookie, keeper, policy, presented, report, secret })
      try {
        if (presented === null || record === null) visit.generate()
        else visit.inflate(presented.sid, record)
      } catch (error) {
        // A function among the options threw.
        return next(error)
      }
      req[visitOf] = visit
      gateResponse(res, new Hooks(visit, res.headersSent, next))
      next()
    }

    const found = find(presentedIds(req, policy, secrets))
    if (!(found instanceof Promise)) return begin(found)
    // On the next tick, out of the promise: what the handlers throw is an uncaught exception, as in express-session.
    found.then(
      (found) => process.nextTick(begin, found),
      (error: unknown) => process.nextTick(next, error),
    )
  }
}

/** What the gate calls; by a constructor, as the visit. */
class Hooks implements ResponseHooks {
  readonly beforeHead: ResponseHooks['beforeHead']
  readonly beforeEnd: Visit['beforeEnd']
  readonly onFailure: Next

  /** @param late Mounted behind something that streams, it comes too late for a cookie; what is there can still be saved. */
  constructor({ beforeEnd, beforeHead }: Visit, late: boolean, next: Next) {
    this.beforeHead = late ? beforeEnd : beforeHead
    this.beforeEnd = beforeEnd
    this.onFailure = next
  }
}

function secretsOf(req: SessionedRequest, { compat, secrets }: Policy): readonly Secret[] {
  if (secrets.length > 0 || compat === 2 || !req.secret) return secrets
  return [req.secret as Secret]
}
