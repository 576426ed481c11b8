import { check } from '../errors.ts'
import {
  serializeDeletion,
  serializeSetCookie,
  type CookieAttributes,
  type CookieLife,
  type SameSite,
} from './set-cookie.ts'

/** How the session cookie is named and scoped. It is always `HttpOnly`, and `Secure` except on loopback. */
export interface CookieOptions {
  /**
   * The name (default `'__Host-Http-sid'`; `'__Secure-sid'` with a `domain` or a `path`). Over plain http on a
   * loopback host the prefix is left off: `sid`.
   */
  readonly name?: string
  /** The path below which the cookie is sent (default `'/'`). */
  readonly path?: string
  /** Shares the cookie with all hosts below this domain (default: this host only). Every one of them can then plant cookies. */
  readonly domain?: string
  /** `'Lax'` (default), `'Strict'`, or `'None'` for embedding in other sites. */
  readonly sameSite?: SameSite
  /** Keeps one cookie per embedding site (CHIPS); needs `sameSite: 'None'` (default false). */
  readonly partitioned?: boolean
  /** Which cookies Chromium evicts last when a jar overflows (default: the browser's). */
  readonly priority?: 'Low' | 'Medium' | 'High'
  /**
   * Keeps the cookie when the browser closes, until the session's absolute limit but at most 400 days (default false).
   * A login that says `remember` decides for its session.
   */
  readonly persistent?: boolean
}

/** The session cookie on one kind of transport. */
export interface SessionCookie {
  readonly name: string
  /**
   * The field that sets it.
   *
   * @param life Counts when the cookie outlives the browser.
   * @param remember Whether it does; null or nothing leaves that to the option `persistent`.
   */
  set(value: string, life: CookieLife, remember?: boolean | null): string
  /** The field that removes it. */
  remove(): string
  /** The cookie of the same scope whose name goes on with this: `.1`. */
  sibling(suffix: string): SessionCookie
}

/** The cookie over https, and the one for development on a loopback host over plain http. */
export interface SessionCookies {
  readonly secure: SessionCookie
  readonly loopback: SessionCookie
}

const prefix = /^__(?:Host-Http|Host|Http|Secure)-/
const anyPrefix = new RegExp(prefix.source, 'i')
const nameGrammar = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const pathGrammar = /^\/[!-:<-~]{0,1023}$/
const domainGrammar = /^(?=.{3,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i
/** What a token of 87 characters leaves of a cookie's 4096 bytes. */
const maxNameLength = 4009

/** Makes the cookies, or throws `ERR_SESSION_CONFIG` for a combination that browsers refuse (RFC 6265bis §4.1.3, §5.7). */
export function createSessionCookies(options: CookieOptions): SessionCookies {
  const { domain, partitioned = false, path = '/', persistent = false, priority, sameSite = 'Lax' } = options
  const hostOnly = domain === undefined && path === '/'
  const name = options.name ?? (hostOnly ? '__Host-Http-sid' : '__Secure-sid')
  const bare = typeof name === 'string' ? name.replace(prefix, '') : ''
  check(
    nameGrammar.test(bare) && name.length <= maxNameLength,
    'cookie.name',
    'must be letters, digits, - and _, after a prefix if any',
  )
  // Browsers know prefixes in any case, servers do not; and behind a prefix, another would come to light on loopback.
  check(!anyPrefix.test(bare), 'cookie.name', 'must spell its prefix exactly, and have one only')
  check(
    pathGrammar.test(path),
    'cookie.path',
    "must begin with '/' and be ASCII without spaces and semicolons",
  )
  check(
    domain === undefined || domainGrammar.test(domain),
    'cookie.domain',
    "must be like 'example.com', without a dot in front",
  )
  check(
    hostOnly || !name.startsWith('__Host-'),
    'cookie.name',
    "with __Host- allows no path and no domain; use '__Secure-sid'",
  )
  check(/^(?:Strict|Lax|None)$/.test(sameSite), 'cookie.sameSite', "must be 'Strict', 'Lax' or 'None'")
  check(
    priority === undefined || /^(?:Low|Medium|High)$/.test(priority),
    'cookie.priority',
    "must be 'Low', 'Medium' or 'High'",
  )
  const flags = typeof persistent === 'boolean' && typeof partitioned === 'boolean'
  check(flags, 'cookie.persistent and cookie.partitioned', 'must be true or false')
  check(!partitioned || sameSite === 'None', 'cookie.partitioned', "needs sameSite 'None'")
  const scope = { path, httpOnly: true, priority }
  const secure = { ...scope, domain, secure: true, sameSite, partitioned }
  // Browsers refuse None and Partitioned without Secure, and a Domain that is not the host's.
  const loopback = { ...scope, secure: false, sameSite: sameSite === 'None' ? 'Lax' : sameSite } as const
  return { secure: cookieOf(name, secure, persistent), loopback: cookieOf(bare, loopback, persistent) }
}

function cookieOf(name: string, attributes: CookieAttributes, persistent: boolean): SessionCookie {
  return {
    name,
    set: (value, life, remember) =>
      serializeSetCookie(name, value, (remember ?? persistent) ? { ...attributes, life } : attributes),
    remove: () => serializeDeletion(name, attributes),
    sibling: (suffix) => cookieOf(name + suffix, attributes, persistent),
  }
}
