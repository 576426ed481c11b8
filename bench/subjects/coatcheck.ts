// How an application uses coatcheck, the same on every host.
import { createSessionManager, type Session, type SessionManager, type Store } from '@coatcheck/core'
import { createCookieSessionManager } from '@coatcheck/core/cookie-session'
import { memoryStore } from '@coatcheck/core/memory-store'
import type { Goods } from '../scenarios.ts'
import { secret, type Routes } from './subject.ts'

/** A manager with its defaults. @param store (default: in memory, with room for every visitor of the bench). */
export function coatcheckSessions(
  store: Store = memoryStore({ maxEntries: 2_000_000 }),
): SessionManager<Goods> {
  return createSessionManager<Goods>({ secrets: [secret], store })
}

/** Everything in the sealed cookie, and no list of what has ended: what the peers that keep it there have. */
export function coatcheckCookieSessions(): SessionManager<Goods> {
  return createCookieSessionManager<Goods>({ secrets: [secret], revocation: 'none' })
}

/** The routes, by the session of a request. */
export function coatcheckRoutes<Context>(sessionOf: (context: Context) => Session<Goods>): Routes<Context> {
  return {
    fill(context, goods) {
      const session = sessionOf(context)
      for (const key of Object.keys(goods)) session.set(key, goods[key])
      return 'new'
    },
    read: (context) => `${sessionOf(context).get('views') ?? 'none'}`,
    write(context) {
      const session = sessionOf(context)
      session.update('views', (views = 0) => views + 1)
      return `${session.get('views')}`
    },
    login(context) {
      sessionOf(context).login('ada')
      return 'in'
    },
  }
}
