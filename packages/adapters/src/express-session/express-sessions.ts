import type { LegacySessions, LegacySession } from '../frameworks/legacy-sessions.ts'
import { removal } from './cookie-field.ts'
import { Cookie } from './cookie.ts'
import { answerOf, readRecord } from './record-keeper.ts'
import { readSessionIds, type Secret } from './signature.ts'
import { isSessionRecord, type AnyExpressStore, type ExpressStore, type SessionRecord } from './store.ts'

/** Where and how express-session has kept its sessions. */
export interface ExpressSessionsOptions<Data extends object> {
  /** The secret, or secrets, that signed its cookies. */
  readonly secret: Secret | readonly Secret[]
  /** Its store. When a session ends is that store's word; the expiry in the record's cookie may be out of date. */
  readonly store: AnyExpressStore
  /** The name of its cookie (default `'connect.sid'`). */
  readonly name?: string
  /** Path and domain of its cookie, if they were set: without them no browser gives the cookie up. */
  readonly cookie?: { readonly path?: string; readonly domain?: string }
  /** The data of the new session, which must fit its schema (default: all of the old one, but for its cookie). */
  readonly dataOf?: (session: SessionRecord) => Partial<Data>
  /** Who is signed in, for example `(session) => session.passport?.user` (default: nobody). */
  readonly userIdOf?: (session: SessionRecord) => string | null | undefined
  /** Is told of each session that was taken over, for counting what is left. */
  readonly onImport?: () => void
}

/**
 * Lets sessions of express-session go on under `session(manager, { legacy: expressSessions(…) })`: each is taken over
 * once, under a new id; then the old cookie and the old record are removed.
 */
export function expressSessions<Data extends object = Record<string, unknown>>(
  options: ExpressSessionsOptions<Data>,
): LegacySessions<Data> {
  const { cookie, dataOf = withoutCookie, name = 'connect.sid', onImport, secret, userIdOf } = options
  const store: ExpressStore = options.store
  const secrets = Array.isArray(secret) ? (secret as readonly Secret[]) : [secret as Secret]
  const removeCookie = removal(name, new Cookie(cookie))

  const legacyOf = (record: SessionRecord): LegacySession<Data> => ({
    data: dataOf(record),
    userId: userIdOf?.(record) ?? null,
  })

  return {
    find(headers) {
      const ids = readSessionIds(headers.cookie ?? '', name, secrets)
      let found: string | null = null
      if (ids.length === 0) return null
      return {
        removeCookie,
        async read() {
          for (const { sid } of ids) {
            const record = await readRecord(store, sid)
            found = sid
            if (isSessionRecord(record)) return legacyOf(record)
          }
          return null
        },
        async end() {
          await answerOf((done) => store.destroy(found!, done))
          onImport?.()
        },
      }
    },
  }
}

function withoutCookie(session: SessionRecord): object {
  return Object.fromEntries(Object.entries(session).filter(([key]) => key !== 'cookie'))
}
