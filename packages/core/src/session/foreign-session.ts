/** Reads the sessions that another library keeps in cookies, so that they go on as ours. */
export interface ForeignReader<Data extends object = object> {
  /** Whose they are, as the event `imported` says it: `'iron-session'`. */
  readonly library: string
  /**
   * The session in a `Cookie` header; null when there is none, or none that holds. Never rejects because of what the
   * client sent.
   *
   * @param now In milliseconds since the epoch.
   */
  read(header: string, now: number): Promise<ForeignSession<Data> | null>
}

/** A session as another library kept it. Times in milliseconds since the epoch. */
export interface ForeignSession<Data extends object = object> {
  readonly data: Partial<Data>
  /** Who is signed in, or null. */
  readonly userId: string | null
  /** When it began; null when its cookie does not say. */
  readonly createdAt: number | null
  /** When it ends at the latest; null when its cookie does not say. */
  readonly expiresAt: number | null
  /**
   * What stood in the cookie, if no other visitor's can be the same: this text is imported once only. Null where equal
   * sessions have equal cookies: these can be imported again as long as somebody has a copy.
   */
  readonly credential: string | null
  /** `Set-Cookie` fields that remove its cookies. */
  readonly removeCookies: readonly string[]
}

/** The cookie of another library that a request brought. */
export interface ForeignCookie extends Pick<ForeignSession, 'credential' | 'removeCookies'> {
  readonly library: string
}
