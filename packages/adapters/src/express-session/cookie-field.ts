import type { NodeResponse } from '@coatcheck/core'
import { Cookie, type CookieOptions } from './cookie.ts'
import { isSecure, type SessionedRequest } from './request.ts'

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

/** Adds a `Set-Cookie` field beside those of the application. */
export function appendCookie(head: NodeResponse, field: string): void {
  const before = head.getHeader('Set-Cookie') ?? []
  head.setHeader('Set-Cookie', [...(Array.isArray(before) ? before : [String(before)]), field])
}
