/** The stable codes of {@link SessionError}; messages are for people and may change. */
export type SessionErrorCode =
  /** An option is wrong, or the library is used in a way that cannot work. */
  | 'ERR_SESSION_CONFIG'
  /** The session was changed after its response had been committed. */
  | 'ERR_SESSION_COMMITTED'
  /** A value cannot be kept: JSON has no form for it, or it does not fit the schema. */
  | 'ERR_SESSION_DATA'
  /** The session does not fit into its cookies. */
  | 'ERR_SESSION_TOO_LARGE'
  /** The store failed or gave no answer; `cause` is the store's own error. */
  | 'ERR_SESSION_STORE'
  /** Something sensitive needs a fresher or a stronger proof of who the user is. */
  | 'ERR_SESSION_STEP_UP'
  /** The user has as many sessions as `maxSessions` allows: nothing was written. */
  | 'ERR_SESSION_LIMIT'
  /** Other requests kept changing the session, and this one never got its turn. */
  | 'ERR_SESSION_CONFLICT'

/**
 * The error that coatcheck throws. Its `code` is stable; neither the message nor any property ever
 * holds a token, a proof or a secret.
 */
export class SessionError extends Error {
  override readonly name = 'SessionError'
  readonly code: SessionErrorCode

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Throws `ERR_SESSION_CONFIG` unless the condition holds: `option` is named first, then what it must be. */
export function check(holds: boolean, option: string, rule: string): asserts holds {
  if (!holds) throw new SessionError('ERR_SESSION_CONFIG', `${option} ${rule}.`)
}
