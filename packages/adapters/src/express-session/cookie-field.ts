import type { NodeResponse, OnEvent } from '@coatcheck/core'
import { appendCookie } from '../frameworks/append-cookie.ts'
import { Cookie, type CookieOptions } from './cookie.ts'
import type { Policy } from './options.ts'
import { insecurity, isSecure, type SessionedRequest } from './request.ts'
import type { Session } from './session.ts'
import { sign, type Secret } from './signature.ts'

/** The cookie of a new session; `'auto'` means: as this request came. */
export function cookieFor(req: SessionedRequest, options: CookieOptions, proxy: boolean | undefined): Cookie {
  const cookie = new Cookie(options)
  const secure = isSecure(req, proxy)
  if (options.secure === 'auto') cookie.secure = secure
  if (options.sameSite === 'auto') cookie.sameSite = secure ? 'none' : 'lax'
  return cookie
}

/** The field that takes a cookie out of the browser; browsers want its domain and path for that. */
export function removal(name: string, cookie: Cookie): string {
  return new Cookie({ ...cookie.data, expires: new Date(0) }).serialize(name, '')
}

/** Sends the cookie of a session, unless it may travel by https only and the request did not; then it is told why. */
export function sendCookie(
  head: NodeResponse,
  req: SessionedRequest,
  { cookie, id }: Session,
  { policy, report, secret }: { policy: Policy; report: OnEvent; secret: Secret },
): void {
  if (cookie.secure && !isSecure(req, policy.proxy)) {
    report({ type: 'insecure', ...insecurity(req, policy.proxy) })
  } else {
    appendCookie(head, cookie.serialize(policy.name, `s:${sign(id, secret)}`))
  }
}
