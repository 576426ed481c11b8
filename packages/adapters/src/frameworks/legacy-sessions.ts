import type { IncomingHttpHeaders } from 'node:http'

/** Sessions that another library began, and that go on as ours. */
export interface LegacySessions<Data extends object = object> {
  /** The session that a request brings in the old form; null when it brings none. Asks no store. */
  find(headers: IncomingHttpHeaders): LegacyTicket<Data> | null
}

/** A cookie of the other library whose signature holds. */
export interface LegacyTicket<Data extends object = object> {
  /** What that library keeps, or null when it keeps nothing any more. Rejects when its store fails. */
  read(): Promise<LegacySession<Data> | null>
  /** Ends the old session, when the new one is in its store. */
  end(): Promise<void>
  /** The `Set-Cookie` field that removes the old cookie. */
  readonly removeCookie: string
}

/** A session as it is taken over. */
export interface LegacySession<Data extends object = object> {
  readonly data: Partial<Data>
  /** Who is signed in, or null. */
  readonly userId: string | null
}
