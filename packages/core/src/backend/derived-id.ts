import { toBase64url, utf8 } from '../crypto/bytes.ts'
import type { SessionId } from '../crypto/token.ts'

/**
 * The id of a record that is no session but has its place in the same store: found by what it is about, and not to be
 * read back from the id. No cookie leads to it, since no proof was ever made for it; if one did, it is unreadable.
 */
export async function derivedId(purpose: string, ...parts: readonly string[]): Promise<SessionId> {
  const text = ['coatcheck', purpose, ...parts].map((part) => JSON.stringify(part)).join('/')
  return toBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text)))) as SessionId
}
