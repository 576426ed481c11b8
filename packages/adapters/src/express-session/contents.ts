import type { Cookie, CookieData } from './cookie.ts'
import { restoreCookie, type SessionRecord } from './store.ts'

/** The values of a session as JSON texts, by key; without the cookie. */
export type Contents = ReadonlyMap<string, string>

const nothing: Contents = new Map()

/** What a session holds now. Throws a `TypeError` that names the key whose value JSON cannot hold. */
export function contentsOf(session: object): Contents {
  let contents: Map<string, string> | null = null
  for (const key of Object.keys(session)) {
    const text = key === 'cookie' ? undefined : textOf(key, (session as Record<string, unknown>)[key])
    if (text !== undefined) (contents ??= new Map()).set(key, text)
  }
  return contents ?? nothing
}

/** Whether two sessions hold the same. */
export function isSame(one: Contents, other: Contents): boolean {
  if (one === other) return true
  if (one.size !== other.size) return false
  for (const [key, text] of one) if (other.get(key) !== text) return false
  return true
}

const settings = [
  'originalMaxAge',
  'partitioned',
  'priority',
  'secure',
  'httpOnly',
  'domain',
  'path',
  'sameSite',
] as const satisfies readonly (keyof CookieData)[]

/** Whether two cookies are set to the same, but for when they end: each visit changes that. */
export function isSetAlike(one: Partial<CookieData>, other: Partial<CookieData>): boolean {
  return settings.every(
    (name) => one[name] === other[name] || JSON.stringify(one[name]) === JSON.stringify(other[name]),
  )
}

/**
 * A stored record with what one request changed: the keys whose text is not what it was. Everything else stays as
 * other requests have left it.
 *
 * @param cookie The cookie, when its settings were changed; otherwise that of the record begins its life anew.
 */
export function merged(
  stored: SessionRecord,
  values: Readonly<Record<string, unknown>>,
  before: Contents,
  now: Contents,
  cookie: Cookie | null,
): SessionRecord {
  const record: SessionRecord = { ...stored, cookie: cookie ?? begunAnew(restoreCookie(stored.cookie)) }
  for (const key of before.keys()) if (!now.has(key)) delete record[key]
  for (const [key, text] of now) if (before.get(key) !== text) record[key] = values[key]
  return record
}

function begunAnew(cookie: Cookie): Cookie {
  cookie.maxAge = cookie.originalMaxAge
  return cookie
}

function textOf(key: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TypeError(`req.session.${key} cannot be kept, because sessions are kept as JSON: ${reason}`, {
      cause: error,
    })
  }
}
