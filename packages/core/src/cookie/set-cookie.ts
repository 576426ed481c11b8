/** When the browser sends the cookie along with requests that come from other sites. */
export type SameSite = 'Strict' | 'Lax' | 'None'

/** A span of time on the server's clock, in milliseconds since the epoch. */
export interface CookieLife {
  readonly from: number
  readonly until: number
}

/** The attributes of one `Set-Cookie` field. */
export interface CookieAttributes {
  readonly path: string
  readonly domain?: string | undefined
  /** How long the cookie lives; without it the cookie ends with the browser. */
  readonly life?: CookieLife | undefined
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: SameSite
  readonly partitioned?: boolean | undefined
  readonly priority?: 'Low' | 'Medium' | 'High' | undefined
}

/** The longest life of a cookie that browsers allow: 400 days, in seconds (RFC 6265bis §5.5). */
export const maxCookieAge = 34_560_000

const longAgo: CookieLife = { from: 0, until: 0 }

/** The value of a `Set-Cookie` field (RFC 6265bis §4.1). Name, value and attributes have been checked before. */
export function serializeSetCookie(name: string, value: string, attributes: CookieAttributes): string {
  const { domain, life, partitioned, path, priority, sameSite } = attributes
  let field = `${name}=${value}; Path=${path}`
  if (domain !== undefined) field += `; Domain=${domain}`
  if (life !== undefined) field += `; ${expiryOf(life)}`
  if (attributes.secure) field += '; Secure'
  if (attributes.httpOnly) field += '; HttpOnly'
  field += `; SameSite=${sameSite}`
  if (partitioned === true) field += '; Partitioned'
  if (priority !== undefined) field += `; Priority=${priority}`
  return field
}

/** A field that removes the cookie: it repeats every attribute, since browsers refuse a prefixed deletion without them. */
export function serializeDeletion(name: string, attributes: CookieAttributes): string {
  return serializeSetCookie(name, '', { ...attributes, life: longAgo })
}

/** Both forms: Max-Age needs no agreement about the time, Expires is what old clients know. */
function expiryOf({ from, until }: CookieLife): string {
  const seconds = Math.max(0, Math.min(Math.floor((until - from) / 1000), maxCookieAge))
  return `Max-Age=${seconds}; Expires=${new Date(from + seconds * 1000).toUTCString()}`
}
