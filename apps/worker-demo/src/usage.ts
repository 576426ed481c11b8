import type { Session, Store } from '@coatcheck/core'
import { tryGetContext } from 'hono/context-storage'
import { createMiddleware } from 'hono/factory'
import type { RequestIdVariables } from 'hono/request-id'
import type { Mode } from './mode.ts'
import { octetsOf, sentCookies, setCookies } from './session-cookies.ts'

/** What the session of one request cost. */
export interface Usage {
  readonly requestId: string
  /** Method and path. */
  readonly request: string
  readonly mode: Mode
  /** The methods of the store, in the order of the calls. */
  readonly calls: readonly string[]
  /** Octets of the session's cookies that the browser sent, and that the response sets. */
  readonly sent: number
  readonly set: number
  /** The session that the request ended with. */
  readonly sessionId: string | null
}

/** What requests of one mode cost together. */
export interface Total {
  readonly mode: Mode
  readonly requests: number
  readonly calls: number
  readonly sent: number
  readonly set: number
}

interface Metered {
  Variables: RequestIdVariables & { mode: Mode; calls: string[]; session?: Session }
}

// Like the log book: each isolate of the Worker has its own.
const newestFirst: Usage[] = []
const capacity = 100

/** The same store; each call is noted for the request that makes it. */
export function counted<Kind extends Store>(store: Kind): Kind {
  return new Proxy(store, {
    get(target, name: keyof Kind & string) {
      const member = target[name]
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown => {
        tryGetContext<Metered>()?.var.calls?.push(name)
        return Reflect.apply(member, target, args)
      }
    },
  })
}

/** Notes what the session costs. It stands outside the session middleware, so the commit is part of it. */
export const metered = createMiddleware<Metered>(async (c, next) => {
  const calls: string[] = []
  c.set('calls', calls)
  await next()
  newestFirst.unshift({
    requestId: c.var.requestId,
    request: `${c.req.method} ${c.req.path}`,
    mode: c.var.mode,
    calls,
    sent: octetsOf(sentCookies(c)),
    set: octetsOf(setCookies(c).map(({ pair }) => pair)),
    sessionId: c.var.session?.id ?? null,
  })
  newestFirst.length = Math.min(newestFirst.length, capacity)
})

/** What the requests of these sessions, or with these numbers, have cost, newest first. */
export function usageOf(sessionIds: ReadonlySet<string>, requestIds: readonly string[]): Usage[] {
  return newestFirst.filter(
    ({ requestId, sessionId }) =>
      requestIds.includes(requestId) || (sessionId !== null && sessionIds.has(sessionId)),
  )
}

/** What the last hundred requests have cost, whoever made them, for each mode that was in use. */
export function totals(): Total[] {
  const byMode = new Map<Mode, Total>()
  for (const { mode, calls, sent, set } of newestFirst) {
    const sum = byMode.get(mode) ?? { mode, requests: 0, calls: 0, sent: 0, set: 0 }
    byMode.set(mode, {
      mode,
      requests: sum.requests + 1,
      calls: sum.calls + calls.length,
      sent: sum.sent + sent,
      set: sum.set + set,
    })
  }
  return [...byMode.values()]
}
