import type { Cookie } from './cookie.ts'
import { restoreCookie, type SessionRecord } from './store.ts'

/** The values of a session as JSON texts, by key; without the cookie. */
export type Contents = ReadonlyMap<string, string>

/** What a session holds now. Throws a `TypeError` that names the key whose value JSON cannot hold. */
export function contentsOf(session: object): Contents {
  const contents = new Map<string, string>()
  for (const [key, value] of Object.entries(session)) {
    const text = key === 'cookie' ? undefined : textOf(key, value)
    if (text !== undefined) contents.set(key, text)
  }
  return contents
}

/** Whether two sessions hold the same. */
export function isSame(one: Contents, other: Contents): boolean {
  if (one.size !== other.size) return false
  for (const [key, text] of one) if (other.get(key) !== text) return false
  return true
}

/** What a cookie is set to, but for when it ends: each visit changes that. */
export function settingsOf(cookie: Cookie): string {
  return JSON.stringify({ ...cookie.data, expires: null })
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
