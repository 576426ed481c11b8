/* oxlint-disable no-underscore-dangle -- _expires is express-session's name for it, and stores read it */
import { types } from 'node:util'
import depd from 'depd'

const deprecate = depd('express-session')

/** Attributes of the session cookie, as express-session takes them. */
export interface CookieOptions {
  /** Which hosts get the cookie (default: only the one that set it). */
  readonly domain?: string | null | undefined
  /** When the cookie ends; `maxAge` is the better way to say it. Of the two, the one that was given last counts. */
  readonly expires?: Date | string | false | null | undefined
  /** Keeps the cookie from scripts of the page (default true). */
  readonly httpOnly?: boolean | null | undefined
  /** How long cookie and session live after the last visit, in milliseconds (default null: until the browser closes). */
  readonly maxAge?: number | Date | false | null | undefined
  /** What `touch` sets `maxAge` to, in milliseconds (default: the `maxAge` of the beginning). */
  readonly originalMaxAge?: number | false | null | undefined
  /** Ties the cookie to the site at the top of the window (default false). */
  readonly partitioned?: boolean | null | undefined
  /** Below which path the cookie is sent (default `'/'`). */
  readonly path?: string | null | undefined
  /** Which cookies the browser drops first when it has too many: `'low'`, `'medium'` or `'high'`. */
  readonly priority?: string | null | undefined
  /** When other sites' requests carry the cookie; true is `'strict'`, `'auto'` is `'none'` over https and else `'lax'`. */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | null | undefined
  /** Sends the cookie over https only (default false); `'auto'` where the request came by https. */
  readonly secure?: boolean | 'auto' | null | undefined
}

/** What a record keeps of a cookie, in the order in which express-session writes it. */
export type CookieData = Pick<
  Cookie,
  | 'originalMaxAge'
  | 'partitioned'
  | 'priority'
  | 'expires'
  | 'secure'
  | 'httpOnly'
  | 'domain'
  | 'path'
  | 'sameSite'
>

const label = '[a-z\\d](?:[a-z\\d-]{0,61}[a-z\\d])?'
const domainForm = new RegExp(`^\\.?${label}(?:\\.${label})*$`, 'i')
/** Printable ASCII but `;`, and `<`, which express-session leaves out too. */
const pathForm = /^[ -:=-~]*$/
const nameForm = /^[\w!#$%&'*+.^`|~-]+$/

const priorities: ReadonlyMap<unknown, string> = new Map([
  ['low', 'Low'],
  ['medium', 'Medium'],
  ['high', 'High'],
])
const sameSites: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [true, 'Strict'],
  ['strict', 'Strict'],
  ['lax', 'Lax'],
  ['none', 'None'],
])

/** The attributes that can be wrong: what each must be, once it is given at all. */
const attributes = {
  domain: {
    fits: (value: unknown) => typeof value === 'string' && domainForm.test(value),
    rule: "must be a host name, such as 'example.com', without scheme or port",
  },
  path: {
    fits: (value: unknown) => typeof value === 'string' && pathForm.test(value),
    rule: "must be a path of printable ASCII without ';' and '<', such as '/'; encode others with encodeURI",
  },
  expires: {
    fits: isValidDate,
    rule: 'must be a valid Date; better, give maxAge in milliseconds',
  },
  priority: {
    fits: (value: unknown) => priorities.has(lowered(value)),
    rule: "must be 'low', 'medium' or 'high'",
  },
  sameSite: {
    fits: (value: unknown) => sameSites.has(lowered(value)),
    rule: "must be true, false, 'lax', 'strict' or 'none'",
  },
} as const

/** The cookie of one session, with the interface and the output of express-session's. */
export class Cookie {
  path: string | null | undefined = '/'
  _expires: Date | string | false | null | undefined = null
  /** The life that {@link Session.touch} gives again, in milliseconds; null ends with the browser. */
  originalMaxAge: number | false | null | undefined = null
  httpOnly: boolean | null | undefined = true
  declare domain: string | null | undefined
  declare partitioned: boolean | null | undefined
  declare priority: string | null | undefined
  declare sameSite: CookieOptions['sameSite']
  declare secure: boolean | 'auto' | null | undefined

  /** Throws a `TypeError` for options that are no object, and for a `maxAge` that is neither number nor Date. */
  constructor(options?: CookieOptions | null) {
    if (options) {
      if (typeof options !== 'object') {
        throw new TypeError('argument options must be an object, such as { maxAge: 60_000 }')
      }
      for (const key in options) {
        // A record comes from outside: what it calls toJSON or __proto__ must not become that.
        if (!(key in Cookie.prototype) || key === 'expires' || key === 'maxAge') {
          ;(this as Record<string, unknown>)[key] = options[key as keyof CookieOptions]
        }
      }
    }
    this.originalMaxAge ??= this.maxAge
  }

  /** When the cookie ends; false or null: with the browser. Setting it sets `originalMaxAge` as well. */
  get expires(): Date | string | false | null | undefined {
    return this._expires
  }

  set expires(expires: Date | string | false | null | undefined) {
    expire(this, expires, Date.now())
  }

  /** How long the cookie still lives, in milliseconds. A Date is taken too, with a warning that it is deprecated. */
  get maxAge(): number | false | null | undefined {
    return remaining(this._expires, Date.now())
  }

  set maxAge(maxAge: number | Date | false | null | undefined) {
    if (maxAge && typeof maxAge !== 'number' && !(maxAge instanceof Date)) {
      throw new TypeError(
        'maxAge must be a number or Date: give milliseconds, or null to end with the browser',
      )
    }
    if (maxAge instanceof Date) deprecate('maxAge as Date; pass number of milliseconds instead')
    const now = Date.now()
    expire(this, typeof maxAge === 'number' ? new Date(now + maxAge) : maxAge, now)
  }

  /** What the record keeps. */
  get data(): CookieData {
    return {
      originalMaxAge: this.originalMaxAge,
      partitioned: this.partitioned,
      priority: this.priority,
      expires: this._expires,
      secure: this.secure,
      httpOnly: this.httpOnly,
      domain: this.domain,
      path: this.path,
      sameSite: this.sameSite,
    }
  }

  /**
   * The value of a `Set-Cookie` field, byte for byte as express-session writes it; the value is percent-encoded.
   * Throws a `TypeError` that names the attribute that is invalid.
   */
  serialize(name: string, value: string): string {
    if (!isCookieName(name))
      throw new TypeError('argument name is invalid: it must be a token, such as connect.sid')
    const { domain, expires, path, priority, sameSite } = this.data
    let field = `${name}=${encodeURIComponent(value)}`
    if (isGiven('domain', domain)) field += `; Domain=${domain}`
    if (isGiven('path', path)) field += `; Path=${path}`
    if (isGiven('expires', expires)) field += `; Expires=${(expires as Date).toUTCString()}`
    if (this.httpOnly) field += '; HttpOnly'
    if (this.secure) field += '; Secure'
    if (this.partitioned) field += '; Partitioned'
    if (isGiven('priority', priority)) field += `; Priority=${priorities.get(lowered(priority))}`
    if (isGiven('sameSite', sameSite)) field += `; SameSite=${sameSites.get(lowered(sameSite))}`
    return field
  }

  toJSON(): CookieData {
    return this.data
  }
}

/** Whether a cookie can have this name: a token (RFC 6265bis §4.1.1). */
export function isCookieName(name: unknown): name is string {
  return typeof name === 'string' && nameForm.test(name)
}

/**
 * Checks the option `cookie`, or what the function given for it returned, so that a mistake shows when the server
 * starts and not in its responses. Throws a `TypeError` that names the attribute and says what it must be.
 */
export function checkCookieOptions(options: unknown): asserts options is CookieOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      'cookie must be an object such as { maxAge: 60_000 }, or a function of the request that returns one.',
    )
  }
  const given = options as Readonly<Record<string, unknown>>
  for (const [name, { fits, rule }] of Object.entries(attributes)) {
    const value = given[name]
    if (!value || fits(value)) continue
    if (name === 'sameSite' && value === 'auto') continue
    throw new TypeError(`cookie.${name} ${rule}${name === 'sameSite' ? ", or 'auto'" : ''}.`)
  }
  for (const name of ['httpOnly', 'partitioned', 'secure']) {
    const value = given[name]
    // The text 'false', as it comes from an environment variable, would count as true.
    if (value !== 'false') continue
    throw new TypeError(`cookie.${name} must be true or false${name === 'secure' ? ", or 'auto'" : ''}.`)
  }
  const { maxAge } = given
  if (typeof maxAge === 'number' ? isTime(Date.now() + maxAge) : !maxAge || isValidDate(maxAge)) return
  throw new TypeError(
    'cookie.maxAge must be a finite number of milliseconds, or null to end with the browser.',
  )
}

/** Whether an attribute is to be written; what is falsy is left out. Throws when it has no valid form. */
function isGiven(name: keyof typeof attributes, value: unknown): boolean {
  if (!value) return false
  const { fits, rule } = attributes[name]
  if (!fits(value)) throw new TypeError(`option ${name} is invalid: it ${rule}`)
  return true
}

/** One reading of the clock for both, so that a session that is touched again and again keeps its exact life. */
function expire(cookie: Cookie, expires: Cookie['_expires'], now: number): void {
  cookie._expires = expires
  cookie.originalMaxAge = remaining(expires, now)
}

/** A text is no life, but express-session keeps it as one until the Date takes its place. */
function remaining(expires: Cookie['_expires'], now: number): Cookie['originalMaxAge'] {
  return expires instanceof Date ? expires.valueOf() - now : (expires as Cookie['originalMaxAge'])
}

function lowered(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value
}

function isValidDate(value: unknown): value is Date {
  return types.isDate(value) && isTime(value.valueOf())
}

/** Whether a Date can hold it. */
function isTime(milliseconds: number): boolean {
  return !Number.isNaN(new Date(milliseconds).valueOf())
}
