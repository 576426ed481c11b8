import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { isMode, readMode, type Mode } from './mode.ts'
import type { Env } from './sessions.ts'

interface Choosing {
  Bindings: Env
  Variables: { mode: Mode }
}

// No secret and no session: which of the three a visitor wants to see, until the browser closes.
const cookieName = 'mode'

/** Takes the setting, or what the visitor has chosen instead. A setting that is none of the three fails every page. */
export const chooseMode = createMiddleware<Choosing>(async (c, next) => {
  const setting = settingOf(c.env)
  const choice = getCookie(c, cookieName)
  c.set('mode', isMode(choice) ? choice : setting)
  await next()
})

/** Keeps a choice; the setting itself needs no cookie. */
export function keepChoice(c: Context, choice: Mode): void {
  const scope = { path: '/', secure: c.req.url.startsWith('https:') }
  if (choice === settingOf(c.env as Env)) deleteCookie(c, cookieName, scope)
  else setCookie(c, cookieName, choice, { ...scope, httpOnly: true, sameSite: 'Lax' })
}

function settingOf(env: Env): Mode {
  return readMode(env.SESSION_MODE, 'SESSION_MODE')
}
