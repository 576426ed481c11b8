import { randomText } from './bytes.ts'

declare const sessionId: unique symbol
declare const sessionToken: unique symbol

/** Names a session in the store: 256 random bits in base64url. It is not a credential: safe to store, list and log. */
export type SessionId = string & { readonly [sessionId]: true }

/** The credential in the cookie, `<id>.<proof>`: never stored, logged, or returned by any API. */
export type SessionToken = string & { readonly [sessionToken]: true }

/** What the grammar alone says of a token; the proof is still to be verified. */
export interface UnverifiedToken {
  readonly id: SessionId
  readonly proof: string
}

// 32 bytes in base64url: the 43rd character carries only four bits, so just sixteen of the 64 can stand there.
// Refusing the others leaves one spelling for each token (RFC 4648 §3.5).
const part = '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]'
const idGrammar = new RegExp(`^${part}$`)
const tokenGrammar = new RegExp(`^${part}\\.${part}$`)
const idLength = 43

/** A fresh id from the runtime's secure random source (ASVS 7.2.3). */
export function newSessionId(): SessionId {
  return randomText(32) as SessionId
}

/** Whether a text has the exact form of an id. */
export function isSessionId(text: string): text is SessionId {
  return idGrammar.test(text)
}

/** Splits a cookie value into id and proof, or returns null when it has not the exact form of a token. */
export function parseToken(value: string): UnverifiedToken | null {
  if (!tokenGrammar.test(value)) return null
  return { id: value.slice(0, idLength) as SessionId, proof: value.slice(idLength + 1) }
}

/** The id in what is known to be a token. */
export function idOf(token: SessionToken): SessionId {
  return token.slice(0, idLength) as SessionId
}

/** Puts a token together. */
export function formatToken(id: SessionId, proof: string): SessionToken {
  return `${id}.${proof}` as SessionToken
}
