import type { Session } from '@coatcheck/core'
import { kvStore } from '@coatcheck/adapters/kv'
import { createMiddleware } from 'hono/factory'
import type { RequestIdVariables } from 'hono/request-id'
import type { Backstage } from './backstage.ts'
import type { Html } from './html.ts'
import { linesOf, trailOf } from './logbook.ts'
import type { Mode } from './mode.ts'
import { layout } from './pages.ts'
import { books, panel } from './panel.ts'
import type { DemoData, Env } from './sessions.ts'
import { ticketOf } from './ticket.ts'
import { totals, usageOf } from './usage.ts'

interface Head {
  readonly title: string
  /** A request of this visitor that his ids of today do not lead to. */
  readonly trace?: string | undefined
}

declare module 'hono' {
  interface ContextRenderer {
    (main: Html, head: Head): Response
  }
}

interface App {
  Bindings: Env
  Variables: RequestIdVariables & { mode: Mode; session: Session<DemoData> }
}

/**
 * Puts the panel beside what a handler gave to `c.render`. It stands outside the session middleware, so it runs
 * after the commit: only then can it show the cookie and the record as they are, this visit included.
 */
export const frame = createMiddleware<App>(async (c, next) => {
  let page: (Head & { readonly main: Html }) | undefined
  c.setRenderer((main, head) => {
    page = { ...head, main }
    return c.body(null)
  })
  await next()
  if (page === undefined || c.error !== undefined) return
  const { main, title, trace } = page
  const { mode, requestId, session } = c.var
  const { id } = session
  const requestIds = trace === undefined ? [requestId] : [requestId, trace]
  const trail = trailOf(id, requestIds)
  const backstage: Backstage = {
    mode,
    ticket: id === null ? null : ticketOf(c, id, mode),
    id,
    // Not by way of the session's store: what the panel reads is no cost of the session.
    record: id === null || mode === 'cookie' ? null : await kvStore(c.env.SESSIONS).get(id),
    data: Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
    lines: linesOf(trail, requestIds),
    usage: usageOf(trail.ids, requestIds),
    totals: totals(),
    requestId,
  }
  // Assigning keeps the headers that are there: Set-Cookie, Vary, Cache-Control.
  c.res = await c.html(layout({ title, main, aside: panel(backstage), below: books(backstage) }))
})
