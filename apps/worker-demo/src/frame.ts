import type { Session, SessionId } from '@coatcheck/core'
import { kvStore } from '@coatcheck/adapters/kv'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import type { RequestIdVariables } from 'hono/request-id'
import type { Html } from './html.ts'
import { linesFor } from './logbook.ts'
import { layout } from './pages.ts'
import { logBook, panel, type Ticket } from './panel.ts'
import type { DemoData, Env } from './sessions.ts'

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
  Variables: RequestIdVariables & { session: Session<DemoData> }
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
  const { requestId, session } = c.var
  const { id } = session
  const backstage = {
    ticket: id === null ? null : ticketOf(c, id),
    id,
    record: id === null ? null : await kvStore(c.env.SESSIONS).get(id),
    lines: linesFor(id, trace === undefined ? [requestId] : [requestId, trace]),
    requestId,
  }
  // Assigning keeps the headers that are there: Set-Cookie, Vary, Cache-Control.
  c.res = await c.html(layout({ title, main, aside: panel(backstage), below: logBook(backstage) }))
})

/** The cookie that the browser will hold after this response. */
function ticketOf(c: Context, id: SessionId): Ticket | null {
  const handedOut = c.res.headers.getSetCookie().find((field) => field.includes(`=${id}.`))
  if (handedOut !== undefined) {
    const [pair = '', ...attributes] = handedOut.split('; ')
    const [name = '', value = ''] = pair.split('=')
    return { name, id, proofStart: proofStart(value), isNew: true, attributes }
  }
  const shown = Object.entries(getCookie(c)).find(([, value]) => value.startsWith(`${id}.`))
  if (shown === undefined) return null
  const [name, value] = shown
  // A browser sends back name and value only; these are the attributes it was told when the ticket was new.
  const attributes = ['Path=/', ...(name.startsWith('__Host-') ? ['Secure'] : []), 'HttpOnly', 'SameSite=Lax']
  return { name, id, proofStart: proofStart(value), isNew: false, attributes }
}

function proofStart(token: string): string {
  return token.slice(token.indexOf('.') + 1).slice(0, 4)
}
